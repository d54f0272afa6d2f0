import type { Topic } from '../contracts/topic.ts';
import { assert, isPostlaneError, PostlaneError } from '../domain/error.ts';
import type { Millis } from '../domain/time.ts';
import type { Codec } from './codec.ts';
import { deadLetter, encodeOutputs, keyText } from './encode.ts';
import { generationIn, generationMetadata } from './generation.ts';
import type { Clock, Intake, IntakeHandler, Log, StoredRecord, Task, Telemetry } from './ports.ts';
import { taskId } from './ports.ts';
import type { Draft, Fold, Input, Output, StreamDefinition } from './processor.ts';

/** A commit of so many records is worth its transaction: no time is given for more to come together. */
const WORTHWHILE = 100;
/** A transient failure (registry, broker) pauses the task this long before it is tried again. */
const RETRY_MS = 1_000;

interface Owned<V> {
  readonly task: Task;
  readonly fold: Fold<V>;
  nextOffset: number;
  /** We asked the intake to read from `nextOffset`; what comes later than that is a gap of the log, not a skip of ours. */
  sought: boolean;
}

export interface StreamProcessorOptions<V> {
  readonly definition: StreamDefinition<V>;
  readonly log: Log;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  /** The group member that feeds us; only its flow controls are used here. */
  readonly intake: Pick<Intake, 'pause' | 'resume' | 'seek' | 'rejoin'>;
  /**
   * How long a task rests after a small commit, in ms, so that what comes meanwhile shares a transaction; what comes after a
   * longer silence is not delayed. Left out: not at all, for what somebody waits for.
   */
  readonly restMs?: (topic: string) => number;
}

/**
 * Runs a `StreamDefinition`: consume → fold over a draft → one transaction of outputs and offset → only then believe.
 *
 * A task is in one of these modes:
 * - *unknown*: assigned, nothing read yet. The first batch opens it (fence → committed offset → restore).
 * - *owned*: `owning` holds its fold. A failed commit leaves it: everything believed is dropped and it is unknown again.
 * - *migrated*: another owner fenced us. Entered on TASK_MIGRATED, or on committed metadata of a later generation;
 *   left only by the next `assigned`. Never fenced back: a zombie and its successor would fence each other for ever.
 */
export class StreamProcessor<V> implements IntakeHandler {
  private readonly owning = new Map<string, Owned<V>>();
  private readonly migrated = new Set<string>();
  private readonly working = new Map<string, Promise<unknown>>();
  private readonly stopping = new AbortController();
  private readonly topicOf: ReadonlyMap<string, Topic<V>>;
  private generation = 0;
  private readonly options: StreamProcessorOptions<V>;

  constructor(options: StreamProcessorOptions<V>) {
    this.options = options;
    this.topicOf = new Map(options.definition.inputs.map((topic) => [topic.name, topic]));
  }

  async assigned(tasks: readonly Task[], generation: number): Promise<void> {
    this.generation = generation;
    this.migrated.clear();
    const kept = new Set(tasks.map(taskId));
    const lost = [...this.owning.values()].filter((owned) => !kept.has(taskId(owned.task)));
    for (const owned of lost) this.owning.delete(taskId(owned.task));
    await Promise.all(lost.map((owned) => this.options.log.retire(owned.task)));
    // A task that stayed may have been lost and won between two generations: its position is read again.
    this.owning.clear();
    for (const task of tasks) this.options.intake.resume(task);
  }

  /** Nothing is in flight outside a batch: waiting for the batches is draining. */
  async revoking(): Promise<void> {
    await Promise.allSettled(this.working.values());
  }

  async batch(task: Task, records: readonly StoredRecord[]): Promise<number> {
    const first = records[0];
    assert(first !== undefined, 'a batch holds at least one record');
    const work = this.work(task, records, first.offset);
    this.working.set(taskId(task), work);
    try {
      return await work;
    } finally {
      if (this.working.get(taskId(task)) === work) this.working.delete(taskId(task));
    }
  }

