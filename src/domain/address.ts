/** Octets of a local part (RFC 5321 section 4.5.3.1.1). */
export const LOCAL_BYTES_MAX = 64;
/** Octets of a whole address: a path of 256 (RFC 5321 section 4.5.3.1.3) less its angle brackets. */
export const ADDRESS_BYTES_MAX = 254;
/** Longest From or Reply-To text that is looked at. */
export const HEADER_ADDRESS_LENGTH_MAX = 1_000;

declare const mailboxBrand: unique symbol;

/**
 * An address that may stand in an envelope: no control character, no line break, within the bounds of RFC 5321. Only
 * `parseMailbox` makes one.
 */
export interface Mailbox {
  readonly [mailboxBrand]: true;
  /** As it is to be written: a dot-atom, or a quoted string where it must be one. Case as given. */
  readonly local: string;
  /** Lower case, A-labels. */
  readonly domain: string;
}

export type AddressFault =
  | 'empty'
  | 'too-long'
  | 'control-character'
  | 'no-at'
  | 'bad-local'
  | 'bad-domain'
  | 'bad-name';

export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly fault: AddressFault };

const fault = (found: AddressFault): { readonly ok: false; readonly fault: AddressFault } => ({
  ok: false,
  fault: found,
});

/** C0, DEL, C1, and the two separators that some software takes for line breaks. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;
/** Half a surrogate pair cannot be written as UTF-8. */
const isForbidden = (text: string): boolean => CONTROL.test(text) || !text.isWellFormed();

/** True where a text holds something that must never reach a header or a command. */
export const hasControlCharacter = (text: string): boolean => isForbidden(text);

// biome-ignore lint/suspicious/noControlCharactersInRegex: the range of ASCII
const NON_ASCII = /[^\u0000-\u007f]/;
const ATEXT = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~\\u00a0-\\u{10ffff}-]";
const DOT_ATOM = new RegExp(`^${ATEXT}+(?:\\.${ATEXT}+)*$`, 'u');
const QUOTED = /^"(?:[^"\\]|\\.)*"$/u;
const DOMAIN = /^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
/** A name that ends in digits would be read as an IPv4 address. */
const NUMERIC_END = /(?:^|\.)[0-9]+$/;
/** What a U-label may be made of before it is mapped (UTS 46 decides the rest). */
const UNICODE_DOMAIN = /^[\p{L}\p{M}\p{N}\p{Join_Control}.。-]+$/u;

const bytesOf = (text: string): number => (NON_ASCII.test(text) ? new TextEncoder().encode(text).length : text.length);

/** A domain as it is compared and looked up: lower case, A-labels. `null` where it is none; address literals are none. */
export function toAsciiDomain(written: string): string | null {
  let domain = written;
  if (NON_ASCII.test(written)) {
    if (written.length > 253 || !UNICODE_DOMAIN.test(written)) return null;
    // The URL parser is the one implementation of UTS 46 that needs no import.
    if (!URL.canParse(`http://${written}`)) return null;
    domain = new URL(`http://${written}`).hostname;
  }
  domain = domain.toLowerCase();
  return DOMAIN.test(domain) && !NUMERIC_END.test(domain) ? domain : null;
}

/** Takes the quotes off where they are not needed, so that one mailbox is written one way. */
function canonicalLocal(written: string): string | null {
  if (DOT_ATOM.test(written)) return written;
  if (!QUOTED.test(written)) return null;
  const content = written.slice(1, -1).replace(/\\(.)/gu, '$1');
  if (content === '') return null;
  return DOT_ATOM.test(content) ? content : `"${content.replace(/["\\]/g, '\\$&')}"`;
}

/** Reads an address without a display name, such as `a.b@example.com`. The only way to get a `Mailbox`. */
export function parseMailbox(written: string): Parsed<Mailbox> {
  if (written === '') return fault('empty');
  if (written.length > ADDRESS_BYTES_MAX * 2) return fault('too-long');
  if (isForbidden(written)) return fault('control-character');
  const at = written.lastIndexOf('@');
  if (at < 0) return fault('no-at');
  const local = canonicalLocal(written.slice(0, at));
  if (local === null) return fault('bad-local');
  const domain = toAsciiDomain(written.slice(at + 1));
  if (domain === null) return fault('bad-domain');
  const localBytes = bytesOf(local);
  if (localBytes > LOCAL_BYTES_MAX || localBytes + 1 + domain.length > ADDRESS_BYTES_MAX) return fault('too-long');
  return { ok: true, value: { local, domain } as Mailbox };
}

export const addressOf = (mailbox: Mailbox): string => `${mailbox.local}@${mailbox.domain}`;

/** The address under which suppressions are kept: the same for every way of writing it in capitals or not. */
export const foldAddress = (mailbox: Mailbox): string =>
  `${mailbox.local.normalize('NFC').toLowerCase()}@${mailbox.domain}`;

/** True where the mailbox can only be named to a server that offers SMTPUTF8 (RFC 6531). */
export const needsSmtputf8 = (mailbox: Mailbox): boolean => NON_ASCII.test(mailbox.local);

/** A mailbox with the name that people see. */
export interface NamedMailbox {
  /** Text, not yet quoted or encoded; '' for none. */
  readonly name: string;
  readonly mailbox: Mailbox;
}

/** Whitespace or bounds of a phrase that was not quoted: RFC 5322 atoms, and the dots that everybody writes. */
const PHRASE = /^[^<>()[\]:;@\\,"]*$/u;

/**
 * Reads one mailbox as a From or Reply-To header holds it: `a@example.com`, `<a@example.com>`, `Ann Example <a@example.com>`
 * or `"Example, Ann" <a@example.com>`. Lists, groups and comments are refused.
 */
export function parseNamedMailbox(written: string): Parsed<NamedMailbox> {
  const text = written.trim();
  if (text === '') return fault('empty');
  if (text.length > HEADER_ADDRESS_LENGTH_MAX) return fault('too-long');
  if (isForbidden(text)) return fault('control-character');
  if (!text.endsWith('>')) {
    const bare = parseMailbox(text);
    return bare.ok ? { ok: true, value: { name: '', mailbox: bare.value } } : bare;
  }
  const open = text.lastIndexOf('<');
  if (open < 0) return fault('no-at');
  const mailbox = parseMailbox(text.slice(open + 1, -1).trim());
  if (!mailbox.ok) return mailbox;
  const phrase = text.slice(0, open).trim();
  if (QUOTED.test(phrase)) {
    return { ok: true, value: { name: phrase.slice(1, -1).replace(/\\(.)/gu, '$1'), mailbox: mailbox.value } };
  }
  return PHRASE.test(phrase) ? { ok: true, value: { name: phrase, mailbox: mailbox.value } } : fault('bad-name');
}
