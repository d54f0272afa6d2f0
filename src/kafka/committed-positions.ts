import { PostlaneError } from '../domain/error.ts';
import type { Position, Task } from '../runtime/ports.ts';
import { taskId } from '../runtime/ports.ts';
import type { KafkaClient } from './client.ts';
import { withDeadline } from './deadline.ts';
import { causedBy } from './errors.ts';
import { GroupCoordinators } from './group-coordinators.ts';
import { onlyStable } from './guards/stable-offsets.ts';

const ANSWER_MS_MAX = 5_000;
const RETRY_MS = 20;

interface OffsetFetchResponse {
  readonly responses: readonly {
    readonly topic: string;
    readonly partitions: readonly {
      readonly partition: number;
      readonly offset: string;
      readonly metadata?: string | null;
    }[];
  }[];
}

/**
 * Reads what groups have committed, one partition at a time: kafkajs's admin reads those of the whole topic. What a
 * pending transaction is about to move is waited for, whoever began it.
 */
export class CommittedPositions {
  private readonly kafka: KafkaClient;
  private readonly coordinators: GroupCoordinators;

  constructor(kafka: KafkaClient) {
    this.kafka = kafka;
    this.coordinators = new GroupCoordinators(kafka);
  }

  /** What is committed for the task. Tries again for `withinMs`, then throws KAFKA_UNAVAILABLE. */
  async read(task: Task, withinMs: number): Promise<Position> {
    const until = Date.now() + withinMs;
    for (;;) {
      try {
        return await withDeadline(this.readOnce(task), ANSWER_MS_MAX, 'reading a committed position');
      } catch (cause) {
        if (!isUnstable(cause)) this.close();
        if (Date.now() > until) throw new PostlaneError('KAFKA_UNAVAILABLE', { task: taskId(task) }, { cause });
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  /** Idempotent; a later read connects again. */
  close(): void {
    this.coordinators.close();
  }

  private async readOnce(task: Task): Promise<Position> {
    const { names } = this.kafka;
    const { partition } = task;
    const group = names.group(task.group);
    const topic = names.topic(task.topic);
    const coordinator = await this.coordinators.of(group);
    const answer = (await coordinator.offsetFetch({
      groupId: group,
      topics: onlyStable([{ topic, partitions: [{ partition } as never] }]),
    })) as OffsetFetchResponse;
    const found = answer.responses
      .find((each) => each.topic === topic)
      ?.partitions.find((each) => each.partition === partition);
    if (!found)
      throw new PostlaneError('KAFKA_UNAVAILABLE', { what: 'no committed position in the answer', topic, partition });
    return { nextOffset: Number(found.offset), metadata: found.metadata ?? '' };
  }
}

const isUnstable = (error: unknown): boolean => causedBy(error, ({ type }) => type === 'UNSTABLE_OFFSET_COMMIT');