  /** Ends waits for gates. The intake must have been stopped before. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.allSettled(this.working.values());
    await Promise.all([...this.owning.values()].map((owned) => this.options.log.retire(owned.task)));
    this.owning.clear();
  }

  private async work(task: Task, records: readonly StoredRecord[], firstOffset: number): Promise<number> {
    if (this.migrated.has(taskId(task))) return this.letGo(task, firstOffset);
    try {
      const owned = this.owning.get(taskId(task)) ?? (await this.open(task, firstOffset));
      if (firstOffset < owned.nextOffset || (firstOffset > owned.nextOffset && !owned.sought)) {
        owned.sought = true;
        return owned.nextOffset;
      }
      return await this.process(owned, records);
    } catch (error) {
      return this.recover(task, firstOffset, error);
    }
  }

  private async open(task: Task, firstOffset: number): Promise<Owned<V>> {
    const { log, definition, telemetry } = this.options;
    const position = await log.open(task);
    if (generationIn(position.metadata) > this.generation) {
      throw new PostlaneError('TASK_MIGRATED', { task: taskId(task), generation: this.generation });
    }
    const fold = await definition.open(
      task,
      (topic, partition, fromOffset, apply) => log.restore(task, topic.name, partition, fromOffset, apply),
      position,
    );
    const nextOffset = position.nextOffset < 0 ? firstOffset : position.nextOffset;
    const owned: Owned<V> = { task, fold, nextOffset, sought: false };
    this.owning.set(taskId(task), owned);
    telemetry.count('postlane_tasks_opened_total', { processor: definition.name });
    return owned;
  }

  private async process(owned: Owned<V>, records: readonly StoredRecord[]): Promise<number> {
    const { definition, codec, clock } = this.options;
    const topic = this.topicOf.get(owned.task.topic);
    assert(topic !== undefined, 'records of a topic that the definition does not name', { topic: owned.task.topic });
    if (definition.decode) await codec.prepare(topic, records);
    const now = clock.now();
    const { inputs, outputs: deaths } = this.decode(owned.task, topic, records, now);
    if (inputs.length > 0) await owned.fold.prepare?.(inputs);
    const draft = inputs.length === 0 ? EMPTY : this.fold(owned, inputs, deaths, now);
    // Dead letters behind a gate must wait with it, or their offsets would be committed over the gate's.
    const gated = draft.consumed < inputs.length ? inputs[draft.consumed] : undefined;
    const end = gated ? gated.record.offset : (records.at(-1) as StoredRecord).offset + 1;
    const told = deaths.filter((death) => death.offset < end).map((death) => death.output);
    if (end > owned.nextOffset || told.length > 0) await this.commit(owned, [...draft.outputs, ...told], draft, end);
    if (gated && draft.waitUntil !== null) {
      this.options.telemetry.count('postlane_gate_waits_total', { processor: definition.name });
      this.wait(owned.task, draft.waitUntil, now);
    } else if (records.length < WORTHWHILE) this.rest(owned.task, now);
    return end;
  }

  private decode(task: Task, topic: Topic<V>, records: readonly StoredRecord[], now: Millis) {
    const { definition, codec, telemetry } = this.options;
    const inputs: Input<V>[] = [];
    const outputs: Death[] = [];
    for (const record of records) {
      if (!definition.decode) {
        inputs.push({ key: keyText(record), value: undefined as V, at: record.at, record });
        continue;
      }
      const decoded = codec.decode(topic, record.value);
      if (decoded.ok) {
        inputs.push({ key: keyText(record), value: decoded.value, at: record.at, record });
        continue;
      }
      telemetry.count('postlane_dead_letters_total', { processor: definition.name, reason: decoded.reason });
      const { reason, detail } = decoded;
      const letter = {
        stage: definition.stage,
        reason,
        detail,
        processor: definition.name,
        version: definition.version,
      };
      outputs.push({ offset: record.offset, output: deadLetter(task, record, { ...letter, at: now }) });
    }
    return { inputs, outputs };
  }

  /**
   * Folds the batch. Where the fold throws, it is folded again one input at a time, and what throws alone becomes a dead
   * letter; the inputs before it are committed first, so a poisonous record costs its neighbours nothing.
   */
  private fold(owned: Owned<V>, inputs: readonly Input<V>[], deaths: Death[], now: Millis): Draft {
    try {
      return owned.fold.fold(inputs, now);
    } catch (error) {
      // Ours are bugs and broken infrastructure, such as a store: no record is to blame for them.
      if (isPostlaneError(error)) throw error;
      const [input] = inputs;
      assert(input !== undefined, 'a fold of nothing cannot throw');
      if (inputs.length > 1) {
        const half = inputs.slice(0, Math.ceil(inputs.length / 2));
        return this.fold(owned, half, deaths, now);
      }
      const { definition, telemetry } = this.options;
      telemetry.count('postlane_dead_letters_total', { processor: definition.name, reason: 'step-threw' });
      telemetry.log('error', 'a step threw; its record is a dead letter', { processor: definition.name, error });
      const detail = error instanceof Error ? error.message : String(error);
      const letter = { stage: 'step', reason: 'step-threw', detail, processor: definition.name };
      const output = deadLetter(owned.task, input.record, { ...letter, version: definition.version, at: now });
      deaths.push({ offset: input.record.offset, output });
      return { ...EMPTY, consumed: 1 };
    }
  }

