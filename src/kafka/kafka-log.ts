import { assert, PostlaneError } from '../domain/error.ts';
import type { Commit, Landed, Log, Position, StoredRecord, Task, Telemetry } from '../runtime/ports.ts';
import { BARRIER_KEY, taskId } from '../runtime/ports.ts';
import type { KafkaClient } from './client.ts';
import { CommittedPositions } from './committed-positions.ts';
import { readPartition } from './partition-reader.ts';
import { TaskProducer } from './task-producer.ts';

export interface KafkaLogOptions {
  readonly kafka: KafkaClient;
  readonly telemetry: Pick<Telemetry, 'log' | 'count'>;
  /** One transaction may take this long; then whether it landed is unknown. Default 10 s. */
  readonly commitTimeoutMs?: number;
  /** The broker aborts a transaction open for longer, for instance after a crash. Default 20 s. */
  readonly transactionTimeoutMs?: number;
  /** A task that commits nothing for so long gives its connections back, but not its fence. Default 5 min. */
  readonly idleMs?: number;
  /** `restore` fails when it gets no further for so long. Default 60 s. */
  readonly restoreStallMs?: number;
  /** Named places where a test may end the process; see `TaskProducerOptions`. */
  readonly failpoint?: (name: string) => void;
}

const COMMIT_TIMEOUT_MS = 10_000;
const TRANSACTION_TIMEOUT_MS = 20_000;
const IDLE_MS = 5 * 60_000;
const RESTORE_STALL_MS = 60_000;
/** How long a position older than one that we ourselves committed is read again before it is believed. */
const STALE_POSITION_MS = 3_000;
const STALE_RETRY_MS = 20;

/** `Log` over Kafka: one transactional producer per task, whose transactional id is the task's, so that it alone can commit. */
export class KafkaLog implements Log {
  private readonly options: Required<Omit<KafkaLogOptions, 'failpoint'>> & Pick<KafkaLogOptions, 'failpoint'>;
  private readonly producers = new Map<string, TaskProducer>();
  private readonly positions: CommittedPositions;
  /** The highest offset that this process knows to be committed: a read below it is a stale one. */
  private readonly committedTo = new Map<string, number>();
  private barriers = 0;

  constructor(options: KafkaLogOptions) {
    this.options = {
      ...options,
      commitTimeoutMs: options.commitTimeoutMs ?? COMMIT_TIMEOUT_MS,
      transactionTimeoutMs: options.transactionTimeoutMs ?? TRANSACTION_TIMEOUT_MS,
      idleMs: options.idleMs ?? IDLE_MS,
      restoreStallMs: options.restoreStallMs ?? RESTORE_STALL_MS,
    };
    // Otherwise the coordinator's own abort would look like another owner's fence, and the task be let go for nothing.
    assert(
      this.options.commitTimeoutMs < this.options.transactionTimeoutMs,
      'a commit gives up before the broker aborts its transaction',
      { commitTimeoutMs: this.options.commitTimeoutMs, transactionTimeoutMs: this.options.transactionTimeoutMs },
    );
    this.positions = new CommittedPositions(options.kafka);
  }

  async open(task: Task): Promise<Position> {
    await this.retire(task);
    const producer = new TaskProducer(this.options.kafka, task, this.options);
    this.producers.set(taskId(task), producer);
    try {
      await producer.fence();
      return await this.settledPosition(task);
    } catch (cause) {
      await this.retire(task);
      throw new PostlaneError('KAFKA_UNAVAILABLE', { task: taskId(task), what: 'opening a task' }, { cause });
    }
  }

  async restore(
    task: Task,
    topic: string,
    partition: number,
    fromOffset: number,
    apply: (records: readonly StoredRecord[]) => void | Promise<void>,
  ): Promise<number> {
    const { kafka, telemetry, restoreStallMs: stallMs } = this.options;
    const headers = { barrier: `${taskId(task)}.${Date.now()}.${++this.barriers}` };
    const barrier = { topic, partition, key: BARRIER_KEY, value: null, headers };
    const [landed] = await this.producer(task).transact([barrier], null);
    assert(landed !== undefined, 'a barrier lands somewhere');
    const onOutOfRange = (firstOffset: number) => {
      telemetry.count('postlane_offsets_out_of_range_total', { topic });
      telemetry.log('warn', 'a table is restored from later on: its log no longer begins where it should', {
        topic,
        partition,
        fromOffset,
        firstOffset,
      });
    };
    const untilOffset = landed.offset + 1;
    await readPartition(kafka, { topic, partition, fromOffset, untilOffset, stallMs, apply, onOutOfRange });
    return untilOffset;
  }

  async commit(task: Task, { outputs, nextOffset, metadata }: Commit): Promise<readonly Landed[]> {
    const landed = await this.producer(task).transact(outputs, { nextOffset, metadata });
    this.committedTo.set(taskId(task), nextOffset);
    return landed;
  }

  async retire(task: Task): Promise<void> {
    this.producers.get(taskId(task))?.discard();
    this.producers.delete(taskId(task));
  }

  /** Throws every producer away. The tasks must have been let go before. */
  async close(): Promise<void> {
    for (const producer of this.producers.values()) producer.discard();
    this.producers.clear();
    this.positions.close();
  }

  private producer(task: Task): TaskProducer {
    const producer = this.producers.get(taskId(task));
    assert(producer?.isUsable === true, 'a task is opened before it commits, and again after a failure', {
      task: taskId(task),
    });
    return producer;
  }

  /**
   * The committed position. Reading it straight after a commit may still show the one before, on brokers that answer a
   * fence before the group coordinator has taken the last transaction in.
   */
  private async settledPosition(task: Task): Promise<Position> {
    const until = Date.now() + STALE_POSITION_MS;
    const known = this.committedTo.get(taskId(task)) ?? -1;
    for (;;) {
      const position = await this.positions.read(task, this.options.commitTimeoutMs);
      if (position.nextOffset >= known) return position;
      if (Date.now() > until) {
        this.options.telemetry.log('warn', 'a committed position went back: somebody reset the group', {
          task: taskId(task),
          known,
          nextOffset: position.nextOffset,
        });
        this.committedTo.delete(taskId(task));
        return position;
      }
      await new Promise((resolve) => setTimeout(resolve, STALE_RETRY_MS));
    }
  }
}
