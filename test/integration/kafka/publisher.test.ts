import { createKafka, type KafkaClient } from '../../../src/kafka/client.ts';
import { Publisher } from '../../../src/kafka/publisher.ts';
import { startTestInfra } from '../../support/infra.ts';
import { type TestKafka, testKafka } from '../../support/kafka.ts';

type Infra = Awaited<ReturnType<typeof startTestInfra>>;

let infra: Infra;
let test: TestKafka;
const publishers: Publisher[] = [];

beforeAll(async () => {
  infra = await startTestInfra();
  test = await testKafka(infra.brokers);
}, 120_000);

afterEach(async () => {
  await Promise.all(publishers.splice(0).map((publisher) => publisher.close()));
});

afterAll(async () => {
  await test?.close();
  await infra?.stop();
}, 60_000);

function make(options: Partial<ConstructorParameters<typeof Publisher>[0]> = {}): Publisher {
  const publisher = new Publisher({ kafka: test.kafka, ...options });
  publishers.push(publisher);
  return publisher;
}

const record = (topic: string, value: string, partition = 0) => ({
  topic,
  key: 'k',
  value: Buffer.from(value),
  partition,
});
const valuesOf = async (topic: string, partition = 0) =>
  (await test.read(topic, partition)).map(({ value }) => `${value}`);

describe('a publisher', () => {
  it('appends in order, and answers every call with where its own records landed', async () => {
    const topic = await test.topic({ partitions: 2 });
    const publisher = make();
    const calls = Array.from({ length: 200 }, (_, n) =>
      publisher.append([record(topic, `${n} a`, n % 2), record(topic, `${n} b`, n % 2)]),
    );
    const landed = await Promise.all(calls);
    for (const partition of [0, 1]) {
      const records = await test.read(topic, partition);
      const mine = landed.map((places, n) => ({ places, n })).filter(({ n }) => n % 2 === partition);
      expect(records.map(({ value }) => `${value}`)).toEqual(mine.flatMap(({ n }) => [`${n} a`, `${n} b`]));
      expect(mine.flatMap(({ places }) => places)).toEqual(records.map(({ offset }) => ({ partition, offset })));
    }
  });

  it('sends together what comes while it gathers, and at once what comes after a silence', async () => {
    const topic = await test.topic();
    const requests: number[] = [];
    const idempotent = (timeout: number) => {
      const connection = test.kafka.idempotent(timeout);
      const { client } = connection;
      const send = client.sendBatch.bind(client);
      client.sendBatch = (batch) => {
        requests.push(batch.topicMessages?.flatMap(({ messages }) => messages).length ?? 0);
        return send(batch);
      };
      return connection;
    };
    const kafka: KafkaClient = Object.create(test.kafka, { idempotent: { value: idempotent } });
    const publisher = make({ kafka, gatherMs: 1_000 });
    await publisher.append([record(topic, 'a')]);
    const waiting = [publisher.append([record(topic, 'b')])];
    // Longer than a request takes: without gathering it would have gone.
    await new Promise((resolve) => setTimeout(resolve, 50));
    waiting.push(publisher.append([record(topic, 'c')]));
    await Promise.all(waiting);
    expect(requests).toEqual([1, 2]);
    expect(await valuesOf(topic)).toEqual(['a', 'b', 'c']);
  });

  it('holds callers back when too much waits, and loses none of them', async () => {
    const topic = await test.topic();
    const publisher = make({ queuedBytesMax: 10_000 });
    const values = Array.from({ length: 50 }, (_, n) => `${n} ${'x'.repeat(3_000)}`);
    await Promise.all(values.map((value) => publisher.append([record(topic, value)])));
    expect((await valuesOf(topic)).sort()).toEqual([...values].sort());
  });

  it('refuses a record that is too large, at once and alone', async () => {
    const topic = await test.topic();
    const publisher = make({ recordBytesMax: 1_000 });
    const [large, small] = await Promise.allSettled([
      publisher.append([record(topic, 'part of the refused call'), record(topic, 'x'.repeat(2_000))]),
      publisher.append([record(topic, 'small')]),
    ]);
    expect(large).toMatchObject({ status: 'rejected', reason: { code: 'LIMIT_EXCEEDED' } });
    expect(small.status).toBe('fulfilled');
    expect(await valuesOf(topic)).toEqual(['small']);
  });

  it('lets only the caller fail whose record the broker refuses', async () => {
    const topic = await test.topic({ config: { 'max.message.bytes': '2000' } });
    const publisher = make();
    const first = publisher.append([record(topic, 'first')]);
    const together = [
      publisher.append([record(topic, 'good')]),
      publisher.append([record(topic, 'x'.repeat(5_000))]),
      publisher.append([record(topic, 'also good')]),
    ];
    await first;
    const [good, bad, alsoGood] = await Promise.allSettled(together);
    expect(bad).toMatchObject({ status: 'rejected', reason: { code: 'KAFKA_UNAVAILABLE' } });
    expect([good?.status, alsoGood?.status]).toEqual(['fulfilled', 'fulfilled']);
    expect(await valuesOf(topic)).toEqual(['first', 'good', 'also good']);
  });

  it('goes on after a topic that does not exist', async () => {
    const topic = await test.topic();
    const publisher = make({ deliveryTimeoutMs: 3_000 });
    await expect(publisher.append([record('there-is-no-such-topic', 'x')])).rejects.toMatchObject({
      code: 'KAFKA_UNAVAILABLE',
    });
    await publisher.append([record(topic, 'after')]);
    expect(await valuesOf(topic)).toEqual(['after']);
  }, 20_000);

  it('gives up in time where no broker answers', async () => {
    const nowhere: KafkaClient = await createKafka({ brokers: ['127.0.0.1:9'], clientId: 'nowhere' });
    const publisher = make({ kafka: nowhere, deliveryTimeoutMs: 300 });
    await expect(publisher.append([record('t', 'x')])).rejects.toMatchObject({ code: 'KAFKA_UNAVAILABLE' });
  });

  it('sends what waits before it closes, and takes nothing afterwards', async () => {
    const topic = await test.topic();
    const publisher = make();
    const calls = Array.from({ length: 20 }, (_, n) => publisher.append([record(topic, String(n))]));
    await Promise.resolve();
    await publisher.close();
    await Promise.all(calls);
    expect(await valuesOf(topic)).toEqual(Array.from({ length: 20 }, (_, n) => String(n)));
    await expect(publisher.append([record(topic, 'late')])).rejects.toMatchObject({ code: 'STOPPED' });
  });
});
