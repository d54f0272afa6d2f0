import type { Producer, Transaction } from 'kafkajs';
import type { Names } from '../contracts/region.ts';
import { assert, PostlaneError } from '../domain/error.ts';
import type { Landed, LogRecord } from '../runtime/ports.ts';
import type { Connection, KafkaClient } from './client.ts';
import { withDeadline } from './deadline.ts';
import type { Member } from './guards/transactional-offsets.ts';
import { offsetsOf } from './guards/transactional-offsets.ts';
import { byTopic } from './position-commits.ts';
import { chunked, landedIn, toOutgoing, toTopicMessages } from './records.ts';

export interface TransactionalProducerOptions {
  readonly transactionalId: string;
  /** One transaction may take this long; then it is unknown, and the producer is thrown away. */
  readonly commitTimeoutMs: number;
  readonly transactionTimeoutMs: number;
  /** Connections are closed when nothing was committed for so long. */
  readonly idleMs: number;
  /** Named places where a test may end the process (FAULTS.md 1 and 2); does nothing in production. */
  readonly failpoint?: (name: string) => void;
}

/** Positions of one group that move with a transaction. */
export interface Moves {
  readonly group: string;
  /** Who moves them; undefined outside of any group. */
  readonly member: Member | undefined;
  readonly positions: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly nextOffset: number;
    readonly metadata: string;
  }[];
}

/**
 * One transactional producer. Its modes:
 * - *new*: made; `fence` takes the transactional id over from whoever held it.
 * - *ready*: between transactions, connected.
 * - *resting*: disconnected after a while without use. It keeps its epoch, so waking up fences nobody.
 * - *transacting*: one transaction at a time.
 * - *discarded*: after any error, or by `discard`; its connections are cut, so that nothing it still tries can land late
 *   by its own doing. Final: a producer of kafkajs never recovers from a failed transaction.
 */
export class TransactionalProducer {
  private readonly connection: Connection<Producer>;
  private readonly options: TransactionalProducerOptions;
  private readonly names: Names;
  private transaction: Transaction | null = null;
  private mode: 'new' | 'ready' | 'resting' | 'transacting' | 'discarded' = 'new';
  private idleTimer: NodeJS.Timeout | null = null;
  private closing: Promise<void> = Promise.resolve();

  constructor(kafka: KafkaClient, options: TransactionalProducerOptions) {
    this.options = options;
    this.names = kafka.names;
    this.connection = kafka.transactional({
      transactionalId: options.transactionalId,
      transactionTimeoutMs: options.transactionTimeoutMs,
      requestTimeoutMs: options.commitTimeoutMs,
    });
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
      await withDeadline(fencing, this.options.commitTimeoutMs, 'taking a transactional id over');
      this.become('ready');
    } catch (error) {
      this.discard();
      throw error;
    }
  }

  /** Sends the records, and moves the positions if some are given, all or nothing. Throws whatever kafkajs throws. */
  async transact(records: readonly LogRecord[], moves: Moves | null): Promise<Landed[]> {
    const { mode } = this;
    assert(mode === 'ready' || mode === 'resting', 'a producer has one transaction at a time', { mode });
    this.become('transacting');
    try {
      const work = this.run(records, moves, mode === 'resting');
      const landed = await withDeadline(work, this.options.commitTimeoutMs, 'a transaction');
      this.become('ready');
      return landed;
    } catch (error) {
      this.discard();
      throw error;
    }
  }

  /** Throws the producer away, whatever state it is in. */
  discard(): void {
    if (this.mode === 'discarded') return;
    this.become('discarded');
    this.connection.cut();
    void this.connection.client.disconnect().catch(() => undefined);
  }

  private async run(records: readonly LogRecord[], moves: Moves | null, wasResting: boolean): Promise<Landed[]> {
    if (wasResting) await this.wake();
    const { transaction } = this;
    assert(transaction !== null, 'a fenced producer holds a transaction');
    // Barriers, and what only moves the position, are no places to die at: a test wants a transaction that says something.
    const failpoint = moves && records.length > 0 ? this.options.failpoint : undefined;
    const sent = this.send(transaction, records).then((landed) => {
      failpoint?.('transaction-sent');
      return landed;
    });
    const [landed] = await Promise.all([sent, moves && this.move(transaction, moves)]);
    failpoint?.('transaction-moved');
    await transaction.commit();
    failpoint?.('transaction-ended');
    // Begins the next one here, in memory only: nothing is asked of the broker before its first record.
    this.transaction = await this.connection.client.transaction();
    return landed;
  }

  private async send(transaction: Transaction, records: readonly LogRecord[]): Promise<Landed[]> {
    const landed: Landed[] = [];
    for (const chunk of chunked(records.map((record) => toOutgoing(record, this.names)))) {
      const acknowledged = await transaction.sendBatch({
        acks: -1,
        timeout: this.options.commitTimeoutMs,
        topicMessages: toTopicMessages(chunk),
      });
      for (const place of landedIn(chunk, acknowledged)) landed.push(place);
    }
    return landed;
  }

  private async move(transaction: Transaction, { group, member, positions }: Moves): Promise<void> {
    const topics = byTopic(positions).map(({ topic, partitions }) => ({ topic: this.names.topic(topic), partitions }));
    await transaction.sendOffsets({
      consumerGroupId: this.names.group(group),
      topics: member === undefined ? topics : offsetsOf(topics, member),
    });
  }

  private async wake(): Promise<void> {
    await this.closing;
    await this.connection.client.connect();
  }

  private become(mode: TransactionalProducer['mode']): void {
    // Discarding is final: a transaction that ends later changes nothing.
    if (this.mode === 'discarded') throw new PostlaneError('STOPPED', { what: 'a transactional producer' });
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
