import { addressesIn, type FoundAddress, findAddresses, sameAddress } from './addresses.ts';
import { findReply } from './codes.ts';
import { hasHeader, headerOf, headersOf } from './mail.ts';
import { allRecipientsOf, type Notice, recipientsOf, sendersOf } from './original.ts';
import {
  BOUNCE_BODY,
  BOUNCE_SUBJECT,
  DAEMON_ADDRESS,
  DAEMON_NAME,
  DELAY_BODY,
  DELAY_SUBJECT,
  DELIVERED_BODY,
  DELIVERED_SUBJECT,
  GIVEN_UP,
  OTHER_BEFORE,
  OTHER_LINE,
  OWNER_SUBJECT,
  REASON_SUBJECT,
  RECIPIENTS_FOLLOW,
  ROLE_ADDRESS,
  SECTION,
  STILL_TRIED,
} from './phrases.ts';
import { type FeedbackKind, RECIPIENTS_MAX, type ReportedRecipient, recipientOf } from './report.ts';

/** Of a notice, this much is looked at. */
export const NOTICE_LENGTH_MAX = 16_384;
/** Of the words about one recipient. */
const CONTEXT_LENGTH_MAX = 1_200;

const words = ({ text }: Notice): string => text.slice(0, NOTICE_LENGTH_MAX);

function senderOf({ mail }: Notice): string {
  const from = headerOf(mail.headers, 'from');
  return addressesIn(from)[0] ?? (from.includes('@') ? from : `${from.trim()}@`);
}

const isDaemonMail = (notice: Notice): boolean =>
  DAEMON_ADDRESS.test(senderOf(notice)) || DAEMON_NAME.test(headerOf(notice.mail.headers, 'from'));

/** How much speaks for a notice of a mail server; from 2 on it is one. */
export function bounceEvidence(notice: Notice): number {
  const { headers } = notice.mail;
  const address = senderOf(notice);
  const returnPath = headerOf(headers, 'return-path').trim();
  const subject = headerOf(headers, 'subject');
  const text = words(notice);
  const isDaemon = isDaemonMail(notice) || returnPath === '<>';
  const isReply = /^(?:re|aw|sv|antw|fwd?|wg|tr|rv)\s*:/i.test(subject);
  // A list writes to its members in the words of any shop; no notice can be unsubscribed from.
  if (hasHeader(headers, 'list-unsubscribe') && !isDaemonMail(notice)) return 0;
  if (OWNER_SUBJECT.test(headerOf(headers, 'subject')) && notice.original.length === 0) return 0;
  let evidence = 0;
  if (headerOf(headers, 'x-failed-recipients') !== '') evidence += 2;
  const isNotice = BOUNCE_SUBJECT.test(subject) && !isReply;
  if (isDaemon || (isNotice && ROLE_ADDRESS.test(address))) evidence += 1;
  if (isNotice) evidence += 1;
  if (BOUNCE_BODY.test(text) || (DELAY_SUBJECT.test(subject) && DELAY_BODY.test(text))) evidence += 1;
  const isReturned = notice.original.length > 0 || isDaemonMail(notice);
  if (isReturned && !isReply && findReply(text) !== null) evidence += 1;
  return evidence;
}

/** A mail that refuses, rather than asks for something. */
export function isRefusal(notice: Notice): boolean {
  if (bounceEvidence(notice) < 2) return false;
  return BOUNCE_SUBJECT.test(headerOf(notice.mail.headers, 'subject')) || findReply(words(notice)) !== null;
}

/**
 * A notice that calls itself an automatic answer, as Postfix and Exim do: it comes from a server. What people's programs
 * answer while they are away has no sender in its envelope either, and may say anything.
 */
export function isFromServer(notice: Notice): boolean {
  if (bounceEvidence(notice) < 2) return false;
  const { headers } = notice.mail;
  return isDaemonMail(notice) || headerOf(headers, 'x-failed-recipients') !== '' || findReply(words(notice)) !== null;
}

/** The reason that some servers write into the subject; none where it may be the returned mail's. */
export function reasonIn(notice: Notice): readonly string[] {
  const subject = headerOf(notice.mail.headers, 'subject');
  const prefix = REASON_SUBJECT.exec(subject);
  return prefix ? [subject.slice(prefix[0].length)] : [];
}

