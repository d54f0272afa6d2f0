import type { Topic } from '../../src/contracts/topic.ts';
import type { KafkaClient } from '../../src/kafka/client.ts';
import { rangesOf } from '../../src/kafka/topic-ends.ts';
import { scanTopics } from '../../src/kafka/topic-scan.ts';
import type { Codec } from '../../src/runtime/codec.ts';
import type { StoredRecord } from '../../src/runtime/ports.ts';

export interface Collected<V> {
  readonly partition: number;
  readonly record: StoredRecord;
  readonly value: V;
}

/** Everything that a topic holds now, decoded. Throws for a record that cannot be. */
export async function collect<V>(kafka: KafkaClient, codec: Codec, topic: Topic<V>): Promise<Collected<V>[]> {
  const collected: Collected<V>[] = [];
  await scanTopics(kafka, {
    ranges: await rangesOf(kafka, [topic.name]),
    follow: false,
    signal: new AbortController().signal,
    apply: async (_, partition, records) => {
      await codec.prepare(topic, records);
      for (const record of records) {
        const decoded = codec.decode(topic, record.value);
        if (!decoded.ok)
          throw new Error(`${topic.name}/${partition}@${record.offset}: ${decoded.reason} ${decoded.detail}`);
        collected.push({ partition, record, value: decoded.value });
      }
    },
  });
  return collected;
}
