import { topics } from '../../src/contracts/topic.ts';
import { retryDelayMs } from '../../src/domain/backoff.ts';
import { type Classification, classify } from '../../src/domain/classification.ts';
import { subjectsBehind } from '../../src/domain/identity.ts';
import type { QueuePolicy } from '../../src/domain/policy.ts';
import type { RecipientNames } from '../../src/domain/recipient-names.ts';
import {
  type DeliveryOutcome,
  isImpossible,
  isLogInLost,
  isNameFault,
  isSiteFailure,
  type Reply,
  SMTP_STAGES,
  wasNotTried,
} from '../../src/domain/reply.ts';
import { type AttemptFacts, attempted, ending, keptSignal } from '../../src/domain/results.ts';
import { recipientSubject } from '../../src/domain/suppression.ts';
import { MINUTE_MS, type Millis, SECOND_MS } from '../../src/domain/time.ts';
import { emit, type Output } from '../../src/runtime/processor.ts';
import { moveTo, postponed, returned, unknownOutputs } from './plan.ts';
import type { Unit } from './unit.ts';

/** What was not tried for want of a connection or a closed circuit comes back after this long. */
const NOT_TRIED_MS = 15 * SECOND_MS;
/** RFC 5321 4.5.3.2.6 gives the reply to the final dot ten minutes; before that the first copy may still be on its way. */
const AFTER_DOT_WAIT_MS = 10 * MINUTE_MS;

export interface Attempt {
  readonly outcome: DeliveryOutcome;
  readonly messageId: string;
  /** Domain that the mail was from, where the job does not say it: a template, or a whole message, brought it. */
  readonly senderDomain?: string | null;
}

/** By what an attempt is judged and written down. */
export interface SettleRules {
  readonly policy: QueuePolicy;
  readonly names: RecipientNames;
  /** In [0, 1): the jitter of the retry. */
  readonly chance: number;
}

/** Pure: what is to be written about one attempt. */
export function settle(unit: Unit, attempt: Attempt, rules: SettleRules, now: Millis): readonly Output[] {
  const { policy, names } = rules;
  const { outcome } = attempt;
  if (outcome.kind === 'accepted') return accepted(unit, attempt, now);
  if (outcome.kind === 'failed' && outcome.reason === 'elsewhere') return [lookedUpAgain(unit)];
  if (wasNotTried(outcome)) return [postponed(unit, now + NOT_TRIED_MS, {}, now)];
  if (outcome.kind === 'failed') {
    if (outcome.afterDot) return afterDot(unit, attempt, policy, now);
    if (outcome.reason === 'aborted') return [returned(unit, {})];
    if (isImpossible(outcome)) return impossible(unit, attempt, now);
  }
  const refusal = outcome.kind === 'refused' ? outcome.reply : verdictOf(outcome, unit);
  const found = classify({
    smtpCode: refusal?.code ?? null,
    enhancedCode: refusal?.enhancedCode ?? null,
    // As signals keep it, so that the reputation fold judges the same words.
    text: names.text(refusal?.text ?? ''),
    stage: outcome.stage,
  });
  if (refusal && found.permanent && !isSiteFailure(outcome)) return bounced(unit, attempt, found, names, now);
  return deferred(unit, attempt, found, rules, now);
}

/**
 * What its mail exchangers say has changed, or could not be looked up, since it was given a site: it goes where sites are
 * found. By then the answer is known.
 */
const lookedUpAgain = (unit: Unit): Output => moveTo(unit, { queue: unit.lane.queue, provider: 'other' });

/** The name service has answered, and there is no way. */
const saysNo = (outcome: DeliveryOutcome): boolean =>
  isNameFault(outcome) && !(outcome.kind === 'failed' && outcome.reason === 'dns');

/**
 * What the name service stands for, in the codes that mean it (RFC 7505 section 4.2, RFC 3463): signals carry it, and a
 * replay judges it by the same rules as replies. A name that does not exist is asked for once more before it counts.
 */
