import type { DomainSite, EmailJob } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import { readEnvelope } from '../../src/domain/envelope.ts';
import { expiryOf } from '../../src/domain/expiry.ts';
import { type Job, type JobRules, parseJob } from '../../src/domain/job.ts';
import {
  type Lane,
  PROVIDERS,
  type Provider,
  type QueuePolicy,
  type SiteLimits,
  type Source,
} from '../../src/domain/policy.ts';
import type { RecipientNames } from '../../src/domain/recipient-names.ts';
import { ending, signal } from '../../src/domain/results.ts';
import type { Millis } from '../../src/domain/time.ts';
import type { Admission, EffectDefinition } from '../../src/runtime/effects.ts';
import { deadLetter } from '../../src/runtime/encode.ts';
import type { RateLimits } from '../../src/runtime/limits-port.ts';
import type { Task } from '../../src/runtime/ports.ts';
import { emit, type Input, type Output } from '../../src/runtime/processor.ts';
import { Dispatcher } from './dispatcher.ts';
import type { Located } from './dispatcher-ports.ts';
import {
  deadLettered,
  handedOver,
  moveTo,
  postponed,
  skip,
  uncertainOutputs,
  type Views,
  WORKER_NAME,
  WORKER_VERSION,
} from './plan.ts';
import { type Attempt, identitiesOf, settle } from './settle.ts';
import type { Unit } from './unit.ts';

/** What an attempt answers: what the server said, or why there was none. */
export type SendResult =
  | { readonly kind: 'attempted'; readonly attempt: Attempt }
  /** The message could not be made of the job: its own fault, and final. */
  | { readonly kind: 'invalid'; readonly reason: string; readonly detail: string | null }
  /** Template and merge data do not make a mail: nobody checked the job before it was accepted. */
  | { readonly kind: 'unrenderable'; readonly reason: string; readonly detail: string }
  /** Between its declaration and its attempt something came to speak against it (a suppression, an expiry). */
  | { readonly kind: 'skipped'; readonly outputs: readonly Output[] };

/** Knows who is behind mail exchangers. */
export interface SiteFinder {
  /** Undefined: it is being looked up. */
  find(
    domain: string,
  ):
    | { readonly kind: 'found'; readonly provider: Provider; readonly site: string }
    | { readonly kind: string }
    | undefined;
  /** The row to tell of a domain; null where it has been told lately. */
  news(domain: string, now: Millis): DomainSite | null;
}

/** What the worker needs of the world. */
export interface WorkerPorts {
  readonly policy: QueuePolicy;
  readonly sources: readonly Source[];
  readonly views: Views;
  /** What stands for recipients in signals. */
  readonly names: RecipientNames;
  readonly limits: RateLimits;
  readonly rules: JobRules;
  /** Mails per day that a source which is being warmed up may send to the unit's provider; null for a warm source. */
  allowance(source: Source, unit: Unit): number | null;
  readonly overflow: 'warm' | 'hold';
  /** Which sources of the pool come first: those that are warm, or those that are being warmed up. */
  readonly first: 'warm' | 'new';
  limitsOf(unit: Unit, source: Source): SiteLimits;
  /** Who is behind the mail exchangers of recipients' domains; absent where nobody looks them up. */
  readonly sites?: SiteFinder;
  sharedBy(source: Source, unit: Unit): readonly string[];
  /** The partition of the unit's lane whose owner may connect from the source to the unit's site; see `ConnectionShares`. */
  heirOf(unit: Unit, source: Source): number;
  circuits(
    source: Source,
    site: string,
  ): { readonly source: Millis | null; readonly site: Millis | null; readonly trial: boolean };
  /** Composes, signs and hands over. Never throws. */
  send(unit: Unit, abort: AbortSignal, closing: AbortSignal): Promise<Exclude<SendResult, { kind: 'skipped' }>>;
  now(): Millis;
  /** A number in [0, 1): jitter. */
  chance(): number;
  /** Facts for metrics: what became of units, by outcome. */
  tell(unit: Unit, what: string): void;
}

/** Lanes of one queue: the fixed topic set of one consumer group. */
export const lanesOf = (policy: QueuePolicy): readonly Lane[] =>
  PROVIDERS.map((provider) => ({ queue: policy.queue, provider }));

const siteOf = (lane: Lane, job: Job): string => (lane.provider === 'other' ? job.recipient.domain : lane.provider);

export interface WorkerDefinition extends EffectDefinition<EmailJob, Unit, SendResult> {
  /** Units that wait, per provider; for metrics. */
  waiting(): ReadonlyMap<string, number>;
}

/** The worker of one queue: lanes in, mail and results out. */
export function workerDefinition(ports: WorkerPorts): WorkerDefinition {
  const { policy, views } = ports;
  const lanes = new Map(lanesOf(policy).map((lane) => [topics.send(lane).name, lane]));
  const dispatcher = new Dispatcher({
    ...ports,
    queueRatePerMinute: policy.ratePerMinutePerWorker,
    queueName: policy.queue,
    ...(ports.sites && { locate: (unit: Unit, now: Millis) => locate(unit, ports.sites as SiteFinder, now) }),
    skip: (unit, now) => {
      const outputs = skip(unit, views, now);
      if (outputs) ports.tell(unit, 'skipped');
      return outputs;
    },
    handOver: (unit, source) => {
      ports.tell(unit, 'handed_over');
      return [handedOver(unit, ports.heirOf(unit, source))];
    },
    postpone: (unit, until, now) => {
      ports.tell(unit, 'postponed');
      return [postponed(unit, until, {}, now)];
    },
  });
  return {
    name: WORKER_NAME,
    version: WORKER_VERSION,
    stage: 'send',
    inputs: lanesOf(policy).map((lane) => topics.send(lane)),
    admit: (task, input, uncertain, now) =>
      admit(ports, dispatcher, lanes.get(task.topic) as Lane, task, input, uncertain, now),
    choose: (room, now) => dispatcher.choose(room, now),
    async perform(unit, abort, closing) {
      const now = ports.now();
      const outputs = skip(unit, views, now);
      if (outputs) return { kind: 'skipped', outputs };
      dispatcher.started(unit, now);
      return ports.send(unit, abort, closing);
    },
    settle(unit, result, now) {
      const outputs = settled(ports, unit, result, now);
      dispatcher.release(unit);
      return unit.learned === null ? outputs : [...outputs, learnedOutput(unit.learned)];
    },
    forget: (unit) => dispatcher.release(unit),
    waiting: () => dispatcher.waiting(),
    summarise: (all, now) => sentCounts(all, now),
  };
}

