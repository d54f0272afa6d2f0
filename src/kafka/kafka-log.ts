import { assert, isPostlaneError, PostlaneError } from '../domain/error.ts';
import type { Commit, Landed, Log, LogRecord, Position, StoredRecord, Task, Telemetry } from '../runtime/ports.ts';
import { BARRIER_KEY, taskId } from '../runtime/ports.ts';
import type { KafkaClient } from './client.ts';
import { CommittedPositions } from './committed-positions.ts';
import type { GroupMembers } from './group-members.ts';
import { GroupWriter } from './group-writer.ts';
import type { Member } from './guards/transactional-offsets.ts';
import { readPartition } from './partition-reader.ts';

export interface KafkaLogOptions {
  readonly kafka: KafkaClient;
  /** As which member of which group this process commits: the intakes of the process tell it. */
  readonly members: GroupMembers;
  /**
   * Tells this process's transactional ids from those of every other living one. Who comes back under the same name ends
   * at once what it left open when it was killed; otherwise the broker does so after `transactionTimeoutMs`.
   */
  readonly instance: string;
  readonly telemetry: Pick<Telemetry, 'log' | 'count' | 'observe'>;
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
/** A task that this process has opened. */
interface Opened {
  readonly member: Member | undefined;
}

/**
 * `Log` over Kafka. The tasks of a group share transactions (see `GroupWriter`). Who owns a task is what the group says:
 * opening one fences nobody, but whoever owned it before can commit nothing any more once the group has gone on without
 * it, and what it had begun to commit is waited for.
 */
export class KafkaLog implements Log {
  private readonly options: Required<Omit<KafkaLogOptions, 'failpoint'>> & Pick<KafkaLogOptions, 'failpoint'>;
  private readonly writers = new Map<string, GroupWriter>();
  private readonly opened = new Map<string, Opened>();
  private readonly positions: CommittedPositions;
  /** Tasks of which a declaration had no answer, and as which member it was sent: no later generation is moved by it. */
  private readonly strays = new Map<string, Member>();
  /** The highest offset that this process knows to be committed: a read below it means that the log has lost something. */
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
    // Otherwise the broker would abort what we still write.
    assert(
      this.options.commitTimeoutMs < this.options.transactionTimeoutMs,
      'a commit gives up before the broker aborts its transaction',
      { commitTimeoutMs: this.options.commitTimeoutMs, transactionTimeoutMs: this.options.transactionTimeoutMs },
    );
    this.positions = new CommittedPositions(options.kafka);
  }

  async open(task: Task): Promise<Position> {
    await this.retire(task);
    const member = this.options.members.of(task.group);
    const writer = this.writer(task.group);
    await writer.settled(task);
    const stray = this.strays.get(taskId(task));
    if (stray && stray.memberId === member?.memberId && stray.generation === member.generation) {
      throw new PostlaneError('TASK_MIGRATED', { task: taskId(task), what: 'a position of ours may still land' });
    }
    this.strays.delete(taskId(task));
    try {
      await writer.ready();
      const position = await this.position(task);
      this.opened.set(taskId(task), { member });
      return position;
    } catch (cause) {
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
    const [landed] = await this.write(task, [barrier], null);
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
    const landed = await this.write(task, outputs, { nextOffset, metadata });
    this.committedTo.set(taskId(task), nextOffset);
    return landed;
  }

  async declare(task: Task, { nextOffset, metadata }: Position): Promise<void> {
    await this.write(task, [], { nextOffset, metadata }, true);
    this.committedTo.set(taskId(task), nextOffset);
  }

  async retire(task: Task): Promise<void> {
    this.opened.delete(taskId(task));
    this.writers.get(task.group)?.withdraw(task);
  }

  /** Throws every producer away. The tasks must have been let go before. */
  async close(): Promise<void> {
    for (const writer of this.writers.values()) writer.close();
    this.writers.clear();
    this.opened.clear();
    this.positions.close();
  }

  private write(
    task: Task,
    records: readonly LogRecord[],
    moved: { readonly nextOffset: number; readonly metadata: string } | null,
    isDeclaration = false,
  ): Promise<readonly Landed[]> {
    const opened = this.opened.get(taskId(task));
    const facts = { task: taskId(task) };
    if (!opened) {
      const what = 'a task is opened before it commits, and again after a failure';
      return Promise.reject(new PostlaneError('BUG', { what, ...facts }));
    }
    const { member } = opened;
    const bare = isDeclaration && member !== undefined;
    const writing = this.writer(task.group).write({ task, member, records, moved, bare });
    writing.catch((error) => {
      if (member && isPostlaneError(error, 'KAFKA_COMMIT_STRAY')) this.strays.set(taskId(task), member);
      // After a failure the task must be opened again.
      if (this.opened.get(taskId(task)) === opened) this.opened.delete(taskId(task));
    });
    return writing;
  }

  private writer(group: string): GroupWriter {
    const known = this.writers.get(group);
    if (known) return known;
    const transactionalId = `${group}.${this.options.instance}`;
    const writer = new GroupWriter({ ...this.options, group, transactionalId });
    this.writers.set(group, writer);
    return writer;
  }

  /** The committed position. The log tells where it is older than one that this process itself has committed. */
  private async position(task: Task): Promise<Position> {
    const known = this.committedTo.get(taskId(task)) ?? -1;
    const position = await this.positions.read(task, this.options.commitTimeoutMs);
    if (position.nextOffset < known) {
      this.options.telemetry.log('warn', 'a committed position went back: somebody reset the group', {
        task: taskId(task),
        known,
        nextOffset: position.nextOffset,
      });
      this.committedTo.delete(taskId(task));
    }
    return position;
  }
}
