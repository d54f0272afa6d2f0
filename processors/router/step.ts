import type { EmailJob, NameValue, Score, Suppression } from '../../src/contracts/generated.ts';
import type { DelayTier } from '../../src/contracts/topic.ts';
import type { Envelope } from '../../src/domain/envelope.ts';
import { assert } from '../../src/domain/error.ts';
import { subjectsBehind } from '../../src/domain/identity.ts';
import { expiryOf, type Job, type JobRules } from '../../src/domain/job.ts';
import { nextTier, SEND_AT_TOLERANCE_MS, toleranceOf } from '../../src/domain/ladder.ts';
import { laneOf } from '../../src/domain/lane.ts';
import { partitionOf } from '../../src/domain/partitioner.ts';
import type { Lane, Provider, Queue } from '../../src/domain/policy.ts';
import type { ProviderOf } from '../../src/domain/provider.ts';
import { explainSuppression, suppresses } from '../../src/domain/suppression.ts';
import { MINUTE_MS, type Millis } from '../../src/domain/time.ts';

/** What the operator decided about routing. */
export interface RoutingRules {
  readonly job: JobRules;
  readonly providerOf: ProviderOf;
  /** Names of the sources that send a queue's mail. */
  readonly sourcesOf: (queue: Queue) => readonly string[];
  readonly ageMaxMsOf: (queue: Queue) => number;
  /** A marketing mail with a score below it goes to the throttled queue, and back with hysteresis. 0 … 1. */
  readonly throttleScore: number;
  /** How long an id is remembered. */
  readonly dedupWindowMs: number;
}

/** Local copies of the tables that routing looks at. Synchronous: no record waits for the network. */
export interface RouterViews {
  /** False while a view has not caught up, or is too old to be trusted: then nothing is let through. */
  ready(now: Millis): boolean;
  /** All rows about a recipient that may bind the tenant's mail; `folded` is the address. */
  suppressionsOf(tenant: string, folded: string): readonly Suppression[];
  /** How a provider regards an identity; undefined where nothing is known: healthy. */
  scoreOf(subject: string): Pick<Score, 'score' | 'action'> | undefined;
}

/** Where a checked job goes. */
export type Route =
  | { readonly kind: 'lane'; readonly lane: Lane; readonly envelope: Envelope }
  | { readonly kind: 'ladder'; readonly tier: DelayTier; readonly envelope: Envelope }
  | { readonly kind: 'expired'; readonly reason: string }
  | { readonly kind: 'suppressed'; readonly reason: string };

/** Marketing of a paused identity asks again after so long. */
const PAUSE_MS = 15 * MINUTE_MS;

/** The strictest that the rules ask for any identity behind the mail at this provider. */
function actionFor(
  job: Job,
  provider: Provider,
  views: RouterViews,
  rules: RoutingRules,
): 'none' | 'throttle' | 'pause' {
  const { senderDomain, tenant } = job;
  const sources = rules.sourcesOf(job.type);
  let isThrottled = false;
  for (const subject of subjectsBehind({ sources, senderDomain, tenant, campaign: job.content.campaign }, provider)) {
    const row = views.scoreOf(subject);
    if (row?.action === 'pause') return 'pause';
    // The action holds until the score is well above the limit again; `alert` asks for nothing.
    isThrottled ||= row?.action === 'throttle' || (row?.action === 'none' && row.score < rules.throttleScore);
  }
  return isThrottled ? 'throttle' : 'none';
}

/**
 * Decides where a job goes: expiry, suppression, waiting, lane; in this order, so that nothing that must not be sent is
 * kept waiting. `envelope.notBefore` and the job's `sendAt` both hold it back.
 */