function verdictOf(outcome: DeliveryOutcome, { envelope }: Unit): Reply | null {
  if (outcome.kind !== 'failed') return null;
  if (outcome.reason === 'null-mx') return { code: 556, enhancedCode: '5.1.10', text: '' };
  if (envelope.attempts === 0) return null;
  if (outcome.reason === 'no-such-domain') return { code: 550, enhancedCode: '5.1.2', text: '' };
  if (!saysNo(outcome)) return null;
  return { code: 550, enhancedCode: '5.4.4', text: '' };
}

const NAME_FAULTS: Readonly<Record<string, string>> = {
  'null-mx': 'the domain takes no mail: its MX is the null MX (RFC 7505)',
  'no-such-domain': 'the domain does not exist',
  'no-address': 'its mail exchangers have no address that this source can connect to',
  'private-address':
    'its mail exchangers are at private addresses, which mail_exchangers.allow_private_addresses forbids',
  dns: 'the name service does not say who takes its mail',
};

const facts = (unit: Unit, { outcome, messageId }: Attempt): AttemptFacts => {
  const reply = outcome.kind === 'failed' ? null : outcome.reply;
  return {
    source: unit.source?.name ?? null,
    site: unit.site,
    smtpCode: reply?.code ?? null,
    enhancedCode: (reply ?? verdictOf(outcome, unit))?.enhancedCode ?? null,
    reply: reply?.text ?? null,
    messageId,
    uncertain: unit.envelope.uncertainCount > 0,
  };
};

function accepted(unit: Unit, attempt: Attempt, now: Millis): readonly Output[] {
  const { job, envelope } = unit;
  const sent = ending(job.content, 'sent', envelope.attempts + 1, now, facts(unit, attempt));
  return [emit(topics.results(job.type), job.id, sent)];
}

function bounced(
  unit: Unit,
  attempt: Attempt,
  found: Classification,
  names: RecipientNames,
  now: Millis,
): readonly Output[] {
  const { job, envelope } = unit;
  const known = { ...facts(unit, attempt), class: found.class, reason: reasonOf(attempt, found) };
  const end = ending(job.content, 'bounced', envelope.attempts + 1, now, known);
  return [emit(topics.results(job.type), job.id, end), ...signals(unit, attempt, found, 'bounced', names, now)];
}

function reasonOf({ outcome }: Attempt, found: Classification): string {
  if (outcome.kind !== 'failed') return `${found.ruleId}: ${found.why}`;
  return NAME_FAULTS[outcome.reason] ?? `${outcome.stage}: ${outcome.reason}`;
}

/** One signal per subject, with the reply: a replay with other rules has to judge it again. */
function signals(
  unit: Unit,
  attempt: Attempt,
  found: Classification,
  kind: 'bounced' | 'deferred',
  names: RecipientNames,
  now: Millis,
): readonly Output[] {
  const { job, source, lane } = unit;
  const { outcome } = attempt;
  const reply = outcome.kind === 'refused' ? outcome.reply : verdictOf(outcome, unit);
  const about = (subject: string) =>
    emit(
      topics.reputation,
      subject,
      keptSignal(
        {
          eventId: `${kind}:${unit.place}`,
          subject,
          kind,
          at: now,
          tenant: job.tenant,
          type: job.type,
          jobId: job.id,
          source: source?.name ?? null,
          provider: lane.provider,
          smtpCode: reply?.code ?? null,
          enhancedCode: reply?.enhancedCode ?? null,
          reply: reply?.text ?? null,
          class: found.class,
          ruleVersion: found.ruleVersion,
        },
        names,
      ),
    );
  const identities = identitiesOf(unit, attempt).map(about);
  return kind === 'bounced' ? [about(recipientSubject(names.nameOf(job.folded))), ...identities] : identities;
}

/** Subjects of what the provider may hold the mail against. */
export function identitiesOf({ job, source, lane }: Unit, attempt: Attempt): readonly string[] {
  const { tenant } = job;
  const senderDomain = job.senderDomain ?? attempt.senderDomain ?? null;
  const sources = source === null ? [] : [source.name];
  return subjectsBehind({ sources, senderDomain, tenant, campaign: job.content.campaign }, lane.provider);
}

