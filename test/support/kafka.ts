import { randomUUID } from 'node:crypto';
import { jest } from '@jest/globals';
import { createKafka, type KafkaClient } from '../../src/kafka/client.ts';
import { readPartition } from '../../src/kafka/partition-reader.ts';
import { Publisher } from '../../src/kafka/publisher.ts';
import { toOutgoing, toTopicMessages } from '../../src/kafka/records.ts';
import { BARRIER_KEY, type Landed, type LogRecord, type StoredRecord } from '../../src/runtime/ports.ts';
import { until } from './until.ts';

/** A broker that shares a busy machine takes its time. */
jest.setTimeout(60_000);

/** What a test says of a topic that it makes. */
export interface TestTopic {
  readonly partitions?: number;
  readonly config?: Readonly<Record<string, string>>;
}

/** A client for tests, and a few things that production never does. */
export interface TestKafka {
  readonly kafka: KafkaClient;
  topic(options?: TestTopic): Promise<string>;
  /** Everything committed that a partition holds now, in order, barriers left out. */
  read(topic: string, partition: number): Promise<StoredRecord[]>;
  /** Begins a transaction, sends the records, and leaves it open. */
  transact(transactionalId: string, records: readonly LogRecord[]): Promise<OpenTransaction>;
  close(): Promise<void>;
}

export interface OpenTransaction {
  commit(): Promise<void>;
  abort(): Promise<void>;
  /** Cuts the connections and says nothing more. */
  die(): void;
}

export { silentTelemetry } from './silent-telemetry.ts';

export async function testKafka(brokers: readonly string[]): Promise<TestKafka> {
  const kafka = await createKafka({ brokers, clientId: 'postlane-test' });
  const admin = kafka.admin();
  await admin.connect();
  const topics: string[] = [];
  const publisher = new Publisher({ kafka });
  return {
    kafka,
    async topic({ partitions = 1, config = {} } = {}) {
      const topic = `test-${randomUUID()}`;
      const configEntries = Object.entries({ 'message.timestamp.type': 'LogAppendTime', ...config });
      await admin.createTopics({
        // kafkajs waits for leaders, but gives up when the broker does not know the topic yet.
        waitForLeaders: false,
        topics: [
          { topic, numPartitions: partitions, configEntries: configEntries.map(([name, value]) => ({ name, value })) },
        ],
      });
      topics.push(topic);
      const hasLeaders = async () => {
        const found = await admin.fetchTopicMetadata({ topics: [topic] }).catch(() => null);
        const known = found?.topics[0]?.partitions ?? [];
        return known.length === partitions && known.every(({ leader }) => leader >= 0);
      };
      await until('a new topic', hasLeaders);
      return topic;
    },
    async read(topic, partition) {
      const records: StoredRecord[] = [];
      // A commit is visible a little later than it is acknowledged; what is written now comes behind it.
      const [barrier] = await publisher.append([{ topic, partition, key: BARRIER_KEY, value: null }]);
      await readPartition(kafka, {
        topic,
        partition,
        fromOffset: 0,
        untilOffset: (barrier as Landed).offset,
        stallMs: 30_000,
        apply: (more) => {
          records.push(...more);
        },
      });
      return records;
    },
    async transact(transactionalId, records) {
      const { client, cut } = kafka.transactional({
        transactionalId,
        transactionTimeoutMs: 60_000,
        requestTimeoutMs: 10_000,
      });
      await client.connect();
      const transaction = await client.transaction();
      await transaction.sendBatch({
        topicMessages: toTopicMessages(records.map((record) => toOutgoing(record, kafka.names))),
      });
      const done = async (how: 'commit' | 'abort') => {
        await transaction[how]();
        await client.disconnect();
      };
      return { commit: () => done('commit'), abort: () => done('abort'), die: cut };
    },
    async close() {
      await publisher.close();
      await admin.deleteTopics({ topics }).catch(() => undefined);
      await admin.disconnect();
    },
  };
}
