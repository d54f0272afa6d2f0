import { PostlaneError } from '../domain/error.ts';
import type { KafkaClient } from '../kafka/client.ts';

/** How many partitions topics have; asked once for all of them, since the cluster answers for all alike. */
export class PartitionCounts {
  private readonly admin: ReturnType<KafkaClient['admin']>;
  private asked: Promise<ReadonlyMap<string, number>> | null = null;

  constructor(kafka: KafkaClient) {
    this.admin = kafka.admin();
  }

  async of(topic: string): Promise<number> {
    this.asked ??= this.ask();
    const count = (await this.asked).get(topic);
    if (count === undefined)
      throw new PostlaneError('KAFKA_UNAVAILABLE', { what: 'a topic that does not exist', topic });
    return count;
  }

  async close(): Promise<void> {
    await this.admin.disconnect();
  }

  private async ask(): Promise<ReadonlyMap<string, number>> {
    await this.admin.connect();
    const { topics } = await this.admin.fetchTopicMetadata();
    return new Map(topics.map(({ name, partitions }) => [name, partitions.length]));
  }
}
