import type { DeliveryResult, EmailJob } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import { type Envelope, readEnvelope, writeEnvelope } from '../../src/domain/envelope.ts';
import { assert, isPostlaneError } from '../../src/domain/error.ts';
import { identityProblem, isEmailType, type Job, type JobProblem, parseJob } from '../../src/domain/job.ts';
import type { EmailType, Provider, Queue } from '../../src/domain/policy.ts';
import { ending } from '../../src/domain/results.ts';
import { type Millis, SECOND_MS } from '../../src/domain/time.ts';
import { deadLetter } from '../../src/runtime/encode.ts';
import type { Task } from '../../src/runtime/ports.ts';
import {
  type Draft,
  emit,
  type Fold,
  type Input,
  type Output,
  Raw,
  type Restore,
  type StreamDefinition,
} from '../../src/runtime/processor.ts';
import { type SeenStore, windowStart } from '../../src/runtime/seen-port.ts';
import { contentOf, homePartition, identityOf, type RouterViews, type RoutingRules, route } from './step.ts';

const NAME = 'router';
const VERSION = '1';
/** Consumer group of the routers of one type: a flood of marketing shares neither batches nor transactions with a password reset. */
export const routerGroup = (type: EmailType): string => `postlane.router.${type}`;
/** Marks a record that a router has forwarded to its home partition: it is not forwarded again. */
export const FORWARDED_HEADER = 'pl-forwarded';
/** How soon a fold that waits for its views looks again. */
const GATE_MS = SECOND_MS;

export interface RouterDependencies {
  readonly rules: RoutingRules;
  readonly views: RouterViews;
  /** 16 bytes that stand for the parts, one after the other. */
  readonly hash: (parts: readonly (string | Uint8Array)[]) => Buffer;
  /** Number of partitions of a topic. */
  readonly partitionsOf: (topic: string) => number;
  /** The deduplication store of an ingest partition, brought up to its changelog after the fence. */
  readonly openSeen: (type: EmailType, partition: number, restore: Restore, nextOffset: number) => Promise<SeenStore>;
}

/** Why a job goes no further: what is wrong with it, or that our own code threw over it. */
type Refusal = JobProblem | 'step-threw';

/** What is counted; a lane by its name, a refusal with its reason. */
type Decision =
  | `${Queue}.${Provider}`
  | 'delayed'
  | 'suppressed'
  | 'expired'
  | `refused:${Refusal}`
  | 'duplicate'
  | 'id-reused'
  | 'forwarded'
  | 'misplaced';

/** One batch in the making: nothing of it is believed before the log has said yes. */
interface Sketch {
  readonly task: Task;
  readonly now: Millis;
  readonly outputs: Output[];
  readonly counts: Map<Decision, number>;
}

const tell = (sketch: Sketch, decision: Decision): void => {
  sketch.counts.set(decision, (sketch.counts.get(decision) ?? 0) + 1);
};

const end = (sketch: Sketch, result: DeliveryResult, type: EmailType): void => {
  sketch.outputs.push(emit(topics.results(type), result.jobId, result));
};

function kill(sketch: Sketch, input: Input<EmailJob>, reason: string, detail: string): void {
  const why = { stage: NAME, reason, detail, processor: NAME, version: VERSION, at: sketch.now };
  sketch.outputs.push(deadLetter(sketch.task, input.record, { ...why, jobId: input.value.id }));
}

/** Writes what becomes of a checked job. Its bytes go on as they came. */
function dispatch(
  sketch: Sketch,
  input: Input<EmailJob>,
  job: Job,
  envelope: Envelope,
  deps: RouterDependencies,
): void {
  const { now } = sketch;
  const found = route(job, envelope, deps.views, deps.rules, now);
  if (found.kind === 'expired' || found.kind === 'suppressed') {
    const { kind, reason } = found;
    const facts = { reason, uncertain: envelope.uncertainCount > 0 };
    end(sketch, ending(job.content, kind, envelope.attempts, now, facts), job.type);
    tell(sketch, kind);
    return;
  }
  assert(input.record.value !== null, 'what was decoded has bytes');
  const topic = found.kind === 'lane' ? topics.send(found.lane) : topics.delay(found.tier);
  const headers = writeEnvelope(found.envelope);
  sketch.outputs.push(emit<EmailJob>(topic, job.address, new Raw(input.record.value), { headers }));
  if (found.kind === 'ladder') tell(sketch, 'delayed');
  else tell(sketch, `${found.lane.queue}.${found.lane.provider}`);
}

