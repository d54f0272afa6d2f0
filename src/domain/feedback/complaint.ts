import { addressesIn, readTypedAddress } from './addresses.ts';
import { hasHeader, headerOf, headersOf, type MailHeader, readFields } from './mail.ts';
import { type Notice, recipientsOf } from './original.ts';
import { type FeedbackKind, RECIPIENTS_MAX, type ReportedRecipient, recipientOf } from './report.ts';

/** What a report of that type is (RFC 5965 section 7.3, RFC 6430, RFC 6591). */
function kindOfType(type: string): FeedbackKind {
  if (/^(?:abuse|fraud|virus|other|miscategorized|complaint|spam)$/.test(type)) return 'complaint';
  if (/^opt-?out/.test(type)) return 'unsubscribe';
  // Somebody says that it is no spam; or a server, that our authentication failed, and no person complained.
  return type === '' ? 'complaint' : 'unknown';
}

/** Feedback loops take the address out; what they write instead is no address of anybody. */
const REDACTED = /^(?:redacted|undisclosed|hidden|x{3,}|\*+|none|anonymous|removed)\b|\*{3}|redacted@|@redacted/i;

function recipientsIn(fields: readonly MailHeader[], original: readonly MailHeader[]): string[] {
  for (const name of [
    'original-rcpt-to',
    'removal-recipient',
    'redacted-address',
    'x-original-rcpt-to',
    'original-recipient',
  ]) {
    const found = headersOf(fields, name).map((value) => readTypedAddress(value) ?? '');
    const usable = [...new Set(found)].filter((address) => address !== '' && !REDACTED.test(address));
    if (usable.length > 0) return usable.slice(0, RECIPIENTS_MAX);
  }
  const named = recipientsOf(original).filter((address) => !REDACTED.test(address));
  // One complaint is one person's: of several in a To line, nobody knows which one it was.
  return named.length === 1 ? named : [];
}

/** Reads an abuse report (RFC 5965): a part `message/feedback-report`, wherever it stands. */
export function readFeedbackReport(notice: Notice, isExpected: boolean): ReportedRecipient[] | null {
  const part =
    notice.mail.parts.find(({ type }) => type === 'message/feedback-report') ??
    notice.mail.parts.find(({ text }) =>
      /^\s*(?:[\w-]{1,40}:[^\n]{0,400}\n){0,8}feedback-type:/i.test(text.slice(0, 4_096)),
    );
  const fields = part ? readFields(part.text.replace(/^\s+/, '')) : [];
  if (!part && !isUnstructured(notice) && !(isExpected && notice.original.length > 0)) return null;
  const type = headerOf(fields, 'feedback-type')
    .toLowerCase()
    .replace(/[\s;(].*$/, '');
  const kind = kindOfType(type);
  const addresses = recipientsIn(fields, notice.original);
  const known = { label: type || 'abuse', text: '' };
  return addresses.length > 0
    ? addresses.map((address) => recipientOf(kind, address, known))
    : [recipientOf(kind, null, known)];
}

/** Feedback loops that send no report, only the mail, and say in words or headers of their own what it is. */
function isUnstructured({ mail, original }: Notice): boolean {
  if (hasHeader(original, 'x-hmxmroriginalrecipient')) return true;
  if (original.length === 0) return false;
  const subject = headerOf(mail.headers, 'subject');
  const from = addressesIn(headerOf(mail.headers, 'from'))[0] ?? '';
  const isLoop =
    /^(?:staff@hotmail\.com|scomp@aol\.net|.*(?:feedbackloop|feedback-?loop|complaints?|fbl|arf|abuse-?report|spam-?report)[^@]*@)/i;
  return (
    /^(?:complaint about message from|fbl\b|abuse report|spam report|\[?feedback loop|email feedback report for)/i.test(
      subject,
    ) ||
    (isLoop.test(from) && /complaint|abuse|spam|junk/i.test(`${subject} ${mail.text.slice(0, 2_000)}`))
  );
}
