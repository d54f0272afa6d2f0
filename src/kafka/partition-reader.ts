import { PostlaneError } from '../domain/error.ts';
import type { StoredRecord } from '../runtime/ports.ts';
import type { KafkaClient } from './client.ts';
import { type Fetched, PartitionFetcher, type Place } from './partition-fetcher.ts';
import { isBarrier } from './records.ts';

export interface ReadOptions {
  readonly topic: string;
  readonly partition: number;
  readonly fromOffset: number;
  /** Reading ends before this offset. */
  readonly untilOffset: number;
  /** Reading fails with KAFKA_UNAVAILABLE when it gets no further for so long. */
  readonly stallMs: number;
  readonly apply: (records: readonly StoredRecord[]) => void | Promise<void>;
  /** The log no longer had `fromOffset`; reading began at this offset. */
  readonly onOutOfRange?: (firstOffset: number) => void;
}

/** A blocked partition (an open transaction of another producer) is asked again after this long. */
const WAIT_MS = 250;
const RETRY_MS = 100;

/**
 * Reads the committed records of one partition, barriers left out, from an offset up to another that is known to be
 * written. Positions decide when it ends, not records: the last one may have been compacted away.
 */
export async function readPartition(kafka: KafkaClient, options: ReadOptions): Promise<void> {
  const { topic, partition, untilOffset } = options;
  const source = new PatientSource(kafka, options.stallMs);
  try {
    for (let offset = options.fromOffset; offset < untilOffset; ) {
      const fetched = await source.fetch({ topic, partition, offset });
      if (fetched.outOfRange) options.onOutOfRange?.(fetched.nextOffset);
      const shown = fetched.records.filter((record) => record.offset < untilOffset && !isBarrier(record));
      if (shown.length > 0) await options.apply(shown);
      offset = fetched.nextOffset;
    }
  } finally {
    source.close();
  }
}

/** A fetcher that is made anew after an error, until nothing has moved for too long. */
class PatientSource {
  private fetcher: PartitionFetcher | null = null;
  private readonly kafka: KafkaClient;
  private readonly stallMs: number;

  constructor(kafka: KafkaClient, stallMs: number) {
    this.kafka = kafka;
    this.stallMs = stallMs;
  }

  /** Answers once there is something beyond the place. */
  async fetch(place: Place): Promise<Fetched> {
    const startedAt = Date.now();
    let cause: unknown;
    while (Date.now() - startedAt <= this.stallMs) {
      try {
        const [fetched] = await (await this.connected(place.topic)).fetch([place], WAIT_MS);
        if (fetched && fetched.nextOffset !== place.offset) return fetched;
      } catch (error) {
        cause = error;
        this.close();
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
    throw new PostlaneError(
      'KAFKA_UNAVAILABLE',
      { what: 'reading got no further', ...place, stallMs: this.stallMs },
      { cause },
    );
  }

  close(): void {
    this.fetcher?.close();
    this.fetcher = null;
  }

  private async connected(topic: string): Promise<PartitionFetcher> {
    if (this.fetcher) return this.fetcher;
    this.fetcher = new PartitionFetcher(this.kafka);
    await this.fetcher.connect(topic);
    return this.fetcher;
  }
}
