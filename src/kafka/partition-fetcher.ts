import type { Broker, Cluster } from 'kafkajs';
import type { Names } from '../contracts/region.ts';
import type { StoredRecord } from '../runtime/ports.ts';
import type { Connection, KafkaReader } from './client.ts';
import { withDeadline } from './deadline.ts';
import { causedBy } from './errors.ts';
import { withoutAborted } from './guards/aborted-records.ts';
import { offsetOf, toStored } from './records.ts';

export interface Place {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** What one fetch brought of one partition. */
export interface Fetched {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly StoredRecord[];
  /** Where to go on; it may lie behind the last record: control records and compacted ones have offsets too. */
  readonly nextOffset: number;
  /** The offset after the last replicated record when the broker read. */
  readonly highWatermark: number;
  /** The log begins later, or ends earlier, than the offset asked for: `nextOffset` is where it begins. */
  readonly outOfRange: boolean;
}

export interface PartitionFetcherOptions {
  readonly bytesMax?: number;
  readonly partitionBytesMax?: number;
}

interface PartitionData {
  readonly partition: number;
  readonly highWatermark: string;
  readonly lastStableOffset?: string;
  readonly messages: readonly Message[];
  readonly abortedTransactions?: readonly { readonly producerId: string; readonly firstOffset: string }[] | null;
}

interface FetchResponse {
  readonly responses: readonly { readonly topicName: string; readonly partitions: readonly PartitionData[] }[];
}

type Message = Parameters<typeof toStored>[0] & { readonly isControlRecord?: boolean };

const READ_COMMITTED = 1;
const FETCH_BYTES_MAX = 16 * 1024 * 1024;
const PARTITION_BYTES_MAX = 1024 * 1024;
/** Beyond the wait that was asked for, an answer is not waited for longer than this. */
const ANSWER_MS_MAX = 30_000;

/**
 * Reads given partitions from given offsets, committed records only, without a consumer group: nothing to join, nothing
 * ever committed, and no rebalance. kafkajs has no such client; this one drives its connections to the brokers.
 * Any error that it throws may be transient: close it, and make another.
 */
export class PartitionFetcher {
  private readonly connection: Connection<Cluster>;
  private readonly options: PartitionFetcherOptions;
  private readonly names: Names;

  constructor(kafka: KafkaReader, options: PartitionFetcherOptions = {}) {
    this.connection = kafka.cluster();
    this.names = kafka.names;
    this.options = options;
  }

  async connect(topic: string): Promise<void> {
    const connecting = (async () => {
      await this.cluster.connect();
      await this.cluster.addMultipleTargetTopics([this.names.topic(topic)]);
    })();
    await withDeadline(connecting, ANSWER_MS_MAX, 'connecting to read partitions');
  }

  /** The partitions of a connected topic, as far as known. */
  partitions(topic: string): number[] {
    return this.cluster.findTopicPartitionMetadata(this.names.topic(topic)).map(({ partitionId }) => partitionId);
  }

  /** One fetch from every broker that leads one of the places, each of which may wait so long for the first record. */
  async fetch(places: readonly Place[], waitMs: number): Promise<Fetched[]> {
    await this.cluster.refreshMetadataIfNecessary();
    const byLeader = new Map<string, Place[]>();
    for (const asked of places) {
      const place = { ...asked, topic: this.names.topic(asked.topic) };
      for (const leader of Object.keys(this.cluster.findLeaderForPartitions(place.topic, [place.partition]))) {
        byLeader.set(leader, [...(byLeader.get(leader) ?? []), place]);
      }
    }
    const fetched = await Promise.all([...byLeader].map(([leader, led]) => this.fetchFrom(leader, led, waitMs)));
    return fetched.flat().map((one) => ({ ...one, topic: this.names.known(one.topic) ?? one.topic }));
  }

  /** Idempotent; never throws. */
  close(): void {
    this.connection.cut();
    void this.cluster.disconnect().catch(() => undefined);
  }

