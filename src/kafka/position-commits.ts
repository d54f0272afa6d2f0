import type { PartitionOffset } from 'kafkajs';
import { PostlaneError } from '../domain/error.ts';
import type { KafkaClient } from './client.ts';
import { withDeadline } from './deadline.ts';
import { causedBy } from './errors.ts';
import { GroupCoordinators } from './group-coordinators.ts';
import type { Member } from './guards/transactional-offsets.ts';
import type { Moves } from './transactional-producer.ts';

/** The request as kafkajs's broker takes it; its types do not show the member. */
interface OffsetCommit {
  readonly groupId: string;
  readonly groupGenerationId: number;
  readonly memberId: string;
  /** -1: as the broker has it. */
  readonly retentionTime: -1;
  readonly topics: readonly { readonly topic: string; readonly partitions: readonly PartitionOffset[] }[];
}

/**
 * Answers by which a coordinator refuses a position before it has appended anything (Kafka 4.2: `GroupCoordinator` and
 * `OffsetMetadataManager`). After any other the position may be in its log already, and become the committed one later.
 */
const REFUSALS: ReadonlySet<string> = new Set([
  'ILLEGAL_GENERATION',
  'UNKNOWN_MEMBER_ID',
  'FENCED_INSTANCE_ID',
  'REBALANCE_IN_PROGRESS',
  'OFFSET_METADATA_TOO_LARGE',
  'GROUP_LOAD_IN_PROGRESS',
  'GROUP_AUTHORIZATION_FAILED',
  'TOPIC_AUTHORIZATION_FAILED',
  'INVALID_GROUP_ID',
]);

/** Partitions by topic, as requests that move positions want them. */
export function byTopic(positions: Moves['positions']): { topic: string; partitions: PartitionOffset[] }[] {
  const topics = new Map<string, PartitionOffset[]>();
  for (const { topic, partition, nextOffset, metadata } of positions) {
    const moved = { partition, offset: String(nextOffset), metadata };
    const partitions = topics.get(topic);
    if (partitions) partitions.push(moved);
    else topics.set(topic, [moved]);
  }
  return [...topics].map(([topic, partitions]) => ({ topic, partitions }));
}

/** Moves positions of a group outside of any transaction, as one of its members, over a connection of its own. */
export class PositionCommits {
  private readonly kafka: KafkaClient;
  private readonly group: string;
  private readonly coordinators: GroupCoordinators;

  constructor(kafka: KafkaClient, group: string) {
    this.kafka = kafka;
    this.group = kafka.names.group(group);
    this.coordinators = new GroupCoordinators(kafka);
  }

  /**
   * All the positions in one request. Throws what the coordinator answers where it refused them, or some of them; throws KAFKA_COMMIT_STRAY where
   * that is not certain.
   */
  async move(member: Member, positions: Moves['positions'], withinMs: number): Promise<void> {
    const finding = this.coordinators.of(this.group);
    const coordinator = await withDeadline(finding, withinMs, 'finding a group coordinator').catch((error) => {
      this.close();
      throw error;
    });
    const { names } = this.kafka;
    const topics = byTopic(positions).map(({ topic, partitions }) => ({ topic: names.topic(topic), partitions }));
    const request: OffsetCommit = {
      groupId: this.group,
      groupGenerationId: member.generation,
      memberId: member.memberId,
      retentionTime: -1,
      topics,
    };
    try {
      await withDeadline(coordinator.offsetCommit(request as never), withinMs, 'moving positions');
    } catch (cause) {
      this.close();
      if (causedBy(cause, ({ type }) => type !== undefined && REFUSALS.has(type))) throw cause;
      throw new PostlaneError('KAFKA_COMMIT_STRAY', { group: this.group, positions: positions.length }, { cause });
    }
  }

  /** Cuts the connection. Idempotent; a later call connects again. */
  close(): void {
    this.coordinators.close();
  }
}
