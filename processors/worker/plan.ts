import type { Cancellation, Suppression } from '../../src/contracts/generated.ts';
import { type DelayTier, topics } from '../../src/contracts/topic.ts';
import { type Envelope, writeEnvelope } from '../../src/domain/envelope.ts';
import { nextTier, toleranceOf } from '../../src/domain/ladder.ts';
import type { OnUncertain } from '../../src/domain/policy.ts';
import { attempted, ending } from '../../src/domain/results.ts';
import { explainSuppression, groundFor, subjectsOf, suppresses } from '../../src/domain/suppression.ts';
import { type Millis, SECOND_MS } from '../../src/domain/time.ts';
import { emit, type Output, Raw } from '../../src/runtime/processor.ts';
import type { Unit } from './unit.ts';

/** What the worker knows of the world when it plans: local views, read at that moment. */
export interface Views {
  /** By subject. */
  suppressionOf(subject: string): Suppression | undefined;
  cancellationOf(jobId: string): Cancellation | undefined;
}

/** Why a mail must not be sent, judged just before it would be declared; null where nothing speaks against it. */
export function skip(unit: Unit, views: Views, now: Millis): readonly Output[] | null {
  const { job, envelope } = unit;
  const results = topics.results(job.type);
  const uncertain = envelope.uncertainCount > 0;
  if (now >= unit.expiresAt) {
    const facts = {
      class: 'expired',
      reason: expiryReason(unit),
      source: envelope.lastSource,
      site: unit.site,
      uncertain,
    };
    return [emit(results, job.id, ending(job.content, 'expired', envelope.attempts, now, facts))];
  }
  const cancelled = views.cancellationOf(job.id);
  if (cancelled && cancelled.tenant === job.tenant) {
    const facts = { reason: `${cancelled.who}: ${cancelled.why}`, uncertain };
    return [emit(results, job.id, ending(job.content, 'cancelled', envelope.attempts, now, facts))];
  }
  const suppression = suppressionFor(unit, views, now);
  return suppression ? suppressedOutputs(unit, suppression, now) : null;
}

/** The suppression that keeps this mail from being sent, if there is one. */
export function suppressionFor(unit: Unit, views: Views, now: Millis): Suppression | null {
  const { tenant, folded, type } = unit.job;
  for (const subject of subjectsOf(tenant, folded)) {
    const row = views.suppressionOf(subject);
    if (row && suppresses(row, tenant, type, now)) return row;
  }
  return null;
}

export function suppressedOutputs(unit: Unit, row: Suppression, now: Millis): readonly Output[] {
  const { job, envelope } = unit;
  const facts = {
    class: groundFor(row, job.tenant, job.type, now)?.severity ?? row.severity,
    reason: explainSuppression(row, job.tenant, job.type, now),
    uncertain: envelope.uncertainCount > 0,
  };
  return [emit(topics.results(job.type), job.id, ending(job.content, 'suppressed', envelope.attempts, now, facts))];
}

const expiryReason = ({ job, envelope, expiresAt }: Unit): string =>
  job.expiresAt === expiresAt
    ? 'its expiresAt has passed'
    : `older than its queue allows; accepted ${new Date(envelope.acceptedAt).toISOString()}`;

/** A wait this short is spent in the worker's own lane: the ladder's shortest step is longer. */
export const HELD_AGAIN_MS_MAX = 10 * SECOND_MS;

/** The unit back on the delay ladder until `until`, in the transaction that makes it done here. */
export function postponed(unit: Unit, until: Millis, change: Partial<Envelope>, now: Millis): Output {
  const waitMs = Math.max(1, until - now);
  if (waitMs <= HELD_AGAIN_MS_MAX) return returned(unit, { ...change, notBefore: Math.round(until) });
  const toleranceMs = toleranceOf(waitMs);
  const tier: DelayTier = nextTier(waitMs, toleranceMs) ?? '15s';
  const envelope: Envelope = {
    ...unit.envelope,
    ...change,
    notBefore: Math.round(until),
    toleranceMs,
    postponements: unit.envelope.postponements + 1,
    type: unit.job.type,
  };
  return emit(topics.delay(tier), unit.job.address, new Raw(unit.bytes), { headers: writeEnvelope(envelope) });
}

/** The unit once more on its own lane, for whoever owns the partition next. */
export function returned(unit: Unit, change: Partial<Envelope>): Output {
  const envelope: Envelope = { ...unit.envelope, ...change, type: unit.job.type };
  return emit(topics.send(unit.lane), unit.job.address, new Raw(unit.bytes), { headers: writeEnvelope(envelope) });
}

/**
 * A predecessor had declared the unit and died before it said what became of it: a copy may have gone out.
 * Said in the results whatever the policy is; resent once, and never a second time (DESIGN section 6).
 */
export function uncertainOutputs(unit: Unit, policy: OnUncertain, now: Millis): readonly Output[] {
  const { job, envelope } = unit;
  const results = topics.results(job.type);
  const attempt = envelope.attempts + 1;
  const reason = 'its worker ended between declaring and settling it; a copy may have gone out';
  if (policy === 'resend' && envelope.uncertainCount === 0) {
    const facts = { class: 'uncertain', reason, site: unit.site, uncertain: true };
    return [
      emit(results, job.id, attempted(job.content, attempt, now, facts)),
      returned(unit, { uncertainCount: envelope.uncertainCount + 1 }),
    ];
  }
  return unknownOutputs(unit, policy, reason, attempt, now);
}

/** The ending `unknown`; under `hold` with a parked copy that can be requeued by hand. */
export function unknownOutputs(
  unit: Unit,
  policy: OnUncertain,
  reason: string,
  attempt: number,
  now: Millis,
): readonly Output[] {
  const { job } = unit;
  const facts = { class: 'uncertain', reason, site: unit.site, source: unit.source?.name ?? null, uncertain: true };
  const end = emit(topics.results(job.type), job.id, ending(job.content, 'unknown', attempt, now, facts));
  return policy === 'hold' ? [end, parked(unit, reason, now)] : [end];
}

/** A dead letter that holds the job's bytes as they came, so that a person can decide. */
function parked(unit: Unit, reason: string, now: Millis): Output {
  const [topic = '', partition = '0', offset = '0'] = unit.place.split('/');
  return emit(topics.deadLetters, unit.job.address, {
    topic,
    partition: Number(partition),
    offset: Number(offset),
    key: Buffer.from(unit.job.address),
    value: Buffer.from(unit.bytes),
    headers: Object.entries(writeEnvelope(unit.envelope)).map(([name, value]) => ({ name, value })),
    stage: 'send',
    reason: 'held-uncertain',
    detail: reason,
    processor: WORKER_NAME,
    version: WORKER_VERSION,
    jobId: unit.job.id,
    at: now,
  });
}

export const WORKER_NAME = 'worker';
export const WORKER_VERSION = '1';
