import { PostlaneError } from '../domain/error.ts';
import type { StoredRecord } from '../runtime/ports.ts';
import type { KafkaClient } from './client.ts';
import { type Fetched, PartitionFetcher, type Place } from './partition-fetcher.ts';
import { isBarrier } from './records.ts';
import type { PartitionRange } from './topic-ends.ts';

export interface ScanOptions {
  /** What to read: each partition from `first` up to `end`, or for ever where it is followed. */
  readonly ranges: readonly PartitionRange[];
  /** Goes on after the ends, until the signal. */
  readonly follow: boolean;
  readonly signal: AbortSignal;
  /** Committed records of one partition, in order. Reading waits for it. */
  readonly apply: (topic: string, partition: number, records: readonly StoredRecord[]) => void | Promise<void>;
  /** Told once of each interruption; it is tried again. */
  readonly onTrouble?: (error: unknown) => void;
  /** Without following: fails with KAFKA_UNAVAILABLE when it gets no further for so long. Default 60 s. */
  readonly stallMs?: number;
}

const FETCH_WAIT_MS = 250;
const RETRY_MS = 500;
const STALL_MS = 60_000;

/**
 * Reads partitions without a consumer group, for tools that look on: nothing is committed, and nobody's share is taken.
 * Settles when every end was reached, or at the signal.
 */
export async function scanTopics(kafka: KafkaClient, options: ScanOptions): Promise<void> {
  const { follow, signal, onTrouble, stallMs = STALL_MS } = options;
  const cursors = options.ranges.map((range) => ({ ...range, offset: range.first }));
  const unread = () => cursors.filter(({ offset, end }) => follow || offset < end);
  let progressedAt = performance.now();
  while (unread().length > 0 && !signal.aborted) {
    try {
      await fetchWhile(kafka, options, unread, (fetched) => {
        const cursor = cursors.find(
          ({ topic, partition }) => topic === fetched.topic && partition === fetched.partition,
        );
        if (!cursor || cursor.offset === fetched.nextOffset) return;
        cursor.offset = fetched.nextOffset;
        progressedAt = performance.now();
      });
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ApplyError) throw error.cause;
      if (!follow && performance.now() - progressedAt > stallMs) {
        throw new PostlaneError('KAFKA_UNAVAILABLE', { what: 'reading got no further', stallMs }, { cause: error });
      }
      onTrouble?.(error);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

/** The reader's own error, which another try would not mend. */
class ApplyError extends Error {}

/** Fetches over one connection until everything is read; any error of the connection ends it. */
async function fetchWhile(
  kafka: KafkaClient,
  { signal, apply, follow, ranges }: ScanOptions,
  unread: () => readonly (Place & { readonly end: number })[],
  moved: (fetched: Fetched) => void,
): Promise<void> {
  const fetcher = new PartitionFetcher(kafka);
  // A stop does not wait for a fetch that is under way.
  const close = () => fetcher.close();
  signal.addEventListener('abort', close, { once: true });
  try {
    for (const topic of new Set(ranges.map((range) => range.topic))) await fetcher.connect(topic);
    for (let places = unread(); places.length > 0 && !signal.aborted; places = unread()) {
      for (const fetched of await fetcher.fetch(places, FETCH_WAIT_MS)) {
        const { topic, partition } = fetched;
        const end = places.find((place) => place.topic === topic && place.partition === partition)?.end ?? 0;
        const shown = fetched.records.filter((record) => !isBarrier(record) && (follow || record.offset < end));
        if (shown.length > 0) await applied(() => apply(topic, partition, shown));
        moved(fetched);
      }
    }
  } finally {
    signal.removeEventListener('abort', close);
    fetcher.close();
  }
}

async function applied(work: () => void | Promise<void>): Promise<void> {
  try {
    await work();
  } catch (cause) {
    throw new ApplyError('', { cause });
  }
}
