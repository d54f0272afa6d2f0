import { deepStrictEqual } from 'node:assert/strict';
import { topics } from '../../src/contracts/topic.ts';
import { createKafka } from '../../src/kafka/client.ts';
import { openRegistryCodec } from '../../src/registry/codec.ts';
import { JOB_BYTES_MAX_DEFAULT } from '../../src/registry/limits.ts';
import { RawBatch, RawProducer } from './raw-producer.ts';
import { foldedRow, rowsLike } from './suppression-rows.ts';

/** As large as those that the publisher makes, at most. */
const BATCH_BYTES_MAX = 450_000;
const TOLD_EVERY = 1_000_000;

interface Cluster {
  readonly brokers: readonly string[];
  readonly registryUrl: string;
}

async function partitionsOf(brokers: readonly string[], topic: string): Promise<number> {
  const admin = (await createKafka({ brokers, clientId: 'postlane-bench-fill' })).admin();
  await admin.connect();
  try {
    const found = await admin.fetchTopicMetadata({ topics: [topic] });
    return found.topics[0]?.partitions.length ?? 0;
  } finally {
    await admin.disconnect();
  }
}

/**
 * Writes rows into the topic of suppressions, spread over its partitions in turn, in batches that are made here: kafkajs
 * took four minutes for ten million.
 */
export async function fillSuppressions(
  { brokers, registryUrl }: Cluster,
  rows: number,
  tell: (line: string) => void,
): Promise<void> {
  const topic = topics.suppressions;
  const codec = await openRegistryCodec({ url: registryUrl, encodes: [topic], jobBytesMax: JOB_BYTES_MAX_DEFAULT });
  const now = Date.now();
  const rowOf = rowsLike(now);
  for (const n of [0, 1, 7_654_321]) deepStrictEqual(rowOf(n), foldedRow(n, now));
  const partitions = await partitionsOf(brokers, topic.name);
  const producer = await RawProducer.connect(brokers[0] as string);
  // Two each: one is filled while the other is on its way.
  const batches = Array.from({ length: 2 * partitions }, () => new RawBatch(BATCH_BYTES_MAX, now));
  const current = Array.from({ length: partitions }, (_, partition) => partition);
  let appending: Promise<void> = Promise.resolve();
  const flush = async (partition: number): Promise<void> => {
    const index = current[partition] as number;
    const batch = (batches[index] as RawBatch).finish();
    current[partition] = (index + partitions) % batches.length;
    await appending;
    appending = producer.append(topic.name, partition, batch);
  };
  const startedAt = performance.now();
  for (let n = 0; n < rows; n++) {
    const row = rowOf(n);
    const [key, value] = [Buffer.from(row.subject), codec.encode(topic, row)];
    const partition = n % partitions;
    if (!(batches[current[partition] as number] as RawBatch).hasRoomFor(key, value)) await flush(partition);
    (batches[current[partition] as number] as RawBatch).add(key, value);
    if ((n + 1) % TOLD_EVERY === 0) {
      const rate = Math.round((n + 1) / ((performance.now() - startedAt) / 1_000));
      tell(`${n + 1} of ${rows} rows written, ${rate}/s`);
    }
  }
  for (let partition = 0; partition < partitions; partition++) {
    if (!(batches[current[partition] as number] as RawBatch).empty) await flush(partition);
  }
  await appending;
  producer.close();
}