  private async commit(owned: Owned<V>, outputs: readonly Output[], draft: Draft, nextOffset: number): Promise<void> {
    const { definition, log, codec, telemetry, clock } = this.options;
    const startedAt = clock.now();
    const encoded = encodeOutputs(codec, outputs);
    const landed = await log.commit(owned.task, {
      outputs: encoded,
      nextOffset,
      metadata: generationMetadata(this.generation),
    });
    await draft.believe(landed.slice(0, draft.outputs.length));
    owned.nextOffset = nextOffset;
    telemetry.count('postlane_records_in_total', { processor: definition.name }, draft.consumed);
    telemetry.count('postlane_records_out_total', { processor: definition.name }, outputs.length);
    telemetry.observe('postlane_commit_duration_ms', clock.now() - startedAt, { processor: definition.name });
    for (const [decision, count] of draft.counts ?? NO_COUNTS) {
      telemetry.count('postlane_decisions_total', { processor: definition.name, decision }, count);
    }
  }

  /** We do not know what the log holds: drop what we believe, and say where to go on. */
  private async recover(task: Task, firstOffset: number, error: unknown): Promise<number> {
    const { log, telemetry, definition, clock } = this.options;
    if (isPostlaneError(error, 'BUG')) throw error;
    this.owning.delete(taskId(task));
    await log.retire(task);
    if (isPostlaneError(error, 'TASK_MIGRATED')) {
      this.migrated.add(taskId(task));
      telemetry.count('postlane_tasks_migrated_total', { processor: definition.name });
      this.options.intake.rejoin();
      return this.letGo(task, firstOffset);
    }
    telemetry.count('postlane_commit_failures_total', { processor: definition.name });
    telemetry.log('warn', 'a batch failed and is tried again', {
      processor: definition.name,
      task: taskId(task),
      error,
    });
    this.wait(task, clock.now() + RETRY_MS, clock.now());
    return firstOffset;
  }

  private letGo(task: Task, firstOffset: number): number {
    this.options.intake.pause(task);
    return firstOffset;
  }

  private rest(task: Task, startedAt: Millis): void {
    const { restMs, clock } = this.options;
    const until = startedAt + (restMs?.(task.topic) ?? 0);
    const now = clock.now();
    if (until > now) this.wait(task, until, now);
  }

  private wait(task: Task, until: Millis, now: Millis): void {
    const { intake, clock } = this.options;
    intake.pause(task);
    const resume = () => {
      if (!this.stopping.signal.aborted && !this.migrated.has(taskId(task))) intake.resume(task);
    };
    void clock.sleep(Math.max(1, until - now), this.stopping.signal).then(resume);
  }
}

interface Death {
  readonly offset: number;
  readonly output: Output;
}

const EMPTY: Draft = { outputs: [], consumed: 0, waitUntil: null, believe: () => undefined };
const NO_COUNTS: ReadonlyMap<string, number> = new Map();
