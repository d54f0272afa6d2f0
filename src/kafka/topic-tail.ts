import type { StoredRecord } from '../runtime/ports.ts';
import type { KafkaClient } from './client.ts';
import { PartitionFetcher } from './partition-fetcher.ts';
import { isBarrier } from './records.ts';
import { rangesOf } from './topic-ends.ts';

const FETCH_WAIT_MS = 100;
const RETRY_MS = 250;

/**
 * Follows all partitions of some topics from their present ends (or given offsets), without a group: for tools that look on.
 * A failed fetch is tried again from where it stood, until `stop`.
 */
export class TopicTail {
  private readonly kafka: KafkaClient;
  private readonly onRecords: (
    topic: string,
    partition: number,
    records: readonly StoredRecord[],
  ) => void | Promise<void>;
  private readonly offsets = new Map<string, { topic: string; partition: number; offset: number }>();
  private stopped = false;
  private following: Promise<void> | null = null;

  constructor(
    kafka: KafkaClient,
    onRecords: (topic: string, partition: number, records: readonly StoredRecord[]) => void | Promise<void>,
  ) {
    this.kafka = kafka;
    this.onRecords = onRecords;
  }

  /** Settles once the ends are known: everything written afterwards will be shown. Throws KAFKA_UNAVAILABLE. */
  async start(topics: readonly string[]): Promise<void> {
    for (const { topic, partition, end } of await rangesOf(this.kafka, topics)) {
      this.offsets.set(`${topic}/${partition}`, { topic, partition, offset: end });
    }
    this.following = this.follow(topics);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.following;
  }

  private async follow(topics: readonly string[]): Promise<void> {
    while (!this.stopped) {
      const fetcher = new PartitionFetcher(this.kafka);
      try {
        for (const topic of topics) await fetcher.connect(topic);
        while (!this.stopped) await this.fetchOnce(fetcher);
      } catch {
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      } finally {
        fetcher.close();
      }
    }
  }

  private async fetchOnce(fetcher: PartitionFetcher): Promise<void> {
    for (const { topic, partition, records, nextOffset } of await fetcher.fetch(
      [...this.offsets.values()],
      FETCH_WAIT_MS,
    )) {
      const shown = records.filter((record) => !isBarrier(record));
      if (shown.length > 0) await this.onRecords(topic, partition, shown);
      this.offsets.set(`${topic}/${partition}`, { topic, partition, offset: nextOffset });
    }
  }
}
