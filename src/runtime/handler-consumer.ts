import type { Topic } from '../contracts/topic.ts';
import { assert, isPostlaneError, PostlaneError } from '../domain/error.ts';
import type { Millis } from '../domain/time.ts';
import type { Codec, UndecodableReason } from './codec.ts';
import { generationIn, generationMetadata } from './generation.ts';
import type { Clock, Intake, IntakeHandler, Log, StoredRecord, Task } from './ports.ts';
import { taskId } from './ports.ts';

/** Where a record lies. */
export interface RecordPlace {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** Its append time. */
  readonly at: Millis;
}

/** A record that can never be read. */
export interface Undecodable extends RecordPlace {
  readonly reason: UndecodableReason;
  readonly detail: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
}

export interface HandlerConsumerOptions<V> {
  readonly topics: readonly Topic<V>[];
  readonly log: Pick<Log, 'open' | 'commit' | 'retire'>;
  readonly codec: Pick<Codec, 'prepare' | 'decode'>;
  readonly clock: Clock;
  readonly intake: Pick<Intake, 'pause' | 'resume'> & {
    /** Joins the group again: for a partition that was lost without a rebalance. */
    rejoin(): void;
  };
  /** One at a time per partition, in order. Where it throws, the same record is handed to it again. */
  readonly handle: (value: V, place: RecordPlace) => void | Promise<void>;
  /** A record that cannot be read is passed over once this has settled. */
  readonly undecodable: (record: Undecodable) => void | Promise<void>;
  /** Told of every failure that is tried again. */
  readonly failed: (error: unknown, task: Task) => void;
  /** Where a group begins that has committed nothing; null: at the first record that the log still has. */
  readonly beginAt: ((task: Task) => Promise<number>) | null;
  /** What was handled is committed so often, and whenever a partition is let go. */
  readonly commitMs: number;
}

interface Owned {
  readonly task: Task;
  /** Everything below it was handled. */
  nextOffset: number;
  committedOffset: number;
  committedAt: Millis;
  /** We asked the intake to read from `nextOffset`; what comes later than that is a gap of the log, not a skip of ours. */
  sought: boolean;
}

const RETRY_MS_MIN = 500;
const RETRY_MS_MAX = 30_000;
/** Doubled this often, the pause is at its longest. */
const DOUBLINGS_MAX = 6;
/** Finding the place of a new group is tried so often; to guess it instead would pass records over. */
const BEGIN_TRIES_MAX = 5;

/**
 * Hands records to somebody's handler, at least once each: a record's offset is committed only after its handler settled.
 * Commits go through the task's own transactional producer, so a member that lost its partition without noticing can
 * never move its successor's position.
 *
 * A task is in one of these modes:
 * - *unknown*: assigned, nothing read yet, or given up after a failed commit. The next batch opens it.
 * - *owned*: it has an entry in `owning`. Left at every rebalance: the handler that runs is awaited, then all is committed.
 * - *migrated*: another owner fenced us. Left only by the next `assigned`.
 */
export class HandlerConsumer<V> implements IntakeHandler {
  private readonly options: HandlerConsumerOptions<V>;
  private readonly topicOf: ReadonlyMap<string, Topic<V>>;
  private readonly owning = new Map<string, Owned>();
  private readonly migrated = new Set<string>();
  /** Everything below it was handled in this generation: a failed commit need not repeat it. */
  private readonly handledTo = new Map<string, number>();
  /** The last piece of work of each task: pieces of one task run one after the other. */
  private readonly working = new Map<string, Promise<unknown>>();
  /** Tasks for which a commit is planned. */
  private readonly planned = new Set<string>();
  /** Failures of a task in a row. */
  private readonly failures = new Map<string, number>();
  private readonly stopping = new AbortController();
  private generation = 0;
  private letGo = false;

  constructor(options: HandlerConsumerOptions<V>) {
    this.options = options;
    this.topicOf = new Map(options.topics.map((topic) => [topic.name, topic]));
  }