function admit(
  ports: WorkerPorts,
  dispatcher: Dispatcher,
  lane: Lane,
  task: Task,
  input: Input<EmailJob>,
  uncertain: boolean,
  now: Millis,
): Admission<Unit> {
  const { record, value } = input;
  const envelope = readEnvelope(record.headers, record.at);
  const parsed = parseJob(value, envelope.acceptedAt, ports.rules);
  if (!parsed.ok) {
    // Only a record that did not come through the router can be invalid here: it has no other ending.
    const why = {
      stage: 'send',
      reason: parsed.problem,
      detail: parsed.detail,
      processor: WORKER_NAME,
      version: WORKER_VERSION,
    };
    return { kind: 'settled', outputs: [deadLetter(task, record, { ...why, jobId: value.id, at: now })] };
  }
  const { job } = parsed;
  const unit: Unit = {
    job,
    envelope,
    lane,
    site: siteOf(lane, job),
    learned: null,
    bytes: record.value as Buffer,
    expiresAt: expiryOf(job, envelope.acceptedAt, ports.policy.ageMaxMs),
    place: `${task.topic}/${task.partition}/${record.offset}`,
    source: null,
    state: 'queued',
  };
  if (uncertain) {
    ports.tell(unit, 'uncertain');
    return { kind: 'settled', outputs: uncertainOutputs(unit, ports.policy.onUncertain, now) };
  }
  // In a lane of many sites a slow one must not fill the worker: its mails take the site's next free slots on the ladder.
  if (lane.provider === 'other' && !ports.sites && dispatcher.mustPostpone(unit, now)) {
    ports.tell(unit, 'postponed');
    return { kind: 'settled', outputs: [postponed(unit, dispatcher.nextSlot(unit, now), {}, now)] };
  }
  dispatcher.add(unit, now);
  return { kind: 'queued', unit, bytes: unit.bytes.length };
}

const learnedOutput = (row: DomainSite): Output => emit(topics.domains, row.domain, row);

/** What its mail exchangers say about where a mail of a lane of many sites belongs. */
function locate(unit: Unit, sites: SiteFinder, now: Millis): Located {
  const { domain } = unit.job.recipient;
  const found = sites.find(domain);
  if (found === undefined) return { kind: 'looking' };
  // Nobody takes its mail, or nobody can say: the attempt will find out which.
  if (!('site' in found)) return { kind: 'here', site: domain };
  const row = sites.news(domain, now);
  if (found.provider === 'other') {
    unit.learned = row;
    return { kind: 'here', site: found.site };
  }
  const lane = { queue: unit.lane.queue, provider: found.provider };
  const moved = moveTo(unit, lane);
  return { kind: 'elsewhere', outputs: row === null ? [moved] : [moved, learnedOutput(row)] };
}

function settled(ports: WorkerPorts, unit: Unit, result: SendResult, now: Millis): readonly Output[] {
  if (result.kind === 'skipped') {
    ports.tell(unit, 'skipped');
    return result.outputs;
  }
  if (result.kind === 'invalid') {
    ports.tell(unit, 'invalid');
    const { job, envelope } = unit;
    const facts = { class: result.reason, reason: result.detail ?? result.reason, site: unit.site };
    return [emit(topics.results(job.type), job.id, ending(job.content, 'bounced', envelope.attempts, now, facts))];
  }
  if (result.kind === 'unrenderable') {
    ports.tell(unit, 'invalid');
    return deadLettered(unit, result.reason, result.detail, now);
  }
  ports.tell(unit, result.attempt.outcome.kind);
  const { policy, names } = ports;
  return settle(unit, result.attempt, { policy, names, chance: ports.chance() }, now);
}

/** What went out, counted per identity and provider: one signal a transaction each, so that an identity is no hot key. */
function sentCounts(
  all: readonly { readonly unit: Unit; readonly result: SendResult }[],
  now: Millis,
): readonly Output[] {
  const counts = new Map<string, { count: number; first: Unit; source: string }>();
  for (const { unit, result } of all) {
    if (result.kind !== 'attempted' || result.attempt.outcome.kind !== 'accepted' || !unit.source) continue;
    for (const subject of identitiesOf(unit, result.attempt)) {
      const found = counts.get(subject);
      if (found) found.count++;
      else counts.set(subject, { count: 1, first: unit, source: unit.source.name });
    }
  }
  return [...counts].map(([subject, { count, first, source }]) =>
    emit(
      topics.reputation,
      subject,
      signal({
        eventId: `sent:${first.place}`,
        subject,
        kind: 'sent_counted',
        at: now,
        tenant: first.job.tenant,
        type: first.job.type,
        source,
        provider: first.lane.provider,
        count,
      }),
    ),
  );
}
