import { isUtf8 } from 'node:buffer';
import type { HeaderField } from './header-fields.ts';
import { hasLongLine, withLineEnd } from './lines.ts';

/** Fields of one message, and octets of all of them. */
export const FIELDS_MAX = 1_000;
export const HEADER_BYTES_MAX = 262_144;

export type MessageFault = 'bare-line-break' | 'line-too-long' | 'bad-header' | 'nul';

/** A message taken apart: its fields as they are, and its body. Lines end with CRLF and are no longer than SMTP carries. */
export type ReadMessage =
  | { readonly ok: true; readonly fields: readonly HeaderField[]; readonly body: Buffer }
  | { readonly ok: false; readonly fault: MessageFault };

const FIELD = /^([!-9;-~]{1,100})[ \t]*:/;
const BARE_LINE_BREAK = /\r(?!\n)|(?<!\r)\n/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const CONTROL_IN_HEADER = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u2028\u2029]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const CONTROL_IN_PART = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/;

/**
 * Reads a message (RFC 5322). Line ends must be of one kind: CRLF, or LF throughout as text tools write it, which becomes
 * CRLF. A mixture is refused, since servers that read it differently can be made to see another message in it.
 */
export function readMessage(bytes: Buffer): ReadMessage {
  const read = bytes.toString('latin1');
  const text = withLineEnd(read.includes('\r') ? read : read.replaceAll('\n', '\r\n'));
  if (BARE_LINE_BREAK.test(text)) return { ok: false, fault: 'bare-line-break' };
  if (hasLongLine(text)) return { ok: false, fault: 'line-too-long' };
  if (text.includes('\0')) return { ok: false, fault: 'nul' };
  const [header, body] = split(text);
  const fields = readFields(Buffer.from(header, 'latin1'), 'utf-8');
  if (fields === null) return { ok: false, fault: 'bad-header' };
  return { ok: true, fields, body: Buffer.from(body, 'latin1') };
}

/** At the first empty line; a message without one is all header. */
function split(text: string): readonly [header: string, body: string] {
  if (text.startsWith('\r\n')) return ['', text.slice(2)];
  const end = text.indexOf('\r\n\r\n');
  return end < 0 ? [text, ''] : [text.slice(0, end + 2), text.slice(end + 4)];
}

/**
 * The fields of a header, each line of it ended with CRLF. Null: it is none. `any`: parts may be written in any character
 * set, and are not ours to write again.
 */
export function readFields(bytes: Buffer, charset: 'utf-8' | 'any'): HeaderField[] | null {
  if (bytes.length > HEADER_BYTES_MAX || (charset === 'utf-8' && !isUtf8(bytes))) return null;
  const header = bytes.toString(charset === 'utf-8' ? 'utf8' : 'latin1');
  if ((charset === 'utf-8' ? CONTROL_IN_HEADER : CONTROL_IN_PART).test(header)) return null;
  const fields: { name: string; line: string }[] = [];
  for (const line of header.split('\r\n').slice(0, -1)) {
    if (line.startsWith(' ') || line.startsWith('\t')) {
      const last = fields.at(-1);
      // A line of spaces alone would look like the end of the header once they are trimmed.
      if (last === undefined || line.trim() === '') return null;
      last.line += `\r\n${line}`;
      continue;
    }
    const name = FIELD.exec(line)?.[1];
    if (name === undefined || fields.length >= FIELDS_MAX) return null;
    fields.push({ name, line });
  }
  return fields;
}

/** A field's value in one line. */
export const unfolded = ({ name, line }: HeaderField): string =>
  line
    .slice(line.indexOf(':', name.length) + 1)
    .replace(/\r\n(?=[ \t])/g, '')
    .trim();
