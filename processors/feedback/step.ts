import type { AnnotationSymbol, FeedbackEvent, SignalKind } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import { type Classification, classify } from '../../src/domain/classification.ts';
import { subjectsBehind } from '../../src/domain/identity.ts';
import type { Provider } from '../../src/domain/policy.ts';
import type { RecipientNames } from '../../src/domain/recipient-names.ts';
import { annotated, keptSignal, type SignalFacts } from '../../src/domain/results.ts';
import { foldedAddress, type SentMail, senderDomainOf } from '../../src/domain/sent-mail.ts';
import { recipientSubject } from '../../src/domain/suppression.ts';
import { emit, type Output } from '../../src/runtime/processor.ts';

/** What an event means for the mail that it is about, and for those behind it. */
interface Meaning {
  readonly signal: Exclude<SignalKind, 'unknown'>;
  readonly annotation: AnnotationSymbol | null;
  /** Said of the recipient, not only of those who sent. */
  readonly ofRecipient: boolean;
  /** Said of those who sent. */
  readonly ofSenders: boolean;
}

const MEANINGS: Readonly<Record<FeedbackEvent['kind'], Meaning | null>> = {
  bounce: { signal: 'bounced', annotation: 'bounced_later', ofRecipient: true, ofSenders: true },
  complaint: { signal: 'complained', annotation: 'complained', ofRecipient: true, ofSenders: true },
  unsubscribe: { signal: 'unsubscribed', annotation: 'unsubscribed', ofRecipient: true, ofSenders: false },
  delivered: { signal: 'delivered', annotation: 'delivered', ofRecipient: false, ofSenders: true },
  // Somebody else still tries, and will tell how it ends.
  delay: { signal: 'deferred', annotation: null, ofRecipient: false, ofSenders: true },
  auto_reply: null,
  unknown: null,
};

/** Whether anything follows from such an event. */
export const matters = ({ kind }: FeedbackEvent): boolean => MEANINGS[kind] !== null;

/** By the words that signals keep, so that the reputation fold judges the same. */
function verdictOn(event: FeedbackEvent, names: RecipientNames): Classification | null {
  const { kind, smtpCode, enhancedCode, reply } = event;
  if (kind !== 'bounce' && kind !== 'delay') return null;
  return classify({ smtpCode, enhancedCode, text: names.text(reply ?? ''), stage: null });
}

/**
 * What an event is told apart by: a mail bounces once, however often and by however many ways that is told. A refusal that
 * condemns the address is another thing than one that does not, so that no vague notice hides the telling one.
 */
export function meaningKey(event: FeedbackEvent, mail: SentMail | null, names: RecipientNames): string {
  if (mail === null) return `event:${event.eventId}`;
  // Somebody may ask for more than at first, or once more after having been let in again: what was asked for is the event.
  if (event.mailType !== null) return `unsubscribed:${event.unwanted ?? 'type'}:${event.eventId}`;
  const kind = MEANINGS[event.kind]?.signal ?? event.kind;
  const hard = verdictOn(event, names)?.suppress ? ':hard' : '';
  return `${kind}${hard}:${encodeURIComponent(mail.tenant)}/${mail.jobId}`;
}

/** What is to be written about an event that is bound to a mail of ours. */
export function boundOutputs(
  event: FeedbackEvent,
  mail: SentMail,
  provider: Provider,
  names: RecipientNames,
): Output[] {
  const meaning = MEANINGS[event.kind];
  if (meaning === null) return [];
  const found = verdictOn(event, names);
  const facts = {
    ...factsOf(event, found, meaning),
    eventId: meaningKey(event, mail, names),
    tenant: mail.tenant,
    type: event.unwanted === 'all' ? ('unknown' as const) : mail.type,
    jobId: mail.jobId === '' ? null : mail.jobId,
    source: mail.source,
    provider,
  };
  const folded = foldedAddress(mail.recipient);
  const subjects = [
    ...(meaning.ofRecipient && folded !== null ? [recipientSubject(names.nameOf(folded))] : []),
    ...(meaning.ofSenders ? behind(mail, provider) : []),
  ];
  const signals = subjects.map(
    (subject) => emit(topics.reputation, subject, keptSignal({ ...facts, subject }, names)) as Output,
  );
  return meaning.annotation === null || mail.jobId === ''
    ? signals
    : [annotationOf(event, mail, meaning.annotation, found), ...signals];
}

function annotationOf(
  event: FeedbackEvent,
  mail: SentMail,
  annotation: AnnotationSymbol,
  found: Classification | null,
): Output {
  const { smtpCode, enhancedCode, reply, label, at } = event;
  const reason = found === null ? label : `${found.ruleId}: ${found.why}`;
  const { source, messageId } = mail;
  const facts = { source, messageId, smtpCode, enhancedCode, reply, class: found?.class ?? null, reason };
  const result = annotated({ ...mail, id: mail.jobId }, annotation, at, facts);
  return emit(topics.results(mail.type), mail.jobId, result) as Output;
}

/**
 * What is kept of an event that nothing binds to a mail of ours: it counts for nothing by itself, but whoever looks into an
 * address sees it.
 */
export function unboundOutputs(event: FeedbackEvent, tenant: string | null, names: RecipientNames): Output[] {
  const meaning = MEANINGS[event.kind];
  const folded = event.recipient === null ? null : foldedAddress(event.recipient);
  if (meaning === null || !meaning.ofRecipient || folded === null) return [];
  const subject = recipientSubject(names.nameOf(folded));
  const facts = {
    ...factsOf(event, verdictOn(event, names), meaning),
    eventId: meaningKey(event, null, names),
    subject,
  };
  const told = keptSignal({ ...facts, tenant: tenant ?? 'default', type: 'unknown', authenticated: false }, names);
  return [emit(topics.reputation, subject, told) as Output];
}

const factsOf = (
  { at, route, smtpCode, enhancedCode, reply }: FeedbackEvent,
  found: Classification | null,
  meaning: Meaning,
): Pick<SignalFacts, 'kind' | 'route' | 'at' | 'smtpCode' | 'enhancedCode' | 'reply' | 'class' | 'ruleVersion'> => ({
  kind: meaning.signal,
  at,
  route,
  smtpCode,
  enhancedCode,
  reply,
  class: found?.class ?? null,
  ruleVersion: found?.ruleVersion ?? null,
});

/** Subjects of those who sent the mail. */
function behind(mail: SentMail, provider: Provider): string[] {
  const { tenant, campaign, source } = mail;
  const sources = source === null ? [] : [source];
  return subjectsBehind({ sources, senderDomain: senderDomainOf(mail), tenant, campaign }, provider);
}
