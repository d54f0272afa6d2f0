import { setTimeout as sleep } from 'node:timers/promises';
import { assert, isPostlaneError, PostlaneError } from '../domain/error.ts';
import type { Landed, LogRecord, Task, Telemetry } from '../runtime/ports.ts';
import { taskId } from '../runtime/ports.ts';
import type { KafkaClient } from './client.ts';
import { withDeadline } from './deadline.ts';
import { isOutsider } from './errors.ts';
import type { GroupMembers } from './group-members.ts';
import type { Member } from './guards/transactional-offsets.ts';
import { PositionCommits } from './position-commits.ts';
import { type Moves, TransactionalProducer, type TransactionalProducerOptions } from './transactional-producer.ts';

export interface GroupWriterOptions extends TransactionalProducerOptions {
  readonly kafka: KafkaClient;
  readonly group: string;
  readonly members: GroupMembers;
  readonly telemetry: Pick<Telemetry, 'log' | 'observe'>;
}

/** What one task wants written: records, and its position if that moves. */
export interface Write {
  readonly task: Task;
  /** The member that this process was when it opened the task. */
  readonly member: Member | undefined;
  readonly records: readonly LogRecord[];
  readonly moved: { readonly nextOffset: number; readonly metadata: string } | null;
  /** It moves the position and nothing else, and needs no transaction. */
  readonly bare: boolean;
}

interface Waiting extends Write {
  readonly bytes: number;
  landed(landed: readonly Landed[]): void;
  failed(error: unknown): void;
}

/** A transaction takes no more writes beyond so much: the rest belongs to the next one. */
const TRANSACTION_BYTES_MAX = 4_000_000;
const TRANSACTION_RECORDS_MAX = 5_000;
/** Key, headers and frame of a record, roughly. */
const RECORD_BYTES = 300;
/**
 * A transaction costs about five milliseconds of a broker's processor and two of ours, whatever it says (measured). So
 * there is a pause behind each, as long as it took itself, within these bounds, and what comes meanwhile goes along; the first
 * after a rest goes at once. A broker that has much to do is asked less often so.
 */
const PAUSE_MS_MIN = 2;
const PAUSE_MS_MAX = 15;
/** Between attempts to take our transactional id over, while the broker is away. */
const RETRY_MS = 250;

/**
 * Writes for all tasks of one group that this process owns. What comes while a transaction is under way shares the next
 * one: a transaction costs the broker about the same however much it says, and twenty partitions that each had their own
 * would each wait for the other nineteen.
 *
 * A zombie is fenced by the group: every transaction names the member and its generation, and the coordinator of the group
 * refuses the positions of one that it has dropped, and with them the records (KIP-447).
 */
export class GroupWriter {
  private readonly options: GroupWriterOptions;
  private waiting: Waiting[] = [];
  /** The transaction under way, and whose it is. Never rejects. */
  private flight: { readonly tasks: ReadonlySet<string>; readonly ended: Promise<void> } | null = null;
  private producer: Promise<TransactionalProducer> | null = null;
  /** Tasks of a transaction that failed: each goes alone until it lands, so that one that always fails fails alone. */
  private readonly suspects = new Set<string>();
  private running = false;
  private readonly positions: PositionCommits;
  /** No transaction begins before. */
  private restsUntil = Number.NEGATIVE_INFINITY;
  private closed = false;

  constructor(options: GroupWriterOptions) {
    this.options = options;
    this.positions = new PositionCommits(options.kafka, options.group);
  }

  /** Settles when no transaction of an earlier holder of our transactional id is pending. */
  async ready(): Promise<void> {
    await withDeadline(this.fenced(), this.options.commitTimeoutMs, 'taking a transactional id over');
  }

  /** All or nothing. Throws TASK_MIGRATED where the group has gone on without us, else KAFKA_COMMIT_UNKNOWN. */
  write(write: Write): Promise<readonly Landed[]> {
    return new Promise((landed, failed) => {
      const bytes = write.records.reduce((sum, { value }) => sum + RECORD_BYTES + (value?.length ?? 0), 0);
      this.waiting.push({ ...write, bytes, landed, failed });
      if (this.running) return;
      this.running = true;
      // What is written in the same turn of the loop comes along.
      setImmediate(() => void this.run());
    });
  }

  /** Withdraws what a task still waits to write. What is under way cannot be withdrawn: see `settled`. */
  withdraw(task: Task): void {
    const id = taskId(task);
    const [withdrawn, left] = [this.of(id, true), this.of(id, false)];
    this.waiting = left;
    for (const write of withdrawn)
      write.failed(new PostlaneError('KAFKA_COMMIT_UNKNOWN', { task: id, what: 'withdrawn' }));
  }

  /** Settles when no transaction that holds something of the task is under way. */
  async settled(task: Task): Promise<void> {
    while (this.flight?.tasks.has(taskId(task))) await this.flight.ended;
  }

  /** Throws the producer away. The tasks must have been let go before. */
  close(): void {
    this.closed = true;
    for (const write of this.waiting.splice(0))
      write.failed(new PostlaneError('KAFKA_COMMIT_UNKNOWN', { what: 'closed' }));
    this.positions.close();
    void this.producer?.then((producer) => producer.discard()).catch(() => undefined);
  }

  private of(id: string, own: boolean): Waiting[] {
    return this.waiting.filter(({ task }) => (taskId(task) === id) === own);
  }

  private async run(): Promise<void> {
    while (this.waiting.length > 0 && !this.closed) {
      const bare = this.nextBare();
      if (bare.length === 0) await this.spaced();
      const batch = bare.length > 0 ? bare : this.nextBatch();
      if (batch.length === 0) continue;
      const ended = bare.length > 0 ? this.move(batch) : this.transact(batch);
      this.flight = { tasks: new Set(batch.map(({ task }) => taskId(task))), ended };
      await ended;
      this.flight = null;
    }
    this.running = false;
  }

