import { setTimeout as sleep } from 'node:timers/promises';
import type * as Kafkajs from 'kafkajs';

const FETCH_WAIT_MS = 20;
/** So many fetches in a row that bring nothing: the end, or a reader that got stuck. */
const IDLE_FETCHES = 15;
const DEADLINE_MS = 30_000;

/** A plain consumer of kafkajs that reads one partition from given offsets to where nothing more comes. */
export class PlainReader {
  private seen: string[] = [];
  private idle = 0;
  private readonly consumer: Kafkajs.Consumer;
  private readonly topic: string;

  constructor(kafkajs: typeof Kafkajs, brokers: readonly string[], topic: string) {
    this.topic = topic;
    const kafka = new kafkajs.Kafka({ brokers: [...brokers], logLevel: kafkajs.logLevel.NOTHING });
    this.consumer = kafka.consumer({ groupId: `plain-${topic}-${process.pid}`, maxWaitTimeInMs: FETCH_WAIT_MS });
  }

  /** What it shows from each of the offsets on. */
  async readFrom(offsets: readonly number[]): Promise<string[][]> {
    const { consumer, topic } = this;
    try {
      await consumer.connect();
      consumer.on(consumer.events.FETCH, () => {
        this.idle++;
      });
      await consumer.subscribe({ topics: [topic], fromBeginning: true });
      await consumer.run({
        autoCommit: false,
        eachBatch: async ({ batch }) => {
          this.idle = 0;
          this.seen.push(...batch.messages.map(({ value }) => String(value)));
        },
      });
      await this.untilIdle();
      const shown: string[][] = [];
      for (const offset of offsets) {
        consumer.seek({ topic, partition: 0, offset: String(offset) });
        this.seen = [];
        this.idle = 0;
        await this.untilIdle();
        shown.push(this.seen);
      }
      return shown;
    } finally {
      await consumer.disconnect();
    }
  }

  private async untilIdle(): Promise<void> {
    for (const end = Date.now() + DEADLINE_MS; this.idle < IDLE_FETCHES; await sleep(5)) {
      if (Date.now() > end) throw new Error('the reader did not come to rest');
    }
  }
}
