import type { Topic } from '../contracts/topic.ts';
import { rangesOf } from '../kafka/topic-ends.ts';
import { scanTopics } from '../kafka/topic-scan.ts';
import type { PipelineAccess } from './open-pipeline.ts';

/** Rows that a command holds in memory at once at most. */
const ROWS_MAX = 1_000_000;

/** The newest rows of a compacted topic by key, for commands that look once. Rows that cannot be read are left out. */
export async function readTable<V>(
  { kafka, codec }: Pick<PipelineAccess, 'kafka' | 'codec'>,
  topic: Topic<V>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, V>> {
  const rows = new Map<string, V>();
  await scanTopics(kafka, {
    ranges: await rangesOf(kafka, [topic.name]),
    follow: false,
    signal,
    apply: async (_topic, _partition, records) => {
      await codec.prepare(topic, records);
      for (const { key, value } of records) {
        const name = key?.toString('utf8') ?? '';
        const decoded = value === null ? null : codec.decode(topic, value);
        if (decoded === null) rows.delete(name);
        else if (decoded.ok && (rows.has(name) || rows.size < ROWS_MAX)) rows.set(name, decoded.value);
      }
    },
  });
  return rows;
}