/**
 * Checks and dispatches; what is refused becomes a dead letter and, as the job has an id, an ending. So does a job that our
 * own code cannot cope with: it was accepted, and whoever waits for it must hear of it.
 */
function judge(
  sketch: Sketch,
  input: Input<EmailJob>,
  envelope: Envelope,
  home: EmailType,
  deps: RouterDependencies,
): void {
  const parsed = parseJob(input.value, envelope.acceptedAt, deps.rules.job);
  if (!parsed.ok) return refuse(sketch, input, envelope, home, parsed);
  const before = sketch.outputs.length;
  try {
    dispatch(sketch, input, parsed.job, envelope, deps);
  } catch (error) {
    // Ours are bugs and broken infrastructure: no job is to blame for them.
    if (isPostlaneError(error)) throw error;
    sketch.outputs.length = before;
    refuse(sketch, input, envelope, home, { problem: 'step-threw', detail: String(error) });
  }
}

function refuse(
  sketch: Sketch,
  input: Input<EmailJob>,
  envelope: Envelope,
  home: EmailType,
  { problem, detail }: { readonly problem: Refusal; readonly detail: string },
): void {
  kill(sketch, input, problem, detail);
  const { type } = input.value;
  const reason = detail === '' ? problem : `${problem}: ${detail}`;
  const result = ending(input.value, 'dead_lettered', envelope.attempts, sketch.now, { reason });
  end(sketch, result, isEmailType(type) ? type : home);
  tell(sketch, `refused:${problem}`);
}

/** Sends a record to the partition where its id is told apart from others; true where it was sent away. */
function forward(sketch: Sketch, input: Input<EmailJob>, home: EmailType, deps: RouterDependencies): boolean {
  const { task } = sketch;
  if (input.record.headers[FORWARDED_HEADER] !== undefined) return false;
  const { type, id } = input.value;
  const topic = topics.ingest(isEmailType(type) ? type : home);
  const partition = homePartition(id, deps.partitionsOf(topic.name));
  if (topic.name === task.topic && partition === task.partition) return false;
  assert(input.record.value !== null, 'what was decoded has bytes');
  const headers = { ...writeEnvelope(arrival(input)), [FORWARDED_HEADER]: `${task.topic}/${task.partition}` };
  sketch.outputs.push(emit<EmailJob>(topic, id, new Raw(input.record.value), { headers, partition }));
  tell(sketch, topic.name === task.topic ? 'forwarded' : 'misplaced');
  return true;
}

/** A job as it arrives; what foreign producers write into our headers does not count. */
function arrival(input: Input<EmailJob>): Envelope {
  const { record, value } = input;
  const forwarded = record.headers[FORWARDED_HEADER] !== undefined;
  const acceptedAt = forwarded ? Math.min(record.at, readEnvelope(record.headers, record.at).acceptedAt) : record.at;
  return { ...readEnvelope({}, acceptedAt), type: value.type };
}

/** Bytes of hashes per record of `email.router-seen`: a quarter of what a topic takes by default. */
const SEEN_RECORD_BYTES_MAX = 256 * 1_024;

class IngestFold implements Fold<EmailJob> {
  private readonly task: Task;
  private readonly type: EmailType;
  private readonly seen: SeenStore;
  private readonly deps: RouterDependencies;
  constructor(task: Task, type: EmailType, seen: SeenStore, deps: RouterDependencies) {
    this.task = task;
    this.type = type;
    this.seen = seen;
    this.deps = deps;
  }

  fold(inputs: readonly Input<EmailJob>[], now: Millis): Draft {
    if (!this.deps.views.ready(now)) return gated(now);
    const sketch: Sketch = { task: this.task, now, outputs: [], counts: new Map() };
    const fresh = new Map<string, Buffer>();
    const hashes: Uint8Array[] = [];
    for (const input of inputs) {
      const nameless = identityProblem(input.value);
      if (nameless) {
        kill(sketch, input, nameless.problem, nameless.detail);
        tell(sketch, `refused:${nameless.problem}`);
      } else if (!forward(sketch, input, this.type, this.deps) && this.isNew(sketch, input, fresh, hashes)) {
        judge(sketch, input, arrival(input), this.type, this.deps);
      }
    }
    return this.draft(sketch, inputs, hashes);
  }