function noticeKind(notice: Notice): FeedbackKind {
  const subject = headerOf(notice.mail.headers, 'subject');
  const text = words(notice);
  const reply = findReply(text);
  const isRefused = reply !== null && ((reply.smtpCode ?? 0) >= 500 || (reply.enhancedCode ?? '').startsWith('5'));
  if (DELIVERED_SUBJECT.test(subject) && !isRefused) return 'delivered';
  const isLate =
    DELAY_BODY.test(text) || (DELAY_SUBJECT.test(subject) && !BOUNCE_SUBJECT.test(subject.replace(/^warning.*/i, '')));
  const isOver = GIVEN_UP.test(text) || /undeliverable|fail(?:ed|ure)/i.test(subject);
  if (isLate && !isRefused && (!isOver || STILL_TRIED.test(text))) return 'delay';
  if (DELIVERED_BODY.test(text) && reply === null && !BOUNCE_SUBJECT.test(subject)) return 'delivered';
  return 'bounce';
}

interface Candidate extends FoundAddress {
  /** How much speaks for it being the one that failed. */
  readonly weight: number;
}

/** Text before an address on its own line, and the lines above it that are not empty. */
function before(text: string, at: number): { readonly line: string; readonly above: string } {
  const start = text.lastIndexOf('\n', at - 1) + 1;
  return { line: text.slice(start, at), above: text.slice(Math.max(0, start - 240), start) };
}

