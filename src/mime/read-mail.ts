import PostalMime, { type Attachment, decodeWords } from 'postal-mime';
import { htmlText } from '../domain/feedback/html-text.ts';
import { type Mail, type MailHeader, readFields } from '../domain/feedback/mail.ts';

/** Of a mail, this much is read: reports stand before the mail that they return, which may be as large as it likes. */
export const MAIL_BYTES_MAX = 1_048_576;
/** Of its text and of each part, this much is looked at. */
const TEXT_LENGTH_MAX = 131_072;
const PARTS_MAX = 50;
const DEPTH_MAX = 20;
const HEADER_BYTES_MAX = 262_144;
const HEADERS_MAX = 1_000;

const utf8 = new TextDecoder('utf-8', { fatal: false });
const latin1 = new TextDecoder('windows-1252', { fatal: false });

/** Servers write mails that are UTF-8 and do not say so, or are something else; the latter decodes to something in any case. */
function decodeBytes(bytes: Uint8Array): string {
  const text = utf8.decode(bytes);
  return text.includes('\ufffd') ? latin1.decode(bytes) : text;
}

const bounded = (text: string): string => text.slice(0, TEXT_LENGTH_MAX);

function decoded(value: string): string {
  try {
    return value.includes('=?') ? decodeWords(value) : value;
  } catch {
    return value;
  }
}

const headersFrom = (raw: readonly { readonly key: string; readonly value: string }[]): MailHeader[] =>
  raw.slice(0, HEADERS_MAX).map(({ key, value }) => ({ name: key, value: decoded(value.slice(0, 4_096)) }));

const isReadable = (type: string): boolean => /^(?:message|text)\//.test(type) || type === 'application/octet-stream';

function partOf(attachment: Attachment) {
  const { content, mimeType } = attachment;
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : new Uint8Array(content);
  return { type: mimeType.toLowerCase(), text: bounded(decodeBytes(bytes.subarray(0, TEXT_LENGTH_MAX))) };
}

/** The bytes as they are, where their structure cannot be made out: codes and addresses can still be found in them. */
function readPlainly(bytes: Uint8Array): Mail {
  const text = decodeBytes(bytes.subarray(0, TEXT_LENGTH_MAX)).replace(/\r\n?/g, '\n');
  const end = text.indexOf('\n\n');
  const headers = readFields(end < 0 ? text : text.slice(0, end));
  const raw = headers.map(({ name, value }) => ({ key: name, value }));
  return { headers: headersFrom(raw), text: end < 0 ? '' : text.slice(end + 2), parts: [] };
}

/** Where a mail begins: after the empty lines and the `From ` line of an mbox that some archives put before it. */
function startOf(bytes: Uint8Array): number {
  let at = 0;
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) at = 3;
  while (at < bytes.length && (bytes[at] === 0x0a || bytes[at] === 0x0d || bytes[at] === 0x20)) at++;
  const isMbox = latin1.decode(bytes.subarray(at, at + 5)) === 'From ';
  if (!isMbox) return at;
  const end = bytes.indexOf(0x0a, at);
  return end < 0 ? at : end + 1;
}

/** Takes a mail apart. Answers something for any bytes, and never throws. */
export async function readMail(whole: Uint8Array): Promise<Mail> {
  const bytes = whole.subarray(startOf(whole), MAIL_BYTES_MAX);
  try {
    const parsed = await PostalMime.parse(bytes, {
      forceRfc822Attachments: true,
      maxNestingDepth: DEPTH_MAX,
      maxHeadersSize: HEADER_BYTES_MAX,
    });
    const parts = parsed.attachments
      .filter(({ mimeType }) => isReadable(mimeType.toLowerCase()))
      .slice(0, PARTS_MAX)
      .map(partOf);
    const plain = parsed.text?.trim() ? parsed.text : '';
    const text = bounded(plain || htmlText(bounded(parsed.html ?? '')));
    // A boundary that is nowhere to be found leaves a mail without content.
    if (text.trim() === '' && parts.length === 0)
      return { ...readPlainly(bytes), headers: headersFrom(parsed.headers) };
    return { headers: headersFrom(parsed.headers), text: text.replace(/\r\n?/g, '\n'), parts };
  } catch {
    return readPlainly(bytes);
  }
}
