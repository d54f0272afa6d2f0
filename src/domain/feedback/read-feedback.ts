import { addressesIn } from './addresses.ts';
import { isAutoReply, isChallenge, isReceipt } from './auto-reply.ts';
import { readFeedbackReport } from './complaint.ts';
import { readDeliveryStatus } from './delivery-status.ts';
import { headerOf, headersOf, type Mail } from './mail.ts';
import { isFromServer, isRefusal, NOTICE_LENGTH_MAX, readNoticeText, reasonIn } from './notice.ts';
import { type Notice, readNotice, recipientsOf, reportedMail } from './original.ts';
import { type FeedbackFormat, kindOf, type Report, type ReportedRecipient, recipientOf } from './report.ts';

/**
 * Reads what a mail to a return path, a feedback loop or an unsubscribe address says. Pure, bounded, and total: every mail is
 * something, `unknown` at least. Nothing of it is to be believed before it is bound to a mail of ours. `as` is what its route
 * is for: at that of a feedback loop, a mail that only returns another is a complaint.
 */
export function readFeedbackMail(mail: Mail, as: FeedbackFormat | null = null): Report {
  const notice = readNotice(mail);
  const recipients = readRecipients(notice, as);
  return { kind: kindOf(recipients), recipients, mail: reportedMail(notice) };
}

function readRecipients(notice: Notice, as: FeedbackFormat | null): readonly ReportedRecipient[] {
  const { mail } = notice;
  const complaint = readFeedbackReport(notice, as === 'arf');
  if (complaint) return complaint;
  const status = readStatus(notice);
  if (status.length > 0) return status;
  if (isReceipt(mail)) return fromSender(mail, 'auto-reply');
  if (isUnsubscribe(mail)) return fromSender(mail, 'unsubscribe');
  if (isChallenge(mail) && !isRefusal(notice)) return fromSender(mail, 'auto-reply');
  if (isAutoReply(mail) && !isFromServer(notice)) return fromSender(mail, 'auto-reply');
  return readNoticeText(notice) ?? [];
}

const fromSender = (mail: Mail, kind: 'auto-reply' | 'unsubscribe'): ReportedRecipient[] => [
  recipientOf(kind, addressesIn(headerOf(mail.headers, 'from'))[0] ?? null),
];

/** A mail to the address of a List-Unsubscribe field (RFC 2369): the mail program writes it, or a person a single word. */
function isUnsubscribe({ headers, text }: Mail): boolean {
  const subject = headerOf(headers, 'subject').trim();
  const firstLine = text.trim().split('\n', 1)[0]?.trim() ?? '';
  const word =
    /^(?:unsubscribe|list-unsubscribe|abmelden|abbestellen|désabonner|desuscribir|cancellami|配信停止|退订)\b[^.?!]{0,80}$/iu;
  return word.test(subject) || (subject === '' && word.test(firstLine));
}

/** A report by RFC 3464, or what looks like one in a place where it should not be. */
function readStatus(notice: Notice): ReportedRecipient[] {
  const { mail } = notice;
  const declared = mail.parts.filter(({ type }) => /^message\/(?:global-)?delivery-status$/.test(type));
  const others = mail.parts.filter(({ type }) => type !== 'message/disposition-notification').slice(0, 5);
  for (const part of declared.length > 0 ? declared : others) {
    const found = readDeliveryStatus(part.text);
    if (found.length > 0) return completed(found, notice);
  }
  if (!/^[> \t]*(?:final|original)-recipient:/im.test(mail.text)) return [];
  return completed(readDeliveryStatus(mail.text.replace(/^[> \t]+(?=[a-z-]+:)/gim, '')), notice);
}

/** Fills in what the report leaves out from the mail that it returns, and from what it says to people. */
function completed(found: readonly ReportedRecipient[], notice: Notice): ReportedRecipient[] {
  const distinct = withoutRepeats(found);
  const known = distinct.filter(({ address }) => address !== null);
  const kept = known.length > 0 ? known : distinct.slice(0, 1);
  const failed = headersOf(notice.mail.headers, 'x-failed-recipients').flatMap(addressesIn);
  const named = failed.length > 0 ? failed : recipientsOf(notice.original);
  const fallback = readNoticeText(notice)?.find(({ address }) => address !== null)?.address ?? null;
  return kept.map((recipient) => ({
    ...recipient,
    address: recipient.address ?? (named.length === 1 ? (named[0] as string) : fallback),
    contexts:
      kept.length === 1
        ? [...recipient.contexts, notice.text.slice(0, NOTICE_LENGTH_MAX), ...reasonIn(notice)]
        : recipient.contexts,
  }));
}

/** Some list a recipient once for each server that was tried: what is last is how it ended. */
function withoutRepeats(found: readonly ReportedRecipient[]): ReportedRecipient[] {
  const byAddress = new Map<string, ReportedRecipient>();
  for (const recipient of found) {
    const key = recipient.address?.toLowerCase() ?? '';
    const earlier = byAddress.get(key);
    if (earlier?.kind !== 'bounce' || recipient.kind === 'bounce') byAddress.set(key, recipient);
  }
  return [...byAddress.values()];
}