  async assigned(tasks: readonly Task[], generation: number): Promise<void> {
    const { log, intake, beginAt } = this.options;
    const before = [...this.owning.values()];
    this.owning.clear();
    this.migrated.clear();
    this.handledTo.clear();
    await Promise.all(before.map(({ task }) => log.retire(task)));
    this.generation = generation;
    this.letGo = false;
    // A new group that wants to hear of nothing old must know its place before the first new record comes.
    if (beginAt) await Promise.all(tasks.map((task) => this.begin(task)));
    for (const task of tasks) intake.resume(task);
  }

  /** Handlers that run are awaited, no further ones begin, and what was handled is committed. */
  async revoking(): Promise<void> {
    this.letGo = true;
    await Promise.allSettled(this.working.values());
    await Promise.all([...this.owning.values()].map((owned) => this.commit(owned).catch(() => undefined)));
  }

  async batch(task: Task, records: readonly StoredRecord[]): Promise<number> {
    return this.inTurn(task, () => this.work(task, records));
  }

  /** Ends every wait. The intake must have been stopped before. */
  async stop(): Promise<void> {
    this.letGo = true;
    this.stopping.abort();
    await Promise.allSettled(this.working.values());
    await Promise.all([...this.owning.values()].map(({ task }) => this.options.log.retire(task)));
    this.owning.clear();
  }

