import type { Broker, Cluster } from 'kafkajs';
import { PostlaneError } from '../domain/error.ts';
import type { Connection, KafkaReader } from './client.ts';
import { withDeadline } from './deadline.ts';

/** The offset after the last replicated record, of every partition. */
export type Ends = ReadonlyMap<number, number>;

interface OffsetsResponse {
  readonly responses: readonly {
    readonly partitions: readonly { readonly partition: number; readonly offset: string }[];
  }[];
}

/** kafkajs has it, and its types have not. */
type OffsetLister = Broker & {
  listOffsets(asked: {
    readonly isolationLevel: number;
    readonly topics: readonly {
      readonly topic: string;
      readonly partitions: readonly { readonly partition: number; readonly timestamp: number }[];
    }[];
  }): Promise<OffsetsResponse>;
};

/** The end itself, and not where the oldest open transaction begins: what was acknowledged may lie behind that. */
const READ_UNCOMMITTED = 0;
const LATEST = -1;
const ANSWER_MS_MAX = 5_000;

/**
 * Asks where the partitions of a topic end, as often as somebody wants to know: one request at a time, over a connection of
 * its own that is kept, since a broker answers a connection in order and a fetch that waits would hold it up.
 */
export class PartitionEnds {
  private readonly kafka: KafkaReader;
  private readonly topic: string;
  private connection: Connection<Cluster> | null = null;
  private closed = false;
  private last: Promise<unknown> = Promise.resolve();
  /** The request that begins once the last one is answered: whoever asks until then shares it. */
  private next: Promise<Ends> | null = null;

  constructor(kafka: KafkaReader, topic: string) {
    this.kafka = kafka;
    this.topic = topic;
  }

  /** The ends as they are at some time after the call. Throws whatever is in the way; a later call connects anew. */
  ask(): Promise<Ends> {
    if (this.next !== null) return this.next;
    const begin = (): Promise<Ends> => {
      this.next = null;
      return this.request();
    };
    this.next = this.last.then(begin, begin);
    this.last = this.next;
    return this.next;
  }

  /** For good. Idempotent; what is under way fails. */
  close(): void {
    this.closed = true;
    this.drop();
  }

  private drop(): void {
    const { connection } = this;
    this.connection = null;
    connection?.cut();
    void connection?.client.disconnect().catch(() => undefined);
  }

  private async request(): Promise<Ends> {
    try {
      return await withDeadline(this.requestAll(), ANSWER_MS_MAX, 'asking where partitions end');
    } catch (error) {
      this.drop();
      throw error;
    }
  }

  private async requestAll(): Promise<Ends> {
    const topic = this.kafka.names.topic(this.topic);
    const cluster = await this.connected(topic);
    const partitions = cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId);
    const byLeader = Object.entries(cluster.findLeaderForPartitions(topic, partitions));
    const answers = await Promise.all(
      byLeader.map(async ([nodeId, led]) => {
        const broker = (await cluster.findBroker({ nodeId })) as OffsetLister;
        const asked = led.map((partition) => ({ partition, timestamp: LATEST }));
        return broker.listOffsets({ isolationLevel: READ_UNCOMMITTED, topics: [{ topic, partitions: asked }] });
      }),
    );
    const ends = answers.flatMap(({ responses }) => responses.flatMap((answered) => answered.partitions));
    return new Map(ends.map(({ partition, offset }) => [partition, Number(offset)]));
  }

  private async connected(topic: string): Promise<Cluster> {
    if (this.closed) throw new PostlaneError('STOPPED', { what: 'asking where partitions end' });
    if (this.connection === null) {
      this.connection = this.kafka.cluster();
      const { client } = this.connection;
      await client.connect();
      await client.addMultipleTargetTopics([topic]);
      return client;
    }
    await this.connection.client.refreshMetadataIfNecessary();
    return this.connection.client;
  }
}
