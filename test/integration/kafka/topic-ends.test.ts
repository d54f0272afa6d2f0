import { randomUUID } from 'node:crypto';
import { createKafka, type KafkaClient } from '../../../src/kafka/client.ts';
import { rangesOf } from '../../../src/kafka/topic-ends.ts';
import { withInfra } from '../../support/infra.ts';

const PARTITIONS = 12;
const TOPICS = 20;
const TRIALS = 3;

describe('what topics hold', () => {
  const infra = withInfra();
  let kafka: KafkaClient;

  beforeAll(async () => {
    kafka = await createKafka({ brokers: infra().brokers, clientId: 'ends-test' });
  });

  it('is answered also at once after they were made, before every partition has its leader', async () => {
    const admin = kafka.admin();
    await admin.connect();
    try {
      for (let trial = 0; trial < TRIALS; trial++) {
        const names = Array.from({ length: TOPICS }, () => `ends-${randomUUID()}`);
        const topics = names.map((topic) => ({ topic, numPartitions: PARTITIONS, replicationFactor: 1 }));
        await admin.createTopics({ topics, waitForLeaders: false });
        const ranges = await rangesOf(kafka, names.slice(0, 6));
        expect(ranges).toHaveLength(6 * PARTITIONS);
        expect(ranges.every(({ first, end }) => first === 0 && end === 0)).toBe(true);
        await admin.deleteTopics({ topics: names });
      }
    } finally {
      await admin.disconnect();
    }
  }, 120_000);

  it('is an error for a topic that does not exist', async () => {
    await expect(rangesOf(kafka, [`none-${randomUUID()}`])).rejects.toMatchObject({ code: 'KAFKA_UNAVAILABLE' });
  }, 60_000);
});
