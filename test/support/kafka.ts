import { randomUUID } from 'node:crypto';
import { createKafka, type KafkaClient } from '../../src/kafka/client.ts';
import { readPartition } from '../../src/kafka/partition-reader.ts';
import { toOutgoing, toTopicMessages } from '../../src/kafka/records.ts';
import type { LogRecord, StoredRecord, Telemetry } from '../../src/runtime/ports.ts';

/** What a test says of a topic that it makes. */
export interface TestTopic {
  readonly partitions?: number;
  readonly config?: Readonly<Record<string, string>>;
}

/** A client for tests, and a few things that production never does. */
export interface TestKafka {
  readonly kafka: KafkaClient;
  topic(options?: TestTopic): Promise<string>;
  /** Everything committed that a partition holds now, in order. */
  read(topic: string, partition: number): Promise<StoredRecord[]>;
  /** The offset after the last record, of whatever kind. */
  end(topic: string, partition: number): Promise<number>;
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

export const silentTelemetry: Telemetry = {
  count: () => undefined,
  gauge: () => undefined,
  observe: () => undefined,
  log: () => undefined,
};

export async function testKafka(brokers: readonly string[]): Promise<TestKafka> {
  const kafka = await createKafka({ brokers, clientId: 'postlane-test' });
  const admin = kafka.admin();
  await admin.connect();
  const topics: string[] = [];
  const end = async (topic: string, partition: number): Promise<number> =>
    Number((await admin.fetchTopicOffsets(topic)).find((each) => each.partition === partition)?.high);
  return {
    kafka,
    end,
    async topic({ partitions = 1, config = {} } = {}) {
      const topic = `test-${randomUUID()}`;
      const configEntries = Object.entries({ 'message.timestamp.type': 'LogAppendTime', ...config });
      await admin.createTopics({
        waitForLeaders: true,
        topics: [
          { topic, numPartitions: partitions, configEntries: configEntries.map(([name, value]) => ({ name, value })) },
        ],
      });
      topics.push(topic);
      return topic;
    },
    async read(topic, partition) {
      const records: StoredRecord[] = [];
      await readPartition(kafka, {
        topic,
        partition,
        fromOffset: 0,
        untilOffset: await end(topic, partition),
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
      await transaction.sendBatch({ topicMessages: toTopicMessages(records.map(toOutgoing)) });
      const done = async (how: 'commit' | 'abort') => {
        await transaction[how]();
        await client.disconnect();
      };
      return { commit: () => done('commit'), abort: () => done('abort'), die: cut };
    },
    async close() {
      await admin.deleteTopics({ topics }).catch(() => undefined);
      await admin.disconnect();
    },
  };
}
