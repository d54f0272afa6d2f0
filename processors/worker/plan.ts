import type { Cancellation, EmailJob, Suppression } from '../../src/contracts/generated.ts';
import { type DelayTier, topics } from '../../src/contracts/topic.ts';
import { type Envelope, writeEnvelope } from '../../src/domain/envelope.ts';
import { nextTier, toleranceOf } from '../../src/domain/ladder.ts';
import type { Lane, OnUncertain } from '../../src/domain/policy.ts';
import { attempted, ending } from '../../src/domain/results.ts';
import { explainSuppression, groundFor, suppresses } from '../../src/domain/suppression.ts';
import { MINUTE_MS, type Millis, SECOND_MS } from '../../src/domain/time.ts';
import { emit, type Output, Raw } from '../../src/runtime/processor.ts';
import type { Unit } from './unit.ts';

/** What the worker knows of the world when it plans: local views, read at that moment. */
export interface Views {
  /** All rows about a recipient that may bind the tenant's mail; `folded` is the address. */
  suppressionsOf(tenant: string, folded: string): readonly Suppression[];
  cancellationOf(jobId: string): Cancellation | undefined;
  /** Of the template that a job names. */
  templateOf(job: EmailJob): TemplateState;
}

/** What is known of the template that a job names. */
export type TemplateState =
  | { readonly kind: 'ready' }
  /** There is none, as of `knownAt`: what was written since may not have been read. */
  | { readonly kind: 'unknown'; readonly knownAt: Millis };

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
  if (suppression) return suppressedOutputs(unit, suppression, now);
  return job.content.templateId === null ? null : templateOutputs(unit, views.templateOf(job.content), now);
}

/** A template that a job names may be put after the job, by so much; it is waited for. */
export const TEMPLATE_WAIT_MS = 10 * MINUTE_MS;
/** How long a job waits before it is looked again; doubled with its age. */
const TEMPLATE_RETRY_MS_MIN = 15 * SECOND_MS;
const TEMPLATE_RETRY_MS_MAX = 2 * MINUTE_MS;

/**
 * A mail whose template is not known: it waits on the ladder, without an attempt, until the table is known to have had it
 * neither by then nor ten minutes after the mail was to go. Then it is a dead letter, which can be requeued.
 */
function templateOutputs(unit: Unit, state: TemplateState, now: Millis): readonly Output[] | null {
  if (state.kind === 'ready') return null;
  const since = Math.max(unit.envelope.acceptedAt, unit.job.sendAt ?? 0);
  if (state.knownAt >= since + TEMPLATE_WAIT_MS) {
    return deadLettered(unit, 'template-unknown', 'its template, or the version that it names, does not exist', now);
  }
  const waitMs = Math.min(Math.max(now - since, TEMPLATE_RETRY_MS_MIN), TEMPLATE_RETRY_MS_MAX);
  return [postponed(unit, now + waitMs, {}, now)];
}

/** The ending `dead_lettered`, and the job as it came: once its cause is mended it can be requeued. */
export function deadLettered(unit: Unit, reason: string, detail: string, now: Millis): readonly Output[] {
  const { job, envelope } = unit;
  const facts = {
    class: reason,
    reason: detail,
    source: envelope.lastSource,
    site: unit.site,
    uncertain: envelope.uncertainCount > 0,
  };
  const end = ending(job.content, 'dead_lettered', envelope.attempts, now, facts);
  return [emit(topics.results(job.type), job.id, end), parked(unit, reason, detail, now)];
}

/** The suppression that keeps this mail from being sent, if there is one. */
export function suppressionFor(unit: Unit, views: Views, now: Millis): Suppression | null {
  const { tenant, folded, type } = unit.job;
  return views.suppressionsOf(tenant, folded).find((row) => suppresses(row, tenant, type, now)) ?? null;
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
    handedOver: false,
    notBefore: Math.round(until),
    toleranceMs,
    postponements: unit.envelope.postponements + 1,
    type: unit.job.type,
  };
  return emit(topics.delay(tier), unit.job.address, new Raw(unit.bytes), { headers: writeEnvelope(envelope) });
}

/** The unit once more on its own lane, for whoever owns the partition next. */
export const returned = (unit: Unit, change: Partial<Envelope>): Output => onLane(unit, unit.lane, change);

/** The unit on the lane of the provider that its recipient's mail exchangers belong to. */
export const moveTo = (unit: Unit, lane: Lane): Output => onLane(unit, lane, {});

/** The unit in another partition of its lane, whose owner has a connection to its site. */
export const handedOver = (unit: Unit, partition: number): Output =>
  onLane(unit, unit.lane, { handedOver: true }, { partition });

function onLane(unit: Unit, lane: Lane, change: Partial<Envelope>, to: { readonly partition?: number } = {}): Output {
  const envelope: Envelope = { ...unit.envelope, handedOver: false, ...change, type: unit.job.type };
  return emit(topics.send(lane), unit.job.address, new Raw(unit.bytes), { headers: writeEnvelope(envelope), ...to });
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
  return policy === 'hold' ? [end, parked(unit, 'held-uncertain', reason, now)] : [end];
}

/** A dead letter that holds the job's bytes as they came, so that a person can decide. */
function parked(unit: Unit, reason: string, detail: string, now: Millis): Output {
  const [topic = '', partition = '0', offset = '0'] = unit.place.split('/');
  return emit(topics.deadLetters, unit.job.address, {
    topic,
    partition: Number(partition),
    offset: Number(offset),
    key: Buffer.from(unit.job.address),
    value: Buffer.from(unit.bytes),
    headers: Object.entries(writeEnvelope(unit.envelope)).map(([name, value]) => ({ name, value })),
    stage: 'send',
    reason,
    detail,
    processor: WORKER_NAME,
    version: WORKER_VERSION,
    jobId: unit.job.id,
    at: now,
  });
}

export const WORKER_NAME = 'worker';
export const WORKER_VERSION = '1';
