import { addressesIn } from './addresses.ts';
import { findReply } from './codes.ts';
import { headerOf, headersOf, type Mail, type MailHeader, readFields } from './mail.ts';
import { FOOTER } from './phrases.ts';
import type { ReportedMail } from './report.ts';

/** A mail that came back, with what it says set apart from the mail that it returns. */
export interface Notice {
  readonly mail: Mail;
  /** What the server says. */
  readonly text: string;
  /** Header fields of the mail that is returned; none where it is not. */
  readonly original: readonly MailHeader[];
}

/** Lines with which servers begin to return a mail. */
const RETURNED =
  /^[ \t>]*[-=*_+~#]{2,}[ \t]*(?:this is a copy|below this line|below is|here is a copy|a copy of|copy of|begin(?:ning)? (?:of )?(?:message|returned|original)|start of|the body of|the header|unsent|undelivered|undeliverable|returned (?:message|mail)|original|your (?:original )?(?:message|mail)|full (?:message|header)|message headers?|headers?\b|message (?:text|body|follows)|mail follows|first \d+ lines|included|embedded|text of|attached|forwarded|元のメッセージ|以下|原邮件|原始邮件|원본|ursprüngliche|исходное|message original|message d'origine|mensaje original|mensagem original|messaggio originale)[^\n]{0,120}$/im;
const RETURNED_PLAIN =
  /^[ \t]*(?:(?:the |your )?(?:original message|returned message|message header|message headers|unsent message|headers? of the original message|original message headers?|message text|a copy of (?:the|your) (?:original )?message|the following is a copy of|below is (?:a copy of )?(?:the|your) (?:original )?message|original mail|header of message|received message|the first \d+ lines of the message)[^\n]{0,80}(?:follows?|included|attached|below|is|headers?|was)?[ \t.]{0,4}:[ \t]*)$/im;
const TRANSCRIPT_OF_SESSION = /transcript of session|while talking/i;
/** Header fields that no server writes into its explanation. */
const TELLTALE =
  /^[> \t]{0,8}(?:received|return-path|message-id|mime-version|dkim-signature|x-mailer|x-originating-ip|content-type|content-transfer-encoding|domainkey-signature):[ \t]*\S/im;
const FIELD_LINE = /^[> \t]{0,8}[A-Za-z][A-Za-z0-9-]{1,40}:(?:[ \t]|$)/;
const FOLDED_LINE = /^[> \t]*[ \t]\S/;

/** Where the header block begins that has a telltale line at `at`: lines before it that are fields, too. */
function blockStart(text: string, at: number): number {
  let start = text.lastIndexOf('\n', at - 1) + 1;
  for (let lines = 0; start > 0 && lines < 60; lines++) {
    const before = text.lastIndexOf('\n', start - 2) + 1;
    const line = text.slice(before, start - 1);
    if (!FIELD_LINE.test(line) && !FOLDED_LINE.test(line)) break;
    // `<a@example.com>: 550 …` on an indented line is the server's.
    if (!FIELD_LINE.test(line) && /@/.test(line) && /[45]\d\d/.test(line)) break;
    start = before;
  }
  return start;
}

function fieldCount(text: string, at: number): number {
  return readFields(unquoted(text.slice(at, at + 8_192))).length;
}

const unquoted = (text: string): string => text.replace(/^(?:[>|][ \t]?|[ \t]{1,8}(?=[A-Za-z-]{2,40}:))/gm, '');

/** Where the returned mail begins in the text of a notice; its length where none is returned in it. */
function splitAt(text: string): { readonly end: number; readonly headers: number } {
  const marker = RETURNED.exec(text) ?? RETURNED_PLAIN.exec(text);
  const telltale = TELLTALE.exec(text);
  const block = telltale ? blockStart(text, telltale.index + telltale[0].search(/\S/)) : text.length;
  const isBlock = telltale !== null && fieldCount(text, block) >= 3;
  const isMarker = marker !== null && !TRANSCRIPT_OF_SESSION.test(marker[0]) && marker.index > 0;
  if (isMarker && (!isBlock || marker.index <= block)) {
    const after = marker.index + marker[0].length;
    return { end: marker.index, headers: isBlock ? block : after };
  }
  return isBlock ? { end: block, headers: block } : { end: text.length, headers: text.length };
}

const ORIGINAL_TYPES =
  /^(?:message\/(?:rfc822|global|rfc822-headers|global-headers|partial|news)|text\/(?:rfc822-headers?|rfc822|global-headers))$/;

const isOriginal = (fields: readonly MailHeader[]): boolean =>
  ['to', 'from', 'subject', 'message-id', 'received'].filter((name) => headerOf(fields, name) !== '').length >= 2;

function originalIn(mail: Mail): MailHeader[] {
  for (const part of mail.parts) {
    if (!ORIGINAL_TYPES.test(part.type)) continue;
    const fields = readFields(part.text.replace(/^\s+/, ''));
    if (isOriginal(fields) || fields.length > 3) return fields;
  }
  for (const part of mail.parts) {
    if (/delivery-status|feedback-report/.test(part.type)) continue;
    const fields = readFields(part.text.replace(/^\s+/, ''));
    if (isOriginal(fields)) return fields;
  }
  return [];
}

/** Fields of a mail that are quoted in an explanation, not the mail itself. */
const QUOTED_FIELDS_MAX = 10;

/** Some quote a few fields of the mail first, and explain after them. */
function afterFields(text: string, end: number): string {
  const lines = text.slice(end, end + 8_192).split('\n');
  const start = lines.findIndex((line) => line.trim() !== '');
  const length = lines.slice(Math.max(0, start)).findIndex((line) => !FIELD_LINE.test(line) && !FOLDED_LINE.test(line));
  if (start < 0 || length < 0) return '';
  const fields = lines.slice(start, start + length);
  const rest = text.slice(end + lines.slice(0, start + length).join('\n').length);
  if (/header fields:\s*$/i.test(text.slice(Math.max(0, end - 100), end))) return rest;
  const isMail = fields.length > QUOTED_FIELDS_MAX || fields.some((line) => /^[> \t]*received:/i.test(line));
  return isMail || findReply(text.slice(0, end)) !== null || findReply(rest.slice(0, 2_000)) === null ? '' : rest;
}

/** A line of a footer is no longer than this. */
const FOOTER_LENGTH_MAX = 300;

const withoutFooters = (text: string): string =>
  text
    .split('\n')
    .map((line) => (line.length < FOOTER_LENGTH_MAX && FOOTER.test(line) ? '' : line))
    .join('\n');

/** Sets the words of a server apart from the mail that it returns, and from what filters write below every mail. */
export function readNotice(mail: Mail): Notice {
  const { end, headers } = splitAt(mail.text);
  const attached = originalIn(mail);
  const written = readFields(unquoted(mail.text.slice(headers)).replace(/^\s+/, ''));
  const original = attached.length > 0 ? attached : isOriginal(written) || written.length > 3 ? written : [];
  const text = withoutFooters(mail.text.slice(0, end) + afterFields(mail.text, end));
  return { mail, text: text.trim() === '' ? mail.text : text, original };
}

/** Fields that name whom the returned mail was for; the first that names somebody is believed. */
const RECIPIENT_FIELDS = [
  'x-failed-recipients',
  'x-hmxmroriginalrecipient',
  'x-original-to',
  'original-rcpt-to',
  'x-envelope-to',
  'envelope-to',
  'x-rcpt-to',
  'x-actual-recipient',
  'to',
  'resent-to',
  'apparently-to',
  'delivered-to',
];

/** Whom the returned mail was for; none where it does not say so. */
export function recipientsOf(original: readonly MailHeader[]): string[] {
  for (const name of RECIPIENT_FIELDS) {
    const found = addressesIn(headersOf(original, name).join(', '));
    if (found.length > 0) return found;
  }
  return [];
}

/** Everybody whom the returned mail names as a recipient. */
export function allRecipientsOf(original: readonly MailHeader[]): string[] {
  const names = [...RECIPIENT_FIELDS, 'cc', 'bcc'];
  return [...new Set(names.flatMap((name) => addressesIn(headersOf(original, name).join(', '))))];
}

/** Who had sent the returned mail: no recipient of it. */
export const sendersOf = (original: readonly MailHeader[]): string[] =>
  ['from', 'return-path', 'sender', 'reply-to', 'x-envelope-from', 'errors-to'].flatMap((name) =>
    addressesIn(headersOf(original, name).join(', ')),
  );

const bracketed = (value: string): string | null => /<([^<>\s]{1,400})>/.exec(value)?.[1] ?? null;

/** What the mail can be recognised by. */
export function reportedMail({ mail, original }: Notice): ReportedMail {
  const messageId =
    bracketed(headerOf(original, 'message-id')) ??
    bracketed(headerOf(mail.headers, 'in-reply-to')) ??
    bracketed(headerOf(mail.headers, 'references').split(/\s/).at(-1) ?? '');
  return { returnPath: returnPathOf(mail, original), messageId, feedbackId: headerOf(original, 'feedback-id') || null };
}

/** As a complaint (RFC 5965) says it, or the header that the last server wrote into the mail. */
function returnPathOf(mail: Mail, original: readonly MailHeader[]): string | null {
  const report = mail.parts.find(({ type }) => type === 'message/feedback-report');
  const told = report ? headerOf(readFields(report.text.replace(/^\s+/, '')), 'original-mail-from') : '';
  return addressesIn(told || headerOf(original, 'return-path'))[0] ?? null;
}