  /** Told apart by id; an id that comes back with other content is a mistake that somebody must see. */
  private isNew(sketch: Sketch, input: Input<EmailJob>, fresh: Map<string, Buffer>, hashes: Uint8Array[]): boolean {
    const { hash, rules } = this.deps;
    const id = hash([identityOf(input.value)]);
    const content = hash(contentOf(input.value));
    const key = id.toString('latin1');
    const known = fresh.get(key) ?? this.seen.find(id, windowStart(input.at, rules.dedupWindowMs));
    if (known === undefined) {
      fresh.set(key, content);
      hashes.push(id, content);
      return true;
    }
    if (Buffer.compare(known, content) === 0) {
      tell(sketch, 'duplicate');
      return false;
    }
    kill(sketch, input, 'id-reused', 'the id was used before, with other content');
    tell(sketch, 'id-reused');
    return false;
  }

  private draft(sketch: Sketch, inputs: readonly Input<EmailJob>[], hashes: readonly Uint8Array[]): Draft {
    const { outputs, counts } = sketch;
    const last = inputs.at(-1);
    const draft = { outputs, consumed: inputs.length, waitUntil: null, counts };
    if (hashes.length === 0 || last === undefined) return { ...draft, believe: () => undefined };
    const at = inputs.reduce((newest, input) => Math.max(newest, input.at), 0);
    const bytes = Buffer.concat(hashes);
    const topic = topics.routerSeen(this.type);
    for (let start = 0; start < bytes.length; start += SEEN_RECORD_BYTES_MAX) {
      const value = { at, hashes: bytes.subarray(start, start + SEEN_RECORD_BYTES_MAX) };
      outputs.push(emit(topic, String(this.task.partition), value, { partition: this.task.partition }));
    }
    return {
      ...draft,
      believe: (landed) => {
        const place = landed[outputs.length - 1];
        assert(place !== undefined, 'what was let through has landed');
        const checkpoint = { inputOffset: last.record.offset + 1, changelogOffset: place.offset + 1 };
        const forgetBefore = windowStart(at, this.deps.rules.dedupWindowMs);
        return this.seen.add([{ at, hashes: bytes }], checkpoint, forgetBefore);
      },
    };
  }
}

/** Units whose delay is over: past deduplication, which they went through when they came. */
const dueFold = (task: Task, type: EmailType, deps: RouterDependencies): Fold<EmailJob> => ({
  fold(inputs, now) {
    if (!deps.views.ready(now)) return gated(now);
    const sketch: Sketch = { task, now, outputs: [], counts: new Map() };
    for (const input of inputs) {
      judge(sketch, input, readEnvelope(input.record.headers, input.at), type, deps);
    }
    const { outputs, counts } = sketch;
    return { outputs, consumed: inputs.length, waitUntil: null, counts, believe: () => undefined };
  },
});

/** Nothing is let through past a view that cannot be trusted: neither sent nor dropped, for any type. */
const gated = (now: Millis): Draft => ({
  outputs: [],
  consumed: 0,
  waitUntil: now + GATE_MS,
  believe: () => undefined,
});

/** The router of some types: `email.ingest.<type>` and `email.due.<type>` → lane, ladder or ending; each accepted job exactly once. */
export const routerDefinition = (
  types: readonly EmailType[],
  deps: RouterDependencies,
): StreamDefinition<EmailJob> => ({
  name: NAME,
  version: VERSION,
  inputs: types.flatMap((type) => [topics.ingest(type), topics.due(type)]),
  decode: true,
  stage: 'decode',
  open(task, restore, { nextOffset }) {
    const due = types.find((type) => topics.due(type).name === task.topic);
    if (due !== undefined) return Promise.resolve(dueFold(task, due, deps));
    const type = types.find((candidate) => topics.ingest(candidate).name === task.topic);
    assert(type !== undefined, 'a task of the router reads an ingest or a due topic', { topic: task.topic });
    return deps
      .openSeen(type, task.partition, restore, nextOffset)
      .then((seen) => new IngestFold(task, type, seen, deps));
  },
});