  private async spaced(): Promise<void> {
    const waitMs = this.restsUntil - performance.now();
    if (waitMs > 1) await sleep(waitMs);
  }

  /** Everything that needs no transaction: it goes first, because it holds up the rest for a moment only. */
  private nextBare(): Waiting[] {
    const first = this.waiting.find(({ bare, task }) => bare && this.suspects.has(taskId(task)));
    const bare = first ? [first] : this.waiting.filter((write) => write.bare);
    this.waiting = this.waiting.filter((write) => !bare.includes(write));
    return bare;
  }

  /** As many writes as one transaction takes, first come first served; at most one of each task. */
  private nextBatch(): Waiting[] {
    const batch: Waiting[] = [];
    const left: Waiting[] = [];
    const tasks = new Set<string>();
    let [bytes, records, full] = [0, 0, false];
    for (const write of this.waiting) {
      const id = taskId(write.task);
      const alone = this.suspects.has(id);
      const tooMuch =
        bytes + write.bytes > TRANSACTION_BYTES_MAX || records + write.records.length > TRANSACTION_RECORDS_MAX;
      if (full || tasks.has(id) || (batch.length > 0 && (alone || tooMuch))) {
        left.push(write);
        continue;
      }
      batch.push(write);
      tasks.add(id);
      bytes += write.bytes;
      records += write.records.length;
      full = alone;
    }
    this.waiting = left;
    return batch;
  }

  /** Those of a batch that may be written. Who opened a task as another member may have lost it since. */
  private insiders(batch: readonly Waiting[], member: Member | undefined): readonly Waiting[] {
    for (const write of batch) if (write.member !== member) write.failed(migrated(write));
    return batch.filter((write) => write.member === member);
  }

  private async move(batch: readonly Waiting[]): Promise<void> {
    const { group, members, telemetry, commitTimeoutMs } = this.options;
    const member = members.of(group);
    assert(member !== undefined, 'positions are moved bare by members only');
    const writes = this.insiders(batch, member);
    if (writes.length === 0) return;
    const startedAt = performance.now();
    try {
      await this.positions.move(member, positionsOf(writes), commitTimeoutMs);
      telemetry.observe('postlane_declaration_duration_ms', performance.now() - startedAt, { group });
      for (const write of writes) this.landed(write, []);
    } catch (cause) {
      for (const write of writes) {
        this.suspects.add(taskId(write.task));
        write.failed(isOutsider(cause) ? migrated(write, cause) : unknown(write, cause));
      }
    }
  }

  private landed(write: Waiting, landed: readonly Landed[]): void {
    this.suspects.delete(taskId(write.task));
    write.landed(landed);
  }

  private async transact(batch: readonly Waiting[]): Promise<void> {
    const { group, members, telemetry, commitTimeoutMs } = this.options;
    const member = members.of(group);
    const writes = this.insiders(batch, member);
    if (writes.length === 0) return;
    let producer: TransactionalProducer | null = null;
    try {
      producer = await withDeadline(this.fenced(), commitTimeoutMs, 'taking a transactional id over');
      const startedAt = performance.now();
      const positions = positionsOf(writes);
      const moves = positions.length > 0 ? { group, member, positions } : null;
      const landed = await producer.transact(
        writes.flatMap(({ records }) => records),
        moves,
      );
      const endedAt = performance.now();
      const tookMs = endedAt - startedAt;
      this.restsUntil = endedAt + Math.min(PAUSE_MS_MAX, Math.max(PAUSE_MS_MIN, tookMs));
      telemetry.observe('postlane_transaction_duration_ms', tookMs, { group });
      let at = 0;
      for (const write of writes) {
        this.landed(write, landed.slice(at, at + write.records.length));
        at += write.records.length;
      }
    } catch (cause) {
      if (producer) this.renew(producer);
      for (const write of writes) {
        if (producer) this.suspects.add(taskId(write.task));
        write.failed(isOutsider(cause) ? migrated(write, cause) : unknown(write, cause));
      }
    }
  }

  private fenced(): Promise<TransactionalProducer> {
    this.producer ??= this.takeOver();
    return this.producer;
  }

  /** Ends the failed producer's transaction at once: until it is ended, nobody reads what was written behind it. */
  private renew(failed: TransactionalProducer): void {
    failed.discard();
    this.producer = this.takeOver();
    this.producer.catch(() => undefined);
  }

  /** Tries until the broker lets it, or the writer is closed. */
  private async takeOver(): Promise<TransactionalProducer> {
    for (;;) {
      if (this.closed) throw new PostlaneError('STOPPED', { what: 'a writer' });
      const producer = new TransactionalProducer(this.options.kafka, this.options);
      try {
        await producer.fence();
        return producer;
      } catch (error) {
        const { telemetry, transactionalId } = this.options;
        telemetry.log('warn', 'a transactional id could not be taken over yet', { transactionalId, error });
        await sleep(RETRY_MS);
      }
    }
  }
}

const positionsOf = (writes: readonly Write[]): Moves['positions'] =>
  writes.flatMap(({ task, moved }) => (moved ? [{ ...task, ...moved }] : []));

const migrated = ({ task }: Write, cause?: unknown): PostlaneError =>
  new PostlaneError('TASK_MIGRATED', { task: taskId(task) }, { cause });

const unknown = ({ task, records }: Write, cause: unknown): PostlaneError =>
  isPostlaneError(cause, 'BUG') || isPostlaneError(cause, 'KAFKA_COMMIT_STRAY')
    ? cause
    : new PostlaneError('KAFKA_COMMIT_UNKNOWN', { task: taskId(task), records: records.length }, { cause });
