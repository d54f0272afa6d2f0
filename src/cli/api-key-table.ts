import type { ApiKey } from '../contracts/generated.ts';
import { topics } from '../contracts/topic.ts';
import { PostlaneError } from '../domain/error.ts';
import type { KafkaClient } from '../kafka/client.ts';
import { Publisher } from '../kafka/publisher.ts';
import { rangesOf } from '../kafka/topic-ends.ts';
import { scanTopics } from '../kafka/topic-scan.ts';
import type { Codec } from '../runtime/codec.ts';
import type { CliContext } from './context.ts';
import { openPipeline } from './open-pipeline.ts';

const APPEND_MS_MAX = 30_000;

/** The table of keys, for commands that look once. */
export class ApiKeyTable {
  private readonly kafka: KafkaClient;
  private readonly codec: Codec;
  private readonly signal: AbortSignal;

  private constructor(kafka: KafkaClient, codec: Codec, signal: AbortSignal) {
    this.kafka = kafka;
    this.codec = codec;
    this.signal = signal;
  }

  static async open(context: CliContext, config?: string): Promise<ApiKeyTable> {
    const { kafka, codec } = await openPipeline(context, config, 'keys', [topics.apiKeys]);
    return new ApiKeyTable(kafka, codec, context.interrupted);
  }

  /** Every key, revoked ones too, oldest first. */
  async list(): Promise<readonly ApiKey[]> {
    const topic = topics.apiKeys;
    const rows = new Map<string, ApiKey>();
    await scanTopics(this.kafka, {
      ranges: await rangesOf(this.kafka, [topic.name]),
      follow: false,
      signal: this.signal,
      apply: async (_, partition, records) => {
        await this.codec.prepare(topic, records);
        for (const { value, offset } of records) {
          const decoded = this.codec.decode(topic, value);
          if (!decoded.ok) throw new PostlaneError('RECORD_UNDECODABLE', { topic: topic.name, partition, offset });
          rows.set(decoded.value.keyId, decoded.value);
        }
      },
    });
    return [...rows.values()].sort((left, right) => left.at - right.at);
  }

  /** Throws CONFIG_INVALID where there is no such key. */
  async find(keyId: string): Promise<ApiKey> {
    const found = (await this.list()).find((key) => key.keyId === keyId);
    if (found === undefined) throw new PostlaneError('CONFIG_INVALID', { what: `there is no key ${keyId}` });
    return found;
  }

  /** Settles when every in-sync replica has the row; whoever follows the table has it within a second. */
  async put(key: ApiKey): Promise<void> {
    const publisher = new Publisher({ kafka: this.kafka, deliveryTimeoutMs: APPEND_MS_MAX });
    const value = this.codec.encode(topics.apiKeys, key);
    try {
      await publisher.append([{ topic: topics.apiKeys.name, key: key.keyId, value }]);
    } finally {
      await publisher.close();
    }
  }
}
