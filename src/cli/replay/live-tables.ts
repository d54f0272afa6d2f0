import type { Allowance, Score, Suppression } from '../../contracts/generated.ts';
import { type Topic, topics } from '../../contracts/topic.ts';
import { subjectOfEdition } from '../../domain/edition.ts';
import { PostlaneError } from '../../domain/error.ts';
import { partitionOf } from '../../domain/partitioner.ts';
import { addEvidence, emptySuppression, type SuppressionRules } from '../../domain/suppression.ts';
import type { Millis } from '../../domain/time.ts';
import type { KafkaClient } from '../../kafka/client.ts';
import { rangesOf } from '../../kafka/topic-ends.ts';
import { scanTopics } from '../../kafka/topic-scan.ts';
import type { Codec } from '../../runtime/codec.ts';
import type { StoredRecord } from '../../runtime/ports.ts';
import type { SideRow, SideTables } from '../../store/side-tables.ts';
import type { ReplayTables } from './replay-tables.ts';

/** Tables that a replay is compared with. */
export const PUBLIC_TABLES: readonly Topic<Suppression | Score | Allowance>[] = [
  topics.suppressions,
  topics.scores,
  topics.allowances,
];
/** All that reputation keeps. */
export const ALL_TABLES: readonly Topic<unknown>[] = [...PUBLIC_TABLES, topics.reputationState];

/** Name under which the rows of production are kept beside those of the replay. */
export const liveName = (topic: Topic<unknown>): string => `live ${topic.name}`;

/**
 * Copies the newest rows of production's tables beside the replay's: on disk, so that memory is bounded. `edition` is the
 * one in force.
 */
export async function copyLive(
  kafka: KafkaClient,
  codec: Codec,
  tables: SideTables,
  edition: number,
  signal: AbortSignal,
): Promise<void> {
  for (const topic of ALL_TABLES) tables.clearTable(liveName(topic));
  await scanTopics(kafka, {
    ranges: await rangesOf(
      kafka,
      ALL_TABLES.map(({ name }) => name),
    ),
    follow: false,
    signal,
    async apply(name, _partition, records) {
      const topic = ALL_TABLES.find((candidate) => candidate.name === name) as Topic<unknown>;
      await codec.prepare(topic, records);
      const rows = records.flatMap(({ key, value }): SideRow[] => {
        const subject = subjectOfEdition(key?.toString('utf8') ?? '', edition);
        return subject === null || value === null ? [] : [{ table: liveName(topic), key: subject, value }];
      });
      await tables.put(rows);
    },
  });
  if (signal.aborted) throw new PostlaneError('STOPPED', { what: 'reading the tables of production' });
}

export function decodeRow<V>(codec: Codec, topic: Topic<V>, value: Buffer): V {
  const decoded = codec.decode(topic, value);
  if (decoded.ok) return decoded.value;
  throw new PostlaneError('RECORD_UNDECODABLE', { topic: topic.name, reason: decoded.reason, detail: decoded.detail });
}

/** Makes the schemas known in which rows are written: each may be of another version of ours. */
export const prepareRows = (
  codec: Codec,
  topic: Topic<unknown>,
  rows: readonly (Buffer | undefined)[],
): Promise<void> =>
  codec.prepare(
    topic,
    rows.flatMap((value): StoredRecord[] =>
      value === undefined ? [] : [{ offset: 0, key: null, value, headers: {}, at: 0 }],
    ),
  );

/**
 * A log that no longer reaches back to the beginning knows too little: what is older than it is kept as production has
 * it. Answers how many rows were kept or completed so.
 */
export async function keepOlder(
  tables: ReplayTables,
  codec: Codec,
  partitions: readonly { readonly partition: number; readonly since: Millis }[],
  rules: SuppressionRules,
): Promise<number> {
  if (partitions.every(({ since }) => since === 0)) return 0;
  const sinceOf = (subject: string): Millis =>
    partitions.find(({ partition }) => partition === partitionOf(subject, partitions.length))?.since ?? 0;
  const kept: SideRow[] = [];
  for (const { key, value } of tables.common.rowsOf(liveName(topics.suppressions))) {
    const live = decodeRow(codec, topics.suppressions, value);
    const older = live.evidence.filter(({ at }) => at < sinceOf(key));
    if (older.length === 0) continue;
    const own = tables.get(topics.suppressions.name, key);
    if (own) await prepareRows(codec, topics.suppressions, [own]);
    const row = own ? decodeRow(codec, topics.suppressions, own) : emptySuppression(key);
    const merged = older.reduce((before, evidence) => addEvidence(before, evidence, rules), row);
    kept.push({ table: topics.suppressions.name, key, value: codec.encode(topics.suppressions, merged) });
  }
  for (const topic of [topics.scores, topics.allowances, topics.reputationState]) {
    for (const { key, value } of tables.common.rowsOf(liveName(topic))) {
      if (sinceOf(key) === 0 || tables.get(topic.name, key)) continue;
      kept.push({ table: topic.name, key, value });
    }
  }
  await tables.put(kept);
  return kept.length;
}