  private get cluster(): Cluster {
    return this.connection.client;
  }

  private async fetchFrom(nodeId: string, places: readonly Place[], waitMs: number): Promise<Fetched[]> {
    const broker = await this.cluster.findBroker({ nodeId });
    try {
      const fetching = this.request(broker, places, waitMs);
      const { responses } = await withDeadline(fetching, waitMs + ANSWER_MS_MAX, 'a fetch');
      return this.read(responses, places);
    } catch (error) {
      // One partition that is out of range fails the whole answer, and kafkajs names only the first of them.
      if (!causedBy(error, ({ type }) => type === 'OFFSET_OUT_OF_RANGE')) throw error;
      return this.outOfRange(places);
    }
  }

  private request(broker: Broker, places: readonly Place[], waitMs: number): Promise<FetchResponse> {
    const byTopic = new Map<string, { partition: number; fetchOffset: string; maxBytes: number }[]>();
    const maxBytes = this.options.partitionBytesMax ?? PARTITION_BYTES_MAX;
    for (const { topic, partition, offset } of places) {
      const asked = byTopic.get(topic) ?? [];
      asked.push({ partition, fetchOffset: String(offset), maxBytes });
      byTopic.set(topic, asked);
    }
    return broker.fetch({
      isolationLevel: READ_COMMITTED,
      maxWaitTime: waitMs,
      minBytes: 1,
      maxBytes: this.options.bytesMax ?? FETCH_BYTES_MAX,
      topics: [...byTopic].map(([topic, partitions]) => ({ topic, partitions })),
    });
  }

  private read(responses: FetchResponse['responses'], places: readonly Place[]): Fetched[] {
    const answered = responses.flatMap(({ topicName, partitions }) => partitions.map((data) => ({ topicName, data })));
    const nothingAtAll = answered.every(({ data }) => data.messages.length === 0);
    return answered.map(({ topicName, data }) => {
      const place = places.find(({ topic, partition }) => topic === topicName && partition === data.partition) as Place;
      // A batch is sent whole, also where the place asked for lies within it.
      const within = data.messages.filter((message) => offsetOf(message) >= place.offset);
      const last = within.at(-1);
      const highWatermark = Number(data.highWatermark);
      let nextOffset = place.offset;
      if (last !== undefined) nextOffset = offsetOf(last) + 1;
      // Nothing was cut off for size, so what lies between here and the last stable offset was compacted away whole.
      else if (nothingAtAll) nextOffset = Math.max(nextOffset, stable(data));
      return {
        topic: topicName,
        partition: data.partition,
        records: shownOf(within, data),
        nextOffset,
        highWatermark,
        outOfRange: false,
      };
    });
  }

  private async outOfRange(places: readonly Place[]): Promise<Fetched[]> {
    const answers: Fetched[] = [];
    for (const { topic, partition, offset } of places) {
      const edge = async (fromBeginning: boolean): Promise<number> => {
        const asked = { topic, partitions: [{ partition }], fromBeginning } as const;
        const found = await this.cluster.fetchTopicsOffset([asked as never]);
        return Number(found[0]?.partitions[0]?.offset);
      };
      const [first, end] = [await edge(true), await edge(false)];
      const outOfRange = offset < first || offset > end;
      const nextOffset = outOfRange ? first : offset;
      answers.push({ topic, partition, records: [], nextOffset, highWatermark: end, outOfRange });
    }
    return answers;
  }
}

/** What kafkajs's own batches show: records of committed transactions, and no markers; without a big integer per record. */
function shownOf(messages: readonly Message[], { abortedTransactions = null }: PartitionData): StoredRecord[] {
  const records: StoredRecord[] = [];
  for (const message of withoutAborted({ messages, abortedTransactions }) as readonly Message[]) {
    if (message.isControlRecord !== true) records.push(toStored(message));
  }
  return records;
}

const stable = (data: PartitionData): number =>
  Math.min(Number(data.lastStableOffset ?? data.highWatermark), Number(data.highWatermark));