  private async begin(task: Task): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        return void (await this.openAt(task, 0));
      } catch (error) {
        if (tries === BEGIN_TRIES_MAX || isPostlaneError(error, 'BUG')) throw error;
        this.options.failed(error, task);
        await this.options.clock.sleep(RETRY_MS_MIN, this.stopping.signal);
      }
    }
  }

  private async inTurn<T>(task: Task, work: () => Promise<T>): Promise<T> {
    const id = taskId(task);
    const before = this.working.get(id) ?? Promise.resolve();
    const after = before.then(work, work);
    this.working.set(id, after);
    try {
      return await after;
    } finally {
      if (this.working.get(id) === after) this.working.delete(id);
    }
  }

  private async work(task: Task, records: readonly StoredRecord[]): Promise<number> {
    const [first] = records;
    assert(first !== undefined, 'a batch holds at least one record');
    if (this.letGo) return first.offset;
    if (this.migrated.has(taskId(task))) {
      this.options.intake.pause(task);
      return first.offset;
    }
    let owned: Owned | null = null;
    try {
      owned = this.owning.get(taskId(task)) ?? (await this.openAt(task, first.offset));
      if (first.offset < owned.nextOffset || (first.offset > owned.nextOffset && !owned.sought)) {
        owned.sought = true;
        return owned.nextOffset;
      }
      await this.handleAll(owned, records);
    } catch (error) {
      await this.recover(task, owned, error);
    }
    return owned?.nextOffset ?? first.offset;
  }

  private async handleAll(owned: Owned, records: readonly StoredRecord[]): Promise<void> {
    const { codec, clock, commitMs } = this.options;
    const topic = this.topicOf.get(owned.task.topic);
    assert(topic !== undefined, 'records of a topic that nobody asked for', { topic: owned.task.topic });
    await codec.prepare(topic, records);
    for (const record of records) {
      // A rebalance waits for us; what is left is read again by whoever owns it then.
      if (this.letGo || !this.isCurrent(owned)) return;
      await this.handleOne(topic, owned.task, record);
      owned.nextOffset = record.offset + 1;
      this.failures.delete(taskId(owned.task));
      if (clock.now() - owned.committedAt >= commitMs) await this.commit(owned);
      else this.planCommit(owned.task, commitMs);
    }
  }

  private async handleOne(topic: Topic<V>, task: Task, record: StoredRecord): Promise<void> {
    const { codec, handle, undecodable } = this.options;
    const place = { topic: task.topic, partition: task.partition, offset: record.offset, at: record.at };
    const decoded = codec.decode(topic, record.value);
    if (decoded.ok) return handle(decoded.value, place);
    const { reason, detail } = decoded;
    return undecodable({ ...place, reason, detail, key: record.key, value: record.value });
  }

  private async openAt(task: Task, firstOffset: number): Promise<Owned> {
    const { log, clock, beginAt, commitMs } = this.options;
    const id = taskId(task);
    const position = await log.open(task);
    if (generationIn(position.metadata) > this.generation) {
      throw new PostlaneError('TASK_MIGRATED', { task: id, generation: this.generation });
    }
    const committedOffset = position.nextOffset;
    const begin = committedOffset >= 0 ? committedOffset : beginAt ? await beginAt(task) : firstOffset;
    const owned: Owned = {
      task,
      nextOffset: Math.max(begin, this.handledTo.get(id) ?? 0),
      committedOffset,
      committedAt: clock.now(),
      sought: false,
    };
    this.owning.set(id, owned);
    if (owned.nextOffset !== committedOffset) this.planCommit(task, commitMs);
    return owned;
  }

  private isCurrent(owned: Owned): boolean {
    return this.owning.get(taskId(owned.task)) === owned;
  }

  /** Commits what was handled, if that is news. Only ever for the present owner of the task within this process. */
  private async commit(owned: Owned): Promise<void> {
    const { log, clock } = this.options;
    const { task, nextOffset } = owned;
    if (!this.isCurrent(owned) || nextOffset === owned.committedOffset) return;
    this.handledTo.set(taskId(task), nextOffset);
    await log.commit(task, { outputs: [], nextOffset, metadata: generationMetadata(this.generation) });
    owned.committedOffset = nextOffset;
    owned.committedAt = clock.now();
  }

  /** Sees to it that what was handled is committed soon, also if nothing comes after it. */
  private planCommit(task: Task, withinMs: number): void {
    const id = taskId(task);
    if (this.planned.has(id)) return;
    this.planned.add(id);
    const { clock } = this.options;
    void clock.sleep(withinMs, this.stopping.signal).then(() => {
      this.planned.delete(id);
      return this.inTurn(task, () => this.commitPlanned(task));
    });
  }

  private async commitPlanned(task: Task): Promise<void> {
    const id = taskId(task);
    const handledTo = this.handledTo.get(id);
    if (this.letGo || this.migrated.has(id)) return;
    let owned = this.owning.get(id) ?? null;
    try {
      // After a failed commit the task is not open: nothing else may come that would open it.
      if (owned === null && handledTo !== undefined) owned = await this.openAt(task, handledTo);
      if (owned) await this.commit(owned);
    } catch (error) {
      await this.recover(task, owned, error);
    }
  }

  /** The handler, the registry or the broker failed: say so, and try the same again after a pause. */
  private async recover(task: Task, owned: Owned | null, error: unknown): Promise<void> {
    const { log, failed, intake, clock, commitMs } = this.options;
    const id = taskId(task);
    if (isPostlaneError(error, 'BUG')) throw error;
    failed(error, task);
    // Of an earlier generation: whatever happened to it, the task is somebody else's by now, or ours anew.
    if (owned !== null && !this.isCurrent(owned)) return;
    const isMigrated = isPostlaneError(error, 'TASK_MIGRATED');
    if (isMigrated || isPostlaneError(error, 'KAFKA_COMMIT_UNKNOWN')) {
      this.owning.delete(id);
      await log.retire(task);
    }
    intake.pause(task);
    if (isMigrated) {
      this.migrated.add(id);
      return intake.rejoin();
    }
    // What was handled is not committed yet, and perhaps nothing more comes that would see to it.
    this.planCommit(task, commitMs);
    const failures = (this.failures.get(id) ?? 0) + 1;
    this.failures.set(id, failures);
    const pauseMs = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** Math.min(failures - 1, DOUBLINGS_MAX));
    void clock.sleep(pauseMs, this.stopping.signal).then(() => {
      if (!this.letGo && !this.migrated.has(id)) intake.resume(task);
    });
  }
}
