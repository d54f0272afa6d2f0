import type { WebhookEndpoint, WebhookProgress } from '../contracts/generated.ts';
import { type Topic, topics } from '../contracts/topic.ts';
import { PostlaneError } from '../domain/error.ts';
import type { KafkaClient } from '../kafka/client.ts';
import { Publisher } from '../kafka/publisher.ts';
import { rangesOf } from '../kafka/topic-ends.ts';
import { scanTopics } from '../kafka/topic-scan.ts';
import type { Codec } from '../runtime/codec.ts';
import type { CliContext } from './context.ts';
import { openPipeline } from './open-pipeline.ts';

const APPEND_MS_MAX = 30_000;

/** The tables of endpoints, for commands that look once. */
export class WebhookTables {
  private readonly kafka: KafkaClient;
  private readonly codec: Codec;
  private readonly signal: AbortSignal;

  private constructor(kafka: KafkaClient, codec: Codec, signal: AbortSignal) {
    this.kafka = kafka;
    this.codec = codec;
    this.signal = signal;
  }

  static async open(context: CliContext, config?: string): Promise<WebhookTables> {
    const { kafka, codec } = await openPipeline(context, config, 'webhooks', [topics.webhookEndpoints]);
    return new WebhookTables(kafka, codec, context.interrupted);
  }

  /** Every endpoint, oldest first. */
  async list(): Promise<readonly WebhookEndpoint[]> {
    return [...(await this.rows(topics.webhookEndpoints)).values()].sort((left, right) => left.at - right.at);
  }

  /** How far they have been told, by endpoint id. */
  progress(): Promise<ReadonlyMap<string, WebhookProgress>> {
    return this.rows(topics.webhookProgress);
  }

  /** Throws CONFIG_INVALID where there is no such endpoint. */
  async find(endpointId: string): Promise<WebhookEndpoint> {
    const found = (await this.rows(topics.webhookEndpoints)).get(endpointId);
    if (found === undefined) throw new PostlaneError('CONFIG_INVALID', { what: `there is no endpoint ${endpointId}` });
    return found;
  }

  /** Null deletes it. Settles when every in-sync replica has the row. */
  async put(endpointId: string, endpoint: WebhookEndpoint | null): Promise<void> {
    const publisher = new Publisher({ kafka: this.kafka, deliveryTimeoutMs: APPEND_MS_MAX });
    const topic = topics.webhookEndpoints;
    const value = endpoint === null ? null : this.codec.encode(topic, endpoint);
    try {
      await publisher.append([{ topic: topic.name, key: endpointId, value }]);
    } finally {
      await publisher.close();
    }
  }

  private async rows<V>(topic: Topic<V>): Promise<Map<string, V>> {
    const rows = new Map<string, V>();
    await scanTopics(this.kafka, {
      ranges: await rangesOf(this.kafka, [topic.name]),
      follow: false,
      signal: this.signal,
      apply: async (_, partition, records) => {
        await this.codec.prepare(
          topic,
          records.filter(({ value }) => value !== null),
        );
        for (const { key, value, offset } of records) {
          const name = key?.toString('utf8') ?? '';
          if (value === null) {
            rows.delete(name);
            continue;
          }
          const decoded = this.codec.decode(topic, value);
          if (!decoded.ok) throw new PostlaneError('RECORD_UNDECODABLE', { topic: topic.name, partition, offset });
          rows.set(name, decoded.value);
        }
      },
    });
    return rows;
  }
}