function weigh(text: string, found: FoundAddress, recipients: readonly string[]): number {
  const { line, above } = before(text, found.at);
  const after = text.slice(found.end, found.end + 80);
  let weight = 0;
  if (OTHER_LINE.test(line)) return -1;
  // More than what its place may say for it.
  if (OTHER_BEFORE.test(line) && !/(?:expanded|generated) from:? ?<?$/i.test(line)) weight -= 4;
  if (/^(?:mailer-daemon|postmaster|abuse|mailerdaemon)@/i.test(found.address)) weight -= 2;
  if (recipients.some((recipient) => sameAddress(recipient, found.address))) weight += 2;
  if (/rcpt to:?[ \t]*<?$/i.test(line)) weight += 4;
  if (
    /^[ \t>*|•-]*(?:(?:to|recipient|an|smtp|mailbox|user|address|mailto|account|failed recipient|destination|addressee)[ \t]*[:=[]?)?[ \t"'<([]*(?:smtp:)?$/i.test(
      line,
    )
  )
    weight += 2;
  if (RECIPIENTS_FOLLOW.test(line)) weight += 2;
  else if (RECIPIENTS_FOLLOW.test(above)) weight += 1;
  if (/^[>\])"' \t]*(?::|\.\.\.|…|[-–—] |,? (?:on |because|due|was|is|does|has|could|not|user|unknown|:))/i.test(after))
    weight += 1;
  if (/\b[45]\d\d\b[^\n]{0,100}[<(]?$/.test(line)) weight += 1;
  return weight;
}

/** Who failed, by the words of the notice and by the mail that it returns. */
function failedAddresses(notice: Notice, text: string): FoundAddress[] {
  const own = [...addressesIn(headerOf(notice.mail.headers, 'to')), ...sendersOf(notice.original)];
  const from = addressesIn(headerOf(notice.mail.headers, 'from'));
  const recipients = allRecipientsOf(notice.original);
  const candidates: Candidate[] = findAddresses(text)
    .filter(
      ({ address }) =>
        recipients.some((recipient) => sameAddress(recipient, address)) ||
        ![...own, ...from].some((other) => sameAddress(other, address)),
    )
    .map((found) => ({ ...found, weight: weigh(text, found, recipients) }));
  const section = SECTION.exec(text)?.index ?? 0;
  const later = candidates.filter(({ at, weight }) => at > section && weight >= 2);
  const standing = later.length > 0 ? later : candidates;
  const strongest = Math.max(0, ...standing.map(({ weight }) => weight));
  const wanted = standing.filter(({ weight }) => weight >= 2 && weight >= strongest - 3);
  const seen = new Set<string>();
  const distinct = wanted.filter(({ address }) => !seen.has(address.toLowerCase()) && seen.add(address.toLowerCase()));
  if (distinct.length > 0) return narrowed(distinct, recipients).slice(0, RECIPIENTS_MAX);
  const named = recipientsOf(notice.original);
  if (named.length === 1) return [{ address: named[0] as string, at: 0, end: 0 }];
  return candidates.filter(({ weight }) => weight >= 0).slice(0, 1);
}

/** Of a line with an address: this much beside it says nothing. */
const BARE_LENGTH_MAX = 4;
/** What speaks for an address by its place alone, where it is no recipient of the returned mail that we know of. */
const PLACE_WEIGHT_MIN = 3;

/** Where some are recipients of the returned mail, others are not meant unless they stand where failed addresses do. */
function narrowed(found: readonly Candidate[], recipients: readonly string[]): readonly Candidate[] {
  const isKnown = ({ address }: Candidate) => recipients.some((recipient) => sameAddress(recipient, address));
  if (!found.some(isKnown)) return found;
  return found.filter((candidate) => isKnown(candidate) || candidate.weight >= PLACE_WEIGHT_MIN);
}

/** The lines of the address: what follows after an empty one may be anything, such as what lawyers want to be said. */
function firstParagraph(about: string): string {
  const end = about.search(/\n[ \t]*\n/);
  return end < 0 ? about : about.slice(0, end);
}

/** What the notice says about one recipient: from its address to the next one's, and then what stands before it. */
function wordsAbout(text: string, found: FoundAddress, others: readonly FoundAddress[]): readonly string[] {
  const next = others.find(({ at }) => at > found.at)?.at ?? text.length;
  const earlier = others.findLast(({ at }) => at < found.at)?.end ?? 0;
  const lineStart = Math.max(earlier, text.lastIndexOf('\n', found.at - 1) + 1);
  const about = text.slice(lineStart, Math.min(next, found.at + CONTEXT_LENGTH_MAX));
  if (others.length === 1) return [firstParagraph(about), about, text];
  const above = text.slice(Math.max(earlier, lineStart - CONTEXT_LENGTH_MAX), lineStart);
  const last = others.at(-1) as FoundAddress;
  // A mere list: what is said of all of them stands after the last.
  const isBare = about.replace(found.address, '').trim().length < BARE_LENGTH_MAX;
  return [about, above, ...(isBare ? [text.slice(last.at, last.at + CONTEXT_LENGTH_MAX)] : [])];
}

/** Reads a notice that is no report by RFC 3464; null where it is no notice. */
export function readNoticeText(notice: Notice): ReportedRecipient[] | null {
  if (bounceEvidence(notice) < 2) return null;
  const kind = noticeKind(notice);
  const text = words(notice);
  const declared = headersOf(notice.mail.headers, 'x-failed-recipients').flatMap(addressesIn);
  const found = declared.length > 0 ? declared.map((address) => placeOf(text, address)) : failedAddresses(notice, text);
  if (found.length === 0) {
    const address = namedInSubject(notice);
    // Shops and banks refuse and return things, too.
    if (address === null && !isFromServer(notice)) return null;
    return [describe(kind, address, [text, ...reasonIn(notice)])];
  }
  const placed = [...found].sort((left, right) => left.at - right.at);
  return found
    .slice(0, RECIPIENTS_MAX)
    .map((one) => ({ one, about: one.end === 0 ? [text] : wordsAbout(text, one, placed) }))
    .map(({ one, about }) => describe(kind, one.address, [...about, ...reasonIn(notice)]));
}

/** The address in the subject, where it is the only one and nobody's whom the notice is to. */
function namedInSubject({ mail }: Notice): string | null {
  const own = addressesIn(headerOf(mail.headers, 'to'));
  const named = addressesIn(headerOf(mail.headers, 'subject')).filter(
    (address) => !own.some((other) => sameAddress(other, address)),
  );
  return named.length === 1 ? (named[0] as string) : null;
}

function placeOf(text: string, address: string): FoundAddress {
  const at = text.toLowerCase().indexOf(address.toLowerCase());
  return at < 0 ? { address, at: 0, end: 0 } : { address, at, end: at + address.length };
}

function describe(kind: FeedbackKind, address: string | null, contexts: readonly string[]): ReportedRecipient {
  const reply = contexts.map(findReply).find((found) => found !== null) ?? null;
  return recipientOf(kind, address, {
    smtpCode: reply?.smtpCode ?? null,
    enhancedCode: reply?.enhancedCode ?? null,
    text: reply?.text ?? '',
    contexts,
  });
}
