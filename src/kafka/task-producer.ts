import type { Producer, Transaction } from 'kafkajs';
import { assert, PostlaneError } from '../domain/error.ts';
import type { Landed, LogRecord, Task } from '../runtime/ports.ts';
import { taskId } from '../runtime/ports.ts';
import type { Connection, KafkaClient } from './client.ts';
import { withDeadline } from './deadline.ts';
import { isFenced } from './errors.ts';
import { chunked, landedIn, toOutgoing, toTopicMessages } from './records.ts';

export interface TaskProducerOptions {
  /** One transaction may take this long; then it is unknown, and the producer is thrown away. */
  readonly commitTimeoutMs: number;
  readonly transactionTimeoutMs: number;
  /** Connections are closed when nothing was committed for so long. */
  readonly idleMs: number;
  /** Named places where a test may end the process (FAULTS.md 1 and 2); does nothing in production. */
  readonly failpoint?: (name: string) => void;
}

/** The position that moves with a transaction. */
export interface Moved {
  readonly nextOffset: number;
  readonly metadata: string;
}

/**
 * The transactional producer of one task. Its modes:
 * - *new*: made; `fence` takes the transactional id over from whoever held it.
 * - *ready*: between transactions, connected.
 * - *resting*: disconnected after a while without use. It keeps its epoch, so waking up fences nobody.
 * - *transacting*: one transaction at a time.
 * - *discarded*: after any error, or by `discard`; its connections are cut, so that nothing it still tries can land late
 *   by its own doing. Final: a producer of kafkajs never recovers from a failed transaction.
 */
export class TaskProducer {
  private readonly connection: Connection<Producer>;
  private readonly task: Task;
  private readonly options: TaskProducerOptions;
  private transaction: Transaction | null = null;
  private mode: 'new' | 'ready' | 'resting' | 'transacting' | 'discarded' = 'new';
  private idleTimer: NodeJS.Timeout | null = null;
  private closing: Promise<void> = Promise.resolve();

  constructor(kafka: KafkaClient, task: Task, options: TaskProducerOptions) {
    this.task = task;
    this.options = options;
    this.connection = kafka.transactional({
      transactionalId: taskId(task),
      transactionTimeoutMs: options.transactionTimeoutMs,
      requestTimeoutMs: options.commitTimeoutMs,
    });
  }

  get isUsable(): boolean {
    return this.mode === 'ready' || this.mode === 'resting';
  }

  /** Raises the epoch of the transactional id: an older producer's transaction is aborted, and all its later calls fail. */
  async fence(): Promise<void> {
    assert(this.mode === 'new', 'a producer fences once', { mode: this.mode });
    const { client } = this.connection;
    const fencing = (async () => {
      await client.connect();
      this.transaction = await client.transaction();
    })();
    try {
      await withDeadline(fencing, this.options.commitTimeoutMs, 'taking a task over');
      this.become('ready');
    } catch (error) {
      this.discard();
      throw error;
    }
  }

  /** Sends the records, and moves the position if one is given, all or nothing. */
  async transact(records: readonly LogRecord[], moved: Moved | null): Promise<Landed[]> {
    assert(this.isUsable, 'a task has one transaction at a time', { task: taskId(this.task), mode: this.mode });
    const wasResting = this.mode === 'resting';
    this.become('transacting');
    try {
      const work = this.run(records, moved, wasResting);
      const landed = await withDeadline(work, this.options.commitTimeoutMs, 'a transaction');
      this.become('ready');
      return landed;
    } catch (cause) {
      this.discard();
      const code = isFenced(cause) ? 'TASK_MIGRATED' : 'KAFKA_COMMIT_UNKNOWN';
      throw new PostlaneError(code, { task: taskId(this.task), records: records.length }, { cause });
    }
  }

  /** Throws the producer away, whatever state it is in. */
  discard(): void {
    if (this.mode === 'discarded') return;
    this.become('discarded');
    this.connection.cut();
    void this.connection.client.disconnect().catch(() => undefined);
  }

  private async run(records: readonly LogRecord[], moved: Moved | null, wasResting: boolean): Promise<Landed[]> {
    if (wasResting) await this.wake();
    const { transaction } = this;
    assert(transaction !== null, 'a fenced producer holds a transaction');
    // Barriers, and what only moves the position, are no places to die at: a test wants a transaction that says something.
    const failpoint = moved && records.length > 0 ? this.options.failpoint : undefined;
    const landed: Landed[] = [];
    for (const chunk of chunked(records.map(toOutgoing))) {
      const acknowledged = await transaction.sendBatch({
        acks: -1,
        timeout: this.options.commitTimeoutMs,
        topicMessages: toTopicMessages(chunk),
      });
      for (const place of landedIn(chunk, acknowledged)) landed.push(place);
    }
    failpoint?.('transaction-sent');
    if (moved) await this.move(transaction, moved);
    failpoint?.('transaction-moved');
    await transaction.commit();
    failpoint?.('transaction-ended');
    // Begins the next one here, in memory only: nothing is asked of the broker before its first record.
    this.transaction = await this.connection.client.transaction();
    return landed;
  }

  private async move(transaction: Transaction, { nextOffset, metadata }: Moved): Promise<void> {
    const { group, topic, partition } = this.task;
    const position = { partition, offset: String(nextOffset), metadata };
    await transaction.sendOffsets({ consumerGroupId: group, topics: [{ topic, partitions: [position] }] });
  }

  private async wake(): Promise<void> {
    await this.closing;
    await this.connection.client.connect();
  }

  private become(mode: TaskProducer['mode']): void {
    // Discarding is final: a transaction that ends later changes nothing.
    if (this.mode === 'discarded') throw new PostlaneError('STOPPED', { task: taskId(this.task) });
    this.mode = mode;
    if (this.idleTimer) clearTimeout(this.idleTimer);
    this.idleTimer = mode === 'ready' ? setTimeout(() => this.rest(), this.options.idleMs).unref() : null;
  }

  private rest(): void {
    if (this.mode !== 'ready') return;
    this.become('resting');
    this.closing = this.connection.client.disconnect().catch(() => undefined);
  }
}
