import { endOf } from '../../../src/kafka/topic-ends.ts';
import { scanTopics } from '../../../src/kafka/topic-scan.ts';
import type { LogRecord } from '../../../src/runtime/ports.ts';
import { readWithJava } from '../../support/java-clients.ts';
import { testKafka } from '../../support/kafka.ts';
import type { Pipeline } from '../../support/pipeline.ts';
import { Random } from '../../support/random.ts';

const SEED = 16;
const PRODUCERS = 6;
const ROUNDS = 60;

/** FAULTS.md 16: transactions that overlap, some of them aborted, read from every offset on. */
export function abortedTransactions(pipeline: () => Pipeline): void {
  describe('transactions that overlap and abort', () => {
    it('show our reader, from every offset on, what they show Kafka’s own client', async () => {
      const [broker = ''] = pipeline().infra.brokers;
      const kafka = await testKafka([broker]);
      try {
        const topic = await kafka.topic();
        await overlap(kafka, topic, new Random(SEED));
        const end = await endOf(kafka.kafka, topic, 0);
        const [committed, everything] = await Promise.all([
          readWithJava(broker, topic),
          readWithJava(broker, topic, 'read_uncommitted'),
        ]);
        const truth = committed.map(({ offset }) => offset);
        // Aborted records lie between them, or this shows nothing.
        expect(everything.length - committed.length).toBeGreaterThan(ROUNDS / 6);
        for (let first = 0; first < end; first++) {
          const seen: number[] = [];
          await scanTopics(kafka.kafka, {
            ranges: [{ topic, partition: 0, first, end }],
            follow: false,
            signal: new AbortController().signal,
            apply: (_, __, records) => {
              seen.push(...records.map(({ offset }) => offset));
            },
          });
          expect({ first, seen }).toEqual({ first, seen: truth.filter((offset) => offset >= first) });
        }
      } finally {
        await kafka.close();
      }
    }, 120_000);
  });
}

/** Producers begin, write and end their transactions in an order that chance chose; a third of them aborts. */
async function overlap(kafka: Awaited<ReturnType<typeof testKafka>>, topic: string, random: Random): Promise<void> {
  const open = new Map<number, Awaited<ReturnType<typeof kafka.transact>>>();
  const end = async (producer: number) => {
    const transaction = open.get(producer);
    open.delete(producer);
    await (random.next() < 0.33 ? transaction?.abort() : transaction?.commit());
  };
  for (let round = 0; round < ROUNDS; round++) {
    const producer = random.between(0, PRODUCERS);
    if (open.has(producer)) {
      await end(producer);
      continue;
    }
    const records = Array.from({ length: random.between(1, 4) }, (_, n): LogRecord => {
      return { topic, partition: 0, key: `${round}-${n}`, value: Buffer.from(`record ${round}-${n}`) };
    });
    open.set(producer, await kafka.transact(`${topic}-${producer}`, records));
  }
  for (const producer of [...open.keys()]) await end(producer);
}
