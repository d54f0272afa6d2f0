import { addressOf, parseMailbox } from '../address.ts';

/** What may stand for an address in a report; stricter than RFC 5321 where text would be taken for one. */
const LOOSE =
  /^[^\s<>()[\]:;,"\\@]{1,64}@(?:[^\s<>()[\]:;,"\\@.]{1,63}\.){1,10}[^\s<>()[\]:;,"\\@.\d][^\s<>()[\]:;,"\\@.]{1,62}$/u;
const SHORT = /^[^\s<>()[\]:;,"\\@]{1,64}@[\p{L}\d.-]{1,253}$/u;

/** xtext (RFC 3461 section 4) of what an address may need it for, and the escapes of RFC 6533 section 3. */
function unescaped(address: string): string {
  return address
    .replace(/\+(2B|3D|40|5C)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .replace(/\\x\{([0-9a-f]{2,6})\}/gi, (whole, hex: string) => {
      const point = Number.parseInt(hex, 16);
      return point <= 0x10ffff && (point < 0xd800 || point > 0xdfff) ? String.fromCodePoint(point) : whole;
    });
}

/** What stands behind an address in text. */
const ENDINGS = '>.,;:';

/** By hand: a pattern that looks for the end begins anew at each place, and a report may hold any number of them. */
function withoutEnd(text: string): string {
  let end = text.length;
  while (end > 0 && ENDINGS.includes(text.charAt(end - 1))) end--;
  return text.slice(0, end);
}

/**
 * An address as a report writes it, as it is kept: the domain in lower case. Local parts that RFC 5321 forbids, such as those
 * of Japanese carriers with two dots in a row, are taken as they are. `null` for what is no address.
 */
export function readAddress(written: string): string | null {
  const text = withoutEnd(written.trim().replace(/^(?:mailto:|smtp:|<)+/i, ''));
  if (text === '' || text.length > 320) return null;
  const mailbox = parseMailbox(text);
  if (mailbox.ok && mailbox.value.domain.includes('.')) return addressOf(mailbox.value);
  if (!LOOSE.test(text) && !SHORT.test(text)) return null;
  const at = text.lastIndexOf('@');
  const domain = text.slice(at + 1).toLowerCase();
  return domain.includes('.') ? `${text.slice(0, at)}@${domain}` : null;
}

/** Reads a typed address of a report, such as `rfc822; user@example.com` (RFC 3464 section 2.3.1, RFC 6533). */
export function readTypedAddress(field: string): string | null {
  const text = field.replace(/^[ \t]*[\w-]{1,30}[ \t]*;[ \t]*/, '').trim();
  const pointed = /<([^<>]{3,320})>/.exec(text);
  const quoted = /^"([^"@]{1,64}@[^"]{1,255})"$/.exec(text);
  const plain = pointed?.[1] ?? quoted?.[1] ?? text;
  return readAddress(unescaped(plain.trim())) ?? readAddress((unescaped(plain).split(/[\s(]/)[0] as string) ?? '');
}

/** What may stand before an @ in running text. */
const LOCAL_END = /(?:"[^"@<>\n]{1,62}"|[^\s<>()[\]:;,"`|@\\\u3000-\u303f\uff00-\uffef]{1,64})$/u;
const ASCII_DOMAIN = /^[a-z\d](?:[a-z\d.-]{0,252}[a-z\d])?/i;
const ANY_DOMAIN = /^[\p{L}\d](?:[\p{L}\d.-]{0,252}[\p{L}\d])?/u;
/** An address that is quoted, or the value of something: `='a@b'`. */
const BEFORE_LOCAL = /^(?:.*[=/](?=[^=/]*$))?['*]*/;
/** Scripts that are written without spaces: their words touch the address. */
const TOUCHING = /^.*[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}](?=.)/u;
const TOUCHES = /^[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}]/u;

function localBefore(text: string, sign: number): string | null {
  const written = LOCAL_END.exec(text.slice(Math.max(0, sign - 64), sign))?.[0];
  if (written === undefined || written.startsWith('"')) return written ?? null;
  return written.replace(TOUCHING, '').replace(BEFORE_LOCAL, '') || null;
}

function domainAfter(text: string, sign: number): string | null {
  const after = text.slice(sign + 1, sign + 255);
  const ascii = ASCII_DOMAIN.exec(after)?.[0] ?? '';
  const rest = after.slice(ascii.length);
  if (ascii.includes('.') && (!/^\p{L}/u.test(rest) || TOUCHES.test(rest))) return ascii;
  return ANY_DOMAIN.exec(after)?.[0] ?? null;
}

const ADDRESSES_MAX = 500;

export interface FoundAddress {
  readonly address: string;
  readonly at: number;
  readonly end: number;
}

/** Every address in a text, in its order. */
export function findAddresses(text: string): FoundAddress[] {
  const found: FoundAddress[] = [];
  let sign = text.indexOf('@');
  for (let tries = 0; sign >= 0 && tries < ADDRESSES_MAX; tries++) {
    const local = localBefore(text, sign);
    const domain = domainAfter(text, sign);
    const address = local && domain ? readAddress(`${local}@${domain}`) : null;
    if (address)
      found.push({ address, at: sign - (local as string).length, end: sign + 1 + (domain as string).length });
    sign = text.indexOf('@', sign + 1);
  }
  return found;
}

/** The addresses of a header field such as To. */
export const addressesIn = (field: string): string[] => [
  ...new Set(findAddresses(field.slice(0, 20_000)).map(({ address }) => address)),
];

export const sameAddress = (left: string, right: string): boolean => left.toLowerCase() === right.toLowerCase();
