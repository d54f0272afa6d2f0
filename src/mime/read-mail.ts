import libmime from 'libmime';
import { type Attachment, type ParsedMail, simpleParser } from 'mailparser';
import { htmlText } from '../domain/feedback/html-text.ts';
import { type Mail, type MailHeader, type MailPart, readFields } from '../domain/feedback/mail.ts';

/** Of a mail, this much is read: reports stand before the mail that they return, which may be as large as it likes. */
export const MAIL_BYTES_MAX = 1_048_576;
/** Of its text and of each part, this much is looked at. */
const TEXT_LENGTH_MAX = 131_072;
const PARTS_MAX = 50;
const CHILD_NODES_MAX = 200;
const HEADER_BYTES_MAX = 262_144;
const HEADERS_MAX = 1_000;
const HEADER_LENGTH_MAX = 4_096;
/** All bytes are there: a parser that takes longer waits for something that does not come. */
const PATIENCE_MS = 5_000;

const utf8 = new TextDecoder('utf-8', { fatal: false });
const latin1 = new TextDecoder('windows-1252', { fatal: false });

/** Servers write mails that are UTF-8 and do not say so, or are something else; the latter decodes to something in any case. */
function decodeBytes(bytes: Uint8Array): string {
  const text = utf8.decode(bytes);
  return text.includes('\ufffd') ? latin1.decode(bytes) : text;
}

const bounded = (text: string): string => text.slice(0, TEXT_LENGTH_MAX);

function decoded(value: string): string {
  const raw = value.slice(0, HEADER_LENGTH_MAX);
  try {
    return raw.includes('=?') ? libmime.decodeWords(raw) : raw;
  } catch {
    return raw;
  }
}

/** Fields from their lines, which hold one octet per character. */
const headersFrom = (lines: readonly string[]): MailHeader[] =>
  lines.slice(0, HEADERS_MAX).flatMap((line) => {
    const [field] = readFields(decodeBytes(Buffer.from(line.slice(0, HEADER_LENGTH_MAX * 2), 'latin1')));
    return field ? [{ name: field.name, value: decoded(field.value) }] : [];
  });

const isReadable = (type: string): boolean => /^(?:message|text)\//.test(type) || type === 'application/octet-stream';

const partOf = ({ content, contentType }: Attachment): MailPart => ({
  type: contentType.toLowerCase(),
  text: bounded(decodeBytes(content.subarray(0, TEXT_LENGTH_MAX))),
});

/** The bytes as they are, where their structure cannot be made out: codes and addresses can still be found in them. */
function readPlainly(bytes: Uint8Array): Mail {
  const text = decodeBytes(bytes.subarray(0, TEXT_LENGTH_MAX)).replace(/\r\n?/g, '\n');
  const end = text.indexOf('\n\n');
  const headers = readFields(end < 0 ? text : text.slice(0, end)).slice(0, HEADERS_MAX);
  return {
    headers: headers.map(({ name, value }) => ({ name, value: decoded(value) })),
    text: end < 0 ? '' : text.slice(end + 2),
    parts: [],
  };
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

const OPTIONS = {
  skipHtmlToText: true,
  skipTextToHtml: true,
  skipTextLinks: true,
  skipImageLinks: true,
  keepCidLinks: true,
  keepDeliveryStatus: true,
  checksumAlgo: false,
  // The mail that is returned is a part, not text of the notice.
  ignoreEmbedded: true,
  maxHeadSize: HEADER_BYTES_MAX,
  maxChildNodes: CHILD_NODES_MAX,
} as const;

async function parse(bytes: Uint8Array): Promise<ParsedMail> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('the MIME parser does not come to an end')), PATIENCE_MS);
  });
  try {
    return await Promise.race([simpleParser(Buffer.from(bytes), OPTIONS), patience]);
  } finally {
    clearTimeout(timer);
  }
}

/** Takes a mail apart. Answers something for any bytes, and never throws. */
export async function readMail(whole: Uint8Array): Promise<Mail> {
  const start = startOf(whole);
  const bytes = whole.subarray(start, start + MAIL_BYTES_MAX);
  try {
    const parsed = await parse(bytes);
    const headers = headersFrom((parsed.headerLines ?? []).map(({ line }) => line));
    const parts = parsed.attachments
      .filter(({ contentType }) => isReadable(contentType.toLowerCase()))
      .slice(0, PARTS_MAX)
      .map(partOf);
    const plain = parsed.text?.trim() ? parsed.text : '';
    const text = bounded(plain || htmlText(bounded(parsed.html || '')));
    // A boundary that is nowhere to be found leaves a mail without content.
    if (text.trim() === '' && parts.length === 0) return { ...readPlainly(bytes), headers };
    return { headers, text: text.replace(/\r\n?/g, '\n'), parts };
  } catch {
    return readPlainly(bytes);
  }
}