function impossible(unit: Unit, attempt: Attempt, now: Millis): readonly Output[] {
  const { job, envelope } = unit;
  const reason = attempt.outcome.kind === 'failed' ? attempt.outcome.reason : '';
  const found = reason === 'too-big' ? 'too-large' : 'unsupported';
  const known = { ...facts(unit, attempt), class: found, reason: IMPOSSIBLE[reason] ?? reason };
  return [emit(topics.results(job.type), job.id, ending(job.content, 'bounced', envelope.attempts + 1, now, known))];
}

const IMPOSSIBLE: Readonly<Record<string, string>> = {
  'no-smtputf8': 'the address needs SMTPUTF8 (RFC 6531), which the server does not offer',
  'no-8bitmime': 'the message holds 8-bit data, and the server does not offer 8BITMIME (RFC 6152)',
  'too-big': 'the message is larger than the server takes (RFC 1870)',
};

/** The final dot may have gone out and no reply came: what happens is the policy's to say. */
function afterDot(unit: Unit, attempt: Attempt, policy: QueuePolicy, now: Millis): readonly Output[] {
  const { job, envelope } = unit;
  const number = envelope.attempts + 1;
  const reason = 'no reply came to the final dot; a copy may have been taken';
  if (policy.onUncertain !== 'resend' || envelope.uncertainCount > 0) {
    return unknownOutputs(unit, policy.onUncertain, reason, number, now);
  }
  const known = { ...facts(unit, attempt), class: 'uncertain', reason, uncertain: true };
  const change = { attempts: number, uncertainCount: 1, lastSource: unit.source?.name ?? null };
  return [
    emit(
      topics.results(job.type),
      job.id,
      attempted(job.content, number, now, { ...known, until: now + AFTER_DOT_WAIT_MS }),
    ),
    postponed(unit, now + AFTER_DOT_WAIT_MS, change, now),
  ];
}

/** Did the conversation get as far as this mail? What failed before says nothing about it, and uses up no attempt. */
const reachedMail = (outcome: DeliveryOutcome): boolean =>
  outcome.kind !== 'accepted' && SMTP_STAGES.indexOf(outcome.stage) >= SMTP_STAGES.indexOf('mail');

/** The relay does not accept our log-in any more, and says so instead of taking the mail. */
const lostLogIn = ({ source }: Unit, outcome: DeliveryOutcome): boolean =>
  source !== null && source.user !== null && isLogInLost(outcome);

function deferred(
  unit: Unit,
  attempt: Attempt,
  found: Classification,
  { policy, names, chance }: SettleRules,
  now: Millis,
): readonly Output[] {
  const { job, envelope } = unit;
  const { outcome } = attempt;
  const counts =
    (reachedMail(outcome) || saysNo(outcome)) &&
    !lostLogIn(unit, outcome) &&
    found.class !== 'rate-limited' &&
    !(outcome.kind === 'refused' && outcome.reply.code === 421);
  const attempts = envelope.attempts + (counts ? 1 : 0);
  const text = reasonOf(attempt, found);
  const known = { ...facts(unit, attempt), class: found.class, reason: text };
  const results = topics.results(job.type);
  // Waiting without an attempt backs off by how often it has come back, within the same schedule.
  const turn = counts ? attempts : Math.min(envelope.postponements + 1, Math.max(1, policy.retry.retriesMax));
  const waitMs = retryDelayMs(policy.retry, turn, chance);
  if (waitMs === null && counts) {
    const end = { ...known, class: 'retries-exhausted', reason: `attempts used up; last: ${text}` };
    return [
      emit(results, job.id, ending(job.content, 'bounced', attempts, now, end)),
      // A mailbox that stays full until nobody tries any more says something about the address, softly.
      ...signals(unit, attempt, found, found.severity === 'soft' ? 'bounced' : 'deferred', names, now),
    ];
  }
  const change = { attempts, lastSource: unit.source?.name ?? null };
  const until = now + (waitMs ?? MINUTE_MS);
  return [
    emit(results, job.id, attempted(job.content, envelope.attempts + 1, now, { ...known, until })),
    ...signals(unit, attempt, found, 'deferred', names, now),
    postponed(unit, until, change, now),
  ];
}
