import { encode, wrap } from 'nodemailer/lib/qp';
import { hasLongLine, withCrlf } from './lines.ts';

/** A body part that holds text: its transfer encoding, and its lines, each ended with CRLF. ASCII only. */
export interface TextPart {
  readonly encoding: '7bit' | 'quoted-printable' | 'base64';
  readonly content: string;
}

const BASE64_LINE_LENGTH = 76;
const NEEDS_ENCODING = /[^\t\r\n -~]/;
const BASE64_LINE = new RegExp(`.{${BASE64_LINE_LENGTH}}(?=.)`, 'g');

/**
 * Encodes text for any server: as it is where it is ASCII with lines that SMTP carries, else whichever of
 * quoted-printable and base64 is shorter. 8-bit data is never sent: not every server takes it, and a signature does not
 * survive its conversion.
 */
export function textPart(text: string): TextPart {
  const lines = withCrlf(text.toWellFormed());
  if (!NEEDS_ENCODING.test(lines) && !hasLongLine(lines)) return { encoding: '7bit', content: lines };
  const bytes = Buffer.byteLength(lines);
  // Every octet of a non-ASCII character takes three in quoted-printable; base64 takes 4 for 3 throughout.
  const encodedOctets = (bytes - lines.length) * 2;
  if (encodedOctets > bytes / 4) return { encoding: 'base64', content: base64Lines(Buffer.from(lines, 'utf8')) };
  return { encoding: 'quoted-printable', content: withCrlf(wrap(encode(lines), BASE64_LINE_LENGTH)) };
}

const base64Lines = (bytes: Buffer): string => `${bytes.toString('base64').replace(BASE64_LINE, '$&\r\n')}\r\n`;
