import { type Topic, topics } from '../contracts/topic.ts';
import { subjectOfEdition } from '../domain/edition.ts';
import { partitionOf } from '../domain/partitioner.ts';
import type { KafkaClient } from '../kafka/client.ts';
import { rangesOf } from '../kafka/topic-ends.ts';
import { scanTopics } from '../kafka/topic-scan.ts';
import type { Codec } from '../runtime/codec.ts';
import type { CliContext } from './context.ts';
import { openPipeline } from './open-pipeline.ts';
import { readEditions } from './replay/editions.ts';
import { decodeRow } from './replay/live-tables.ts';

/** Rows that a command holds in memory at once at most: a page, not the table. */
const ROWS_MAX = 1_000_000;

/** Reads tables of reputation, in the edition in force, for commands that look once. */
export class TableRows {
  private readonly kafka: KafkaClient;
  private readonly codec: Codec;
  private readonly edition: number;
  private readonly signal: AbortSignal;

  private constructor(kafka: KafkaClient, codec: Codec, edition: number, signal: AbortSignal) {
    this.kafka = kafka;
    this.codec = codec;
    this.edition = edition;
    this.signal = signal;
  }

  static async open(context: CliContext, config: string | undefined): Promise<TableRows> {
    const { kafka, codec } = await openPipeline(context, config, 'tables', [topics.reputationEditions]);
    const { active } = await readEditions(kafka, codec, context.interrupted);
    return new TableRows(kafka, codec, active, context.interrupted);
  }

  /** The newest row of a subject; null where there is none. */
  async one<V>(topic: Topic<V>, subject: string): Promise<V | null> {
    const rows = await this.read(topic, (candidate) => candidate === subject, subject);
    return rows.get(subject) ?? null;
  }

  /** The newest rows of all subjects that are wanted, in order of the subjects. */
  async all<V>(topic: Topic<V>, wanted: (subject: string) => boolean): Promise<readonly V[]> {
    const rows = await this.read(topic, wanted, null);
    return [...rows].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, row]) => row);
  }

  private async read<V>(
    topic: Topic<V>,
    wanted: (subject: string) => boolean,
    home: string | null,
  ): Promise<ReadonlyMap<string, V>> {
    const ranges = await rangesOf(this.kafka, [topic.name]);
    const partition = home === null ? null : partitionOf(home, ranges.length);
    const rows = new Map<string, V>();
    await scanTopics(this.kafka, {
      ranges: ranges.filter((range) => partition === null || range.partition === partition),
      follow: false,
      signal: this.signal,
      apply: async (_topic, _partition, records) => {
        await this.codec.prepare(topic, records);
        for (const { key, value } of records) {
          const subject = subjectOfEdition(key?.toString('utf8') ?? '', this.edition);
          if (subject === null || !wanted(subject)) continue;
          if (value === null) rows.delete(subject);
          else if (rows.size < ROWS_MAX || rows.has(subject)) rows.set(subject, decodeRow(this.codec, topic, value));
        }
      },
    });
    return rows;
  }
}
