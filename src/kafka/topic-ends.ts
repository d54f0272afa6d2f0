import { PostlaneError } from '../domain/error.ts';
import type { KafkaClient } from './client.ts';
import { withDeadline } from './deadline.ts';
import { isPassing } from './errors.ts';

/** What a partition holds: from its first offset up to, and without, `end`. */
export interface PartitionRange {
  readonly topic: string;
  readonly partition: number;
  readonly first: number;
  readonly end: number;
}

const ASK_MS_MAX = 30_000;
const AGAIN_MS = 200;

/**
 * What the partitions of some topics hold now. While leaders move, or a topic is new, it is asked again for at most half a
 * minute. Throws KAFKA_UNAVAILABLE, also for a topic that does not exist.
 */
export async function rangesOf(kafka: KafkaClient, topics: readonly string[]): Promise<readonly PartitionRange[]> {
  const deadline = performance.now() + ASK_MS_MAX;
  for (;;) {
    try {
      return await withDeadline(ask(kafka, topics), deadline - performance.now(), 'asking what topics hold');
    } catch (cause) {
      if (isPassing(cause) && performance.now() + AGAIN_MS < deadline) {
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
        continue;
      }
      throw new PostlaneError('KAFKA_UNAVAILABLE', { what: 'asking what topics hold', topics }, { cause });
    }
  }
}

/** Asks once; over connections of its own, because who leads what is learned as they are made. */
async function ask(kafka: KafkaClient, topics: readonly string[]): Promise<readonly PartitionRange[]> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    const ranges: PartitionRange[] = [];
    for (const topic of topics) {
      for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
        ranges.push({ topic, partition, first: Number(low), end: Number(high) });
      }
    }
    return ranges;
  } finally {
    void admin.disconnect().catch(() => undefined);
  }
}

/** The offset of the next record of a partition. Throws KAFKA_UNAVAILABLE. */
export async function endOf(kafka: KafkaClient, topic: string, partition: number): Promise<number> {
  const found = (await rangesOf(kafka, [topic])).find((range) => range.partition === partition);
  if (!found) throw new PostlaneError('KAFKA_UNAVAILABLE', { what: 'no such partition', topic, partition });
  return found.end;
}
