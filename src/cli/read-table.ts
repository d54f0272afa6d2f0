import type { Topic } from '../contracts/topic.ts';
import { PostlaneError } from '../domain/error.ts';
import { rangesOf } from '../kafka/topic-ends.ts';
import { scanTopics } from '../kafka/topic-scan.ts';
import type { PipelineAccess } from './open-pipeline.ts';

/** Rows that a command holds in memory at once at most. */
const ROWS_MAX = 1_000_000;

export interface ReadTableOptions {
  readonly signal: AbortSignal;
  /** What to do about a row that cannot be read. `refuse`: throw RECORD_UNDECODABLE. */
  readonly unreadable: 'leave out' | 'refuse';
}

/** The newest rows of a compacted topic by key, for commands that look once. */
export async function readTable<V>(
  { kafka, codec }: Pick<PipelineAccess, 'kafka' | 'codec'>,
  topic: Topic<V>,
  { signal, unreadable }: ReadTableOptions,
): Promise<ReadonlyMap<string, V>> {
  const rows = new Map<string, V>();
  await scanTopics(kafka, {
    ranges: await rangesOf(kafka, [topic.name]),
    follow: false,
    signal,
    apply: async (_, partition, records) => {
      await codec.prepare(topic, records);
      for (const { key, value, offset } of records) {
        const name = key?.toString('utf8') ?? '';
        const decoded = value === null ? null : codec.decode(topic, value);
        if (decoded === null) rows.delete(name);
        else if (!decoded.ok) {
          if (unreadable === 'refuse') {
            throw new PostlaneError('RECORD_UNDECODABLE', { topic: topic.name, partition, offset });
          }
        } else if (rows.has(name) || rows.size < ROWS_MAX) rows.set(name, decoded.value);
      }
    },
  });
  return rows;
}