export function route(job: Job, envelope: Envelope, views: RouterViews, rules: RoutingRules, now: Millis): Route {
  const startsAt = Math.max(now, job.sendAt ?? 0);
  if (expiryOf(job, envelope.acceptedAt, rules.ageMaxMsOf(job.type)) <= startsAt) {
    return { kind: 'expired', reason: job.expiresAt !== null && job.expiresAt <= startsAt ? 'expires-at' : 'max-age' };
  }
  for (const suppression of views.suppressionsOf(job.tenant, job.folded)) {
    if (suppresses(suppression, job.tenant, job.type, now)) {
      return { kind: 'suppressed', reason: explainSuppression(suppression, job.tenant, job.type, now) };
    }
  }
  const held = heldBack(job, envelope, now);
  const tier = held.notBefore === null ? null : nextTier(held.notBefore - now, held.toleranceMs);
  if (tier !== null) return { kind: 'ladder', tier, envelope: held };
  const provider = rules.providerOf(job.recipient.domain);
  const action = job.type === 'marketing' ? actionFor(job, provider, views, rules) : 'none';
  if (action === 'pause') return paused(held, now);
  return { kind: 'lane', lane: laneOf(job.type, provider, action === 'throttle'), envelope: held };
}

/** Back on the ladder, to be judged again; where the pause outlasts the mail, it expires. */
function paused(envelope: Envelope, now: Millis): Route {
  const toleranceMs = toleranceOf(PAUSE_MS);
  const tier = nextTier(PAUSE_MS, toleranceMs);
  assert(tier !== null, 'a pause is longer than a worker holds a mail');
  return { kind: 'ladder', tier, envelope: { ...envelope, notBefore: now + PAUSE_MS, toleranceMs } };
}

/** The envelope with what still holds the job back; a wait that is over is taken off. */
function heldBack(job: Job, envelope: Envelope, now: Millis): Envelope {
  const { notBefore } = envelope;
  if (job.sendAt !== null && job.sendAt > Math.max(now, notBefore ?? 0)) {
    return { ...envelope, type: job.type, notBefore: job.sendAt, toleranceMs: SEND_AT_TOLERANCE_MS };
  }
  if (notBefore !== null && notBefore > now) return { ...envelope, type: job.type };
  return { ...envelope, type: job.type, notBefore: null, toleranceMs: 0 };
}

/** The partition of an ingest topic on which ids are told apart. */
export const homePartition = (jobId: string, partitions: number): number => partitionOf(jobId, partitions);

type Field = string | number | boolean | null;

/** Fields as one text that no other list of fields gives: each is preceded by its length, an absent one is a dash. */
const joined = (fields: readonly Field[]): string => {
  let text = `${fields.length};`;
  for (const field of fields) {
    const value = field === null ? '' : String(field);
    text += field === null ? '-' : `${value.length}:${value}`;
  }
  return text;
};

/** What a job's identity is made of: hashed, it is what deduplication goes by. */
export const identityOf = (job: EmailJob): string => joined([job.tenant, job.id]);

const flat = (list: readonly NameValue[]): readonly string[] => list.flatMap(({ name, value }) => [name, value]);

/**
 * Everything that a publisher means by a job, as a text and bytes to be hashed one after the other. Not the trace context,
 * which is new with every attempt to publish; not the encoding, which is another one once the schema has grown. The fields
 * are named one by one: a field that is new must leave the hash of a job without it as it is.
 */
export function contentOf(job: EmailJob): readonly [string, ...Uint8Array[]] {
  const { payload } = job;
  const about =
    joined([job.type, job.priority, job.recipient, job.templateId, job.templateVersion, job.campaign, job.region]) +
    joined([job.sendAt, job.expiresAt, payload === null]) +
    joined(flat(job.mergeData)) +
    joined(flat(job.metadata)) +
    joined(job.tags);
  if (payload === null) return [about];
  const { attachments, mime } = payload;
  const mail =
    joined([payload.from, payload.replyTo, payload.subject, payload.html, payload.text]) +
    joined([payload.unsubscribeLink, payload.oneClick, mime === null ? null : mime.length]) +
    joined(flat(payload.headers)) +
    joined(attachments.flatMap((one) => [one.filename, one.contentType, one.contentId, one.content.length]));
  const bytes = attachments.map(({ content }) => content);
  return [about + mail, ...bytes, ...(mime === null ? [] : [mime])];
}
