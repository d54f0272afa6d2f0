import type { DkimKeys, SenderCheck } from '../contracts/generated.ts';
import { type Topic, topics } from '../contracts/topic.ts';
import type { KafkaClient } from '../kafka/client.ts';
import { Publisher } from '../kafka/publisher.ts';
import type { Codec } from '../runtime/codec.ts';
import type { CliContext } from './context.ts';
import { openPipeline } from './open-pipeline.ts';
import { readTable } from './read-table.ts';

const APPEND_MS_MAX = 30_000;

/** The tables of sender domains, for commands that look once. */
export class SenderTables {
  private readonly kafka: KafkaClient;
  private readonly codec: Codec;
  private readonly signal: AbortSignal;

  private constructor(kafka: KafkaClient, codec: Codec, signal: AbortSignal) {
    this.kafka = kafka;
    this.codec = codec;
    this.signal = signal;
  }

  static async open(context: CliContext, config?: string): Promise<SenderTables> {
    const { kafka, codec } = await openPipeline(context, config, 'senders', [topics.dkimKeys]);
    return new SenderTables(kafka, codec, context.interrupted);
  }

  /** By domain. */
  keys(): Promise<ReadonlyMap<string, DkimKeys>> {
    return this.rows(topics.dkimKeys);
  }

  /** By subject. */
  checks(): Promise<ReadonlyMap<string, SenderCheck>> {
    return this.rows(topics.senderChecks);
  }

  /** Settles when every in-sync replica has the row; whoever follows the table has it within a second. */
  async put(row: DkimKeys): Promise<void> {
    const publisher = new Publisher({ kafka: this.kafka, deliveryTimeoutMs: APPEND_MS_MAX });
    const value = this.codec.encode(topics.dkimKeys, row);
    try {
      await publisher.append([{ topic: topics.dkimKeys.name, key: row.domain, value }]);
    } finally {
      await publisher.close();
    }
  }

  private rows<V>(topic: Topic<V>): Promise<ReadonlyMap<string, V>> {
    return readTable({ kafka: this.kafka, codec: this.codec }, topic, this.signal);
  }
}
