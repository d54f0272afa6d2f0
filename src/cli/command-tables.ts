import type { Topic } from '../contracts/topic.ts';
import type { KafkaClient } from '../kafka/client.ts';
import { Publisher } from '../kafka/publisher.ts';
import type { Codec } from '../runtime/codec.ts';
import type { CliContext } from './context.ts';
import { openPipeline } from './open-pipeline.ts';
import { type ReadTableOptions, readTable } from './read-table.ts';

const APPEND_MS_MAX = 30_000;

/** Compacted topics as tables, for commands that look once and change a row or two. */
export class CommandTables {
  private readonly kafka: KafkaClient;
  private readonly codec: Codec;
  private readonly signal: AbortSignal;

  private constructor(kafka: KafkaClient, codec: Codec, signal: AbortSignal) {
    this.kafka = kafka;
    this.codec = codec;
    this.signal = signal;
  }

  /** Over the pipeline that the configuration or a running `up` names. `written`: the topics that may be put into. */
  static async open(
    context: CliContext,
    config: string | undefined,
    command: string,
    written: readonly Topic<unknown>[],
  ): Promise<CommandTables> {
    const { kafka, codec } = await openPipeline(context, config, command, written);
    return new CommandTables(kafka, codec, context.interrupted);
  }

  /** The newest rows by key. */
  rows<V>(topic: Topic<V>, unreadable: ReadTableOptions['unreadable']): Promise<ReadonlyMap<string, V>> {
    return readTable({ kafka: this.kafka, codec: this.codec }, topic, { signal: this.signal, unreadable });
  }

  /** Null deletes it. Settles when every in-sync replica has the row; whoever follows the table has it within a second. */
  async put<V>(topic: Topic<V>, key: string, row: NoInfer<V> | null): Promise<void> {
    const value = row === null ? null : this.codec.encode(topic, row);
    const publisher = new Publisher({ kafka: this.kafka, deliveryTimeoutMs: APPEND_MS_MAX });
    try {
      await publisher.append([{ topic: topic.name, key, value }]);
    } finally {
      await publisher.close();
    }
  }
}
