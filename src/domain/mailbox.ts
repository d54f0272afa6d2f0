declare const proven: unique symbol;

/** An address as SMTP takes it: local part as written, domain in lower-case A-labels. Only `parseMailbox` makes one. */
export type Mailbox = string & { readonly [proven]: 'Mailbox' };

export type MailboxProblem = 'no-at' | 'bad-local-part' | 'bad-domain' | 'too-long';

export type MailboxResult =
  | { readonly ok: true; readonly mailbox: Mailbox; readonly local: string; readonly domain: string }
  | { readonly ok: false; readonly problem: MailboxProblem };

/** RFC 5321 section 4.5.3.1.1. */
const LOCAL_OCTETS_MAX = 64;
/** RFC 5321 section 4.5.3.1.3 (a path of 256 with its angle brackets). */
const MAILBOX_OCTETS_MAX = 254;
/** RFC 1035 section 2.3.4, without the root's dot. */
const DOMAIN_LENGTH_MAX = 253;

/** Atext of RFC 5322, and what RFC 6532 adds: everything outside ASCII that is neither a control nor a space. */
const DOT_ATOM = /^[\w!#$%&'*+/=?^`{|}~\u00a1-\u{10ffff}-]+(?:\.[\w!#$%&'*+/=?^`{|}~\u00a1-\u{10ffff}-]+)*$/u;
const QUOTED = /^"(?:[\x20\x21\x23-\x5b\x5d-\x7e\u00a1-\u{10ffff}]|\\[\x20-\x7e])*"$/u;
/** Spaces and format characters that look like nothing: they make two addresses out of one. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]|[^\S ]/u;
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const ASCII = /^[^\u0080-\u{10ffff}]*$/u;

/** A domain in lower-case A-labels, or null. Address literals and names without a dot are none. */
export function parseDomain(raw: string): string | null {
  if (raw.length === 0 || raw.length > DOMAIN_LENGTH_MAX) return null;
  let domain = raw;
  if (!ASCII.test(raw)) {
    if (UNSEEN.test(raw) || /[\s/?#@:[\]\\%]/.test(raw)) return null;
    const url = URL.parse(`http://${raw}`);
    if (url === null) return null;
    domain = url.hostname;
  }
  domain = domain.toLowerCase();
  const labels = domain.split('.');
  if (domain.length > DOMAIN_LENGTH_MAX || labels.length < 2 || !labels.every((label) => LABEL.test(label)))
    return null;
  return /^\d+$/.test(labels.at(-1) as string) ? null : domain;
}

/** Parses one address without a display name (RFC 5321 Mailbox, RFC 6531). */
export function parseMailbox(raw: string): MailboxResult {
  const at = raw.lastIndexOf('@');
  if (at < 1) return { ok: false, problem: 'no-at' };
  const local = raw.slice(0, at);
  if (!(DOT_ATOM.test(local) || QUOTED.test(local)) || UNSEEN.test(local))
    return { ok: false, problem: 'bad-local-part' };
  const domain = parseDomain(raw.slice(at + 1));
  if (domain === null) return { ok: false, problem: 'bad-domain' };
  const octets = ASCII.test(local) ? local.length : Buffer.byteLength(local, 'utf8');
  if (octets > LOCAL_OCTETS_MAX || octets + 1 + domain.length > MAILBOX_OCTETS_MAX)
    return { ok: false, problem: 'too-long' };
  return { ok: true, mailbox: `${local}@${domain}` as Mailbox, local, domain };
}

/** The form in which suppressions know an address: they fold case, though a local part might be case sensitive. */
export const foldMailbox = (mailbox: Mailbox): string => mailbox.toLowerCase();

/** Name as an atom or a quoted string, then one address in angle brackets. Anything else could be read in two ways. */
const NAMED = /^(?:"((?:[^"\\]|\\.)*)"|([^"(),:;<>@[\\\]]*)) ?<([^<>\s]+)>$/u;
/** Longer display names are no names; the bound also keeps the pattern cheap. */
const NAMED_LENGTH_MAX = 600;

/** A mailbox with or without a display name, as a From or Reply-To header has one (RFC 5322 section 3.4). */
export function parseNamedMailbox(
  raw: string,
): { readonly name: string; readonly mailbox: Mailbox; readonly domain: string } | null {
  if (raw.length > NAMED_LENGTH_MAX) return null;
  const named = NAMED.exec(raw.trim());
  const parsed = parseMailbox(named ? (named[3] as string) : raw.trim());
  if (!parsed.ok) return null;
  const name = named ? (named[1]?.replace(/\\(.)/g, '$1') ?? named[2] ?? '').trim() : '';
  return { name, mailbox: parsed.mailbox, domain: parsed.domain };
}
