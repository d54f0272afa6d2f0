import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createKafka } from '../../../src/kafka/client.ts';
import { loadKafkajs } from '../../../src/kafka/guards.ts';
import { Publisher } from '../../../src/kafka/publisher.ts';
import type { Landed } from '../../../src/runtime/ports.ts';
import { startTestInfra } from '../../support/infra.ts';
import { type TestKafka, testKafka } from '../../support/kafka.ts';
import { PlainReader } from '../../support/plain-reader.ts';
import { until } from '../../support/until.ts';

type Infra = Awaited<ReturnType<typeof startTestInfra>>;

let infra: Infra;
let test: TestKafka;

beforeAll(async () => {
  infra = await startTestInfra();
  test = await testKafka(infra.brokers);
}, 120_000);

afterAll(async () => {
  await test?.close();
  await infra?.stop();
}, 60_000);

/** What the guarded kafkajs shows from each offset on. */
const guarded = async (topic: string, offsets: readonly number[]) =>
  new PlainReader(await loadKafkajs(), infra.brokers, topic).readFrom(offsets);

/** What kafkajs shows as it is published: in a process of its own, past Jest and its guards. */
async function asPublished(topic: string, offsets: readonly number[]): Promise<string[][]> {
  const script = fileURLToPath(new URL('../../support/unguarded-reader.ts', import.meta.url));
  const args = [script, infra.brokers.join(), topic, ...offsets.map(String)];
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 64 * 1024 * 1024 });
  return JSON.parse(stdout);
}

describe('aborted transactions that overlap', () => {
  it('are shown from no offset at all; as published they are from some', async () => {
    const topic = await test.topic();
    const record = (value: string) => ({ topic, partition: 0, key: 'k', value: Buffer.from(value) });
    const publisher = new Publisher({ kafka: test.kafka });
    await publisher.append([record('plain 1')]);
    const a = await test.transact(`a-${topic}`, [record('aborted a')]);
    const b = await test.transact(`b-${topic}`, [record('aborted b'), record('aborted b2')]);
    const c = await test.transact(`c-${topic}`, [record('committed c')]);
    await publisher.append([record('plain 2')]);
    await b.abort();
    await publisher.append([record('plain 3')]);
    await a.abort();
    await c.commit();
    const [end] = await publisher.append([record('end')]);
    await publisher.close();
    const offsets = Array.from({ length: (end as Landed).offset + 1 }, (_, offset) => offset);
    const leaked = (shown: string[][]) => shown.flat().filter((value) => value.startsWith('aborted'));
    const shown = await guarded(topic, offsets);
    expect(leaked(shown)).toEqual([]);
    expect(shown[0]).toEqual(['plain 1', 'committed c', 'plain 2', 'plain 3', 'end']);
    expect(leaked(await asPublished(topic, offsets))).not.toEqual([]);
  }, 60_000);
});

describe('a compacted topic whose deletions have expired', () => {
  /** The smallest segment that a broker allows. */
  const SEGMENT_BYTES = 1024 * 1024;
  /**
   * So many values leave room for some deletions behind them, but not for another first value: the deletions end the
   * segment. And cleaned segments are still too large to be merged by two.
   */
  const VALUE_BYTES = 40_000;
  const FIRST_VALUE_BYTES = 60_000;
  const VALUES_PER_SEGMENT = 25;

  it('is read to its end; as published the reader stays in front of the empty batch for ever', async () => {
    const topic = await test.topic({
      config: {
        'cleanup.policy': 'compact',
        'segment.bytes': String(SEGMENT_BYTES),
        'delete.retention.ms': '0',
        'min.cleanable.dirty.ratio': '0.01',
        'min.compaction.lag.ms': '0',
      },
    });
    const deleted = Array.from({ length: 10 }, (_, n) => `deleted-${n}`);
    const value = (text: string, bytes = VALUE_BYTES) => Buffer.concat([Buffer.from(text), Buffer.alloc(bytes)]);
    const live: string[] = [];
    for (let segment = 0; segment < 4; segment++) {
      // A producer of its own for each: the cleaner keeps a producer's last batch, empty, when its records are gone.
      const writer = new Publisher({ kafka: test.kafka });
      for (let n = 0; n < VALUES_PER_SEGMENT; n++) {
        const key = `live-${segment}-${n}`;
        live.push(key);
        const bytes = n === 0 ? FIRST_VALUE_BYTES : VALUE_BYTES;
        await writer.append([{ topic, partition: 0, key, value: value(key, bytes) }]);
      }
      await writer.close();
      const deleter = new Publisher({ kafka: test.kafka });
      await deleter.append(deleted.map((key) => ({ topic, partition: 0, key, value: null })));
      await deleter.close();
    }
    await until(
      'the cleaner',
      async () => {
        // The cleaner looks at a segment only when another has begun behind it.
        const pusher = new Publisher({ kafka: test.kafka });
        await pusher.append([{ topic, partition: 0, key: 'live-push', value: value('push', FIRST_VALUE_BYTES) }]);
        await pusher.close();
        const records = await test.read(topic, 0);
        return records.filter((record) => record.value === null).length <= deleted.length;
      },
      150_000,
      // Each try reads the whole topic, and makes it longer.
      500,
    );
    const keys = new Set((await test.read(topic, 0)).map(({ key }) => String(key)));
    for (const key of live) expect(keys).toContain(key);

    const alive = (shown: string[][]) => {
      const seen = new Set(shown.flat().map((text) => text.replaceAll('\0', '')));
      return live.filter((key) => seen.has(key)).length;
    };
    expect(alive(await guarded(topic, [0]))).toBe(live.length);
    expect(alive(await asPublished(topic, [0]))).toBeLessThan(live.length);
  }, 240_000);
});

describe('batches that others compressed', () => {
  it.each(['gzip', 'snappy', 'lz4', 'zstd'])('%s', async (codec) => {
    // The broker compresses anew what comes in, with the codecs of the Java client.
    const topic = await test.topic({ config: { 'compression.type': codec } });
    const publisher = new Publisher({ kafka: test.kafka });
    const values = Array.from({ length: 300 }, (_, n) => `${n} ${'<p>Hello, hello</p>'.repeat(n)}`);
    await publisher.append(values.map((value) => ({ topic, partition: 0, key: null, value: Buffer.from(value) })));
    await publisher.close();
    expect((await test.read(topic, 0)).map(({ value }) => String(value))).toEqual(values);
  });
});

describe('a client', () => {
  it('leaves nothing behind that keeps a process awake', async () => {
    const kafka = await createKafka({ brokers: infra.brokers, clientId: 'leak-test' });
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
    const before = timers();
    const publisher = new Publisher({ kafka });
    await publisher.append([{ topic: await test.topic(), partition: 0, key: 'k', value: null }]);
    await publisher.close();
    await until('no sockets', () => timers() <= before);
  });
});
