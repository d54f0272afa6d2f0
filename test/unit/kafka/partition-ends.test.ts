import type { Cluster } from 'kafkajs';
import { namesIn } from '../../../src/contracts/region.ts';
import type { KafkaReader } from '../../../src/kafka/client.ts';
import { PartitionEnds } from '../../../src/kafka/partition-ends.ts';

/** A cluster of one broker that answers when the test says so. */
class Broker {
  readonly answers: ((end: number | Error) => void)[] = [];
  connections = 0;
  cut = 0;
  end = 0;

  readonly reader = {
    names: namesIn(null),
    cluster: () => {
      this.connections++;
      return { client: this.client as unknown as Cluster, cut: () => void this.cut++ };
    },
  } as KafkaReader;

  private readonly client = {
    connect: async () => undefined,
    disconnect: async () => undefined,
    addMultipleTargetTopics: async () => undefined,
    refreshMetadataIfNecessary: async () => undefined,
    findTopicPartitionMetadata: () => [{ partitionId: 0 }],
    findLeaderForPartitions: () => ({ 1: [0] }),
    findBroker: async () => ({
      listOffsets: () =>
        new Promise((resolve, reject) => {
          this.answers.push((end) => {
            if (end instanceof Error) reject(end);
            else resolve({ responses: [{ partitions: [{ partition: 0, offset: String(end) }] }] });
          });
        }),
    }),
  };

  /** Answers the request that is under way, once there is one. */
  async answer(end: number | Error): Promise<void> {
    while (this.answers.length === 0) await new Promise((resolve) => setImmediate(resolve));
    this.answers.shift()?.(end);
  }
}

const endOf = async (asked: Promise<ReadonlyMap<number, number>>) => (await asked).get(0);

describe('the ends of partitions', () => {
  it('are asked for anew by whoever comes while a request is under way, once for all of them', async () => {
    const broker = new Broker();
    const ends = new PartitionEnds(broker.reader, 'a-topic');
    const first = endOf(ends.ask());
    while (broker.answers.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const later = [endOf(ends.ask()), endOf(ends.ask())];
    await broker.answer(1);
    expect(await first).toBe(1);
    await broker.answer(2);
    expect(await Promise.all(later)).toEqual([2, 2]);
    expect(broker.answers).toEqual([]);
    expect(broker.connections).toBe(1);
  });

  it('are asked for over a new connection after a failure, which is told to those who asked then', async () => {
    const broker = new Broker();
    const ends = new PartitionEnds(broker.reader, 'a-topic');
    const failing = ends.ask();
    const failed = expect(failing).rejects.toThrow('gone');
    await broker.answer(new Error('gone'));
    await failed;
    const again = endOf(ends.ask());
    await broker.answer(7);
    expect(await again).toBe(7);
    expect([broker.connections, broker.cut]).toEqual([2, 1]);
  });

  it('are not asked for any more once closed, also by who waits for a turn', async () => {
    const broker = new Broker();
    const ends = new PartitionEnds(broker.reader, 'a-topic');
    const first = expect(ends.ask()).rejects.toThrow('gone');
    while (broker.answers.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const waiting = expect(ends.ask()).rejects.toMatchObject({ code: 'STOPPED' });
    ends.close();
    await broker.answer(new Error('gone'));
    await Promise.all([first, waiting]);
    expect(broker.connections).toBe(1);
  });
});
