import type { Millis } from '../domain/time.ts';

/** Header values are UTF-8 text. Headers of foreign producers that are not are dropped at the edge. */
export type Headers = Readonly<Record<string, string>>;

/** One record to be appended. Bytes only: what they mean is the codec's business. */
export interface LogRecord {
  readonly topic: string;
  readonly key: Uint8Array | string | null;
  readonly value: Uint8Array | null;
  readonly headers?: Headers;
  /** Explicit partition, or the murmur2 of the key (Java's and kafkajs's default partitioner). */
  readonly partition?: number;
}

/** One record that was read. `at` is the broker's timestamp (every topic of ours uses append time). */
export interface StoredRecord {
  readonly offset: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Headers;
  readonly at: Millis;
}

/** One partition of one input topic, worked on for one consumer group. */
export interface Task {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
}
export const taskId = (task: Task): string => `${task.group}.${task.topic}.${task.partition}`;

/** Key of barrier records: written by readers to learn that they have caught up; nobody folds them. */
export const BARRIER_KEY = '\u0000barrier';

/** What is committed for a task. `nextOffset` is -1 where nothing was committed yet: read from the beginning. */
export interface Position {
  readonly nextOffset: number;
  readonly metadata: string;
}

export interface Commit {
  readonly outputs: readonly LogRecord[];
  /** The input offset to read next. */
  readonly nextOffset: number;
  /** At most 4096 bytes; '' for none. */
  readonly metadata: string;
}

/** Where each output landed, in the order of `Commit.outputs`. */
export interface Landed {
  readonly partition: number;
  readonly offset: number;
}

/**
 * The port to a partitioned log with transactions. Two implementations, one contract suite:
 * `src/kafka/kafka-log.ts` and `src/testing/memory-log.ts`.
 */
export interface Log {
  /**
   * Takes the task over, and reads its committed position. From then on nothing that an older owner says can move it: what
   * it had begun is waited for, and what it begins is refused. Over Kafka the group sees to that, by giving the task to us.
   */
  open(task: Task): Promise<Position>;
  /**
   * Reads `partition` of `topic` (committed records only) from `fromOffset` up to a barrier that this call appends
   * behind everything that an older owner can still commit. Answers the offset after the barrier.
   * Barriers of this and other readers are not shown to `apply`.
   */
  restore(
    task: Task,
    topic: string,
    partition: number,
    fromOffset: number,
    apply: (records: readonly StoredRecord[]) => void | Promise<void>,
  ): Promise<number>;
  /**
   * All or nothing: the outputs become visible and the position moves, or neither does.
   * Throws TASK_MIGRATED when fenced; KAFKA_COMMIT_UNKNOWN for anything else (it may have landed).
   * After either the task must be retired, and opened again before its next commit.
   */
  commit(task: Task, commit: Commit): Promise<readonly Landed[]>;
  /**
   * Moves the position alone, for a fraction of what a transaction costs: one request. It is fenced as a commit is, and throws the
   * same, and KAFKA_COMMIT_STRAY where no answer came: it may have landed, and if not it still may, also behind a later commit
   * of ours. Nothing but a new generation of the group ends that, and until then the task cannot be opened again.
   */
  declare(task: Task, position: Position): Promise<void>;
  /** Lets the task go, whatever state it is in. Never throws. */
  retire(task: Task): Promise<void>;
}

/** What a consumer group member calls back. */
export interface IntakeHandler {
  /** A new generation: exactly these tasks are ours now. Called before any batch of that generation. */
  assigned(tasks: readonly Task[], generation: number): Promise<void>;
  /**
   * We are about to (re)join or leave: stop declaring, let what is in flight settle, commit. Bounded by `deadlineMs`;
   * heartbeats go on meanwhile. After it no task is ours until `assigned` says so again.
   */
  revoking(deadlineMs: number): Promise<void>;
  /**
   * Records of one task, in order, starting at the consumer's position. Must not block for longer than a third of the session
   * time-out. Answers the offset from which to read on: usually the one after the last record, or an earlier or later one to seek.
   */
  batch(task: Task, records: readonly StoredRecord[]): Promise<number>;
}

/** A member of a consumer group: the port that feeds tasks. */
export interface Intake {
  start(handler: IntakeHandler): Promise<void>;
  pause(task: Task): void;
  resume(task: Task): void;
  /** Next fetch of that task begins there. */
  seek(task: Task, offset: number): void;
  /**
   * Asks for a new generation. Who was fenced out of a task that the group still gives it needs one: a zombie may have
   * taken the fence on its way out, and then nobody would work the task until the next rebalance.
   */
  rejoin(): void;
  /** Leaves the group gracefully (calls `revoking` first). Idempotent. */
  stop(): Promise<void>;
  /** Milliseconds since the last successful fetch or heartbeat; for readiness. */
  idleMs(): number;
  /** Settles when the member died for good (non-retriable crash): the process must drain and exit. */
  readonly dead: Promise<Error>;
}

/** A local, eventually consistent copy of a compacted topic, followed record by record. */
export interface View {
  /** Reads everything up to a barrier; settles when caught up. */
  start(): Promise<void>;
  /** Milliseconds since the view last knew itself to be current. Infinity before the first catch-up. */
  stalenessMs(): number;
  /**
   * Settles with true once everything that was written before the call has been applied, which on a quiet topic is one
   * question to the log; with false where that takes longer, or the view is stopped.
   */
  current(withinMs: number): Promise<boolean>;
  stop(): Promise<void>;
}

export interface Clock {
  now(): Millis;
  /** Settles after `ms`, or at once when the signal aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export interface Telemetry {
  /** Adds to a counter. Names and help texts are declared in `src/telemetry/metrics.ts`. */
  count(name: string, labels?: Readonly<Record<string, string>>, by?: number): void;
  gauge(name: string, value: number, labels?: Readonly<Record<string, string>>): void;
  observe(name: string, value: number, labels?: Readonly<Record<string, string>>): void;
  log(level: 'debug' | 'info' | 'warn' | 'error', message: string, facts?: Readonly<Record<string, unknown>>): void;
}

/** Started things stop: in the order stop intake → finish → commit → close; idempotent; bounded. */
export interface Stoppable {
  stop(options?: { readonly withinMs: number }): Promise<void>;
}
