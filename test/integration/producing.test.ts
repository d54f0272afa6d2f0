import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { topics } from '../../src/contracts/topic.ts';
import { partitionOf } from '../../src/domain/partitioner.ts';
import { EMAIL_TYPES } from '../../src/domain/policy.ts';
import { createPublisher, type EmailJobInput, type JobPublisher } from '../../src/index.ts';
import type { Infra } from '../../src/infra/provider.ts';
import { createKafka, type KafkaClient } from '../../src/kafka/client.ts';
import { rangesOf } from '../../src/kafka/topic-ends.ts';
import { openRegistryCodec } from '../../src/registry/codec.ts';
import { JOB_BYTES_MAX_DEFAULT } from '../../src/registry/limits.ts';
import type { Codec } from '../../src/runtime/codec.ts';
import { runCli } from '../support/cli.ts';
import { collect } from '../support/collect.ts';
import { startTestInfra } from '../support/infra.ts';
import { provision } from '../support/provision.ts';

const job = (over: Partial<EmailJobInput> = {}): EmailJobInput => ({
  type: 'transactional',
  recipient: 'ada@inbox.example',
  payload: { from: 'Shop <news@shop.example>', subject: 'Your order', text: 'Thank you.' },
  ...over,
});

describe('producing', () => {
  let infra: Infra;
  let kafka: KafkaClient;
  let codec: Codec;
  let directory: string;
  const publishers: JobPublisher[] = [];

  const connect = async (over: Partial<Parameters<typeof createPublisher>[0]> = {}): Promise<JobPublisher> => {
    const { brokers, schemaRegistryUrl } = infra;
    const publisher = await createPublisher({ brokers, schemaRegistryUrl, ...over });
    publishers.push(publisher);
    return publisher;
  };
  const cli = (...args: string[]) =>
    runCli(args, {
      workingDirectory: directory,
      environment: { KAFKA_BROKERS: infra.brokers.join(','), SCHEMA_REGISTRY_URL: infra.schemaRegistryUrl },
    });
  const jobsIn = async (type: (typeof EMAIL_TYPES)[number]) => collect(kafka, codec, topics.ingest(type));

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'postlane-producing-'));
    infra = await startTestInfra({ own: true });
    kafka = await createKafka({ brokers: infra.brokers, clientId: 'postlane-test' });
  }, 180_000);

  afterAll(async () => {
    await Promise.all(publishers.map((publisher) => publisher.close({ withinMs: 5_000 })));
    await infra?.stop();
    await rm(directory, { recursive: true, force: true });
  }, 60_000);

  it('says what to do where the pipeline is not set up', async () => {
    await expect(connect()).rejects.toMatchObject({
      code: 'INFRA_UNAVAILABLE',
      facts: {
        subjects: EMAIL_TYPES.map((type) => `email.ingest.${type}-value`).sort(),
        remedy: expect.stringContaining('apply'),
      },
    });
    await provision(infra);
    const { schemaRegistryUrl: url } = infra;
    codec = await openRegistryCodec({ url, encodes: [], jobBytesMax: JOB_BYTES_MAX_DEFAULT });
  }, 60_000);

  it('puts each job into the topic of its type, in the home partition of its id, as any reader of the schema sees it', async () => {
    const publisher = await connect();
    const published = await Promise.all(
      EMAIL_TYPES.map((type) => publisher.publish(job({ type, id: `first-${type}`, metadata: { order: '7' } }))),
    );
    for (const [n, type] of EMAIL_TYPES.entries()) {
      const [found] = await jobsIn(type);
      expect(found?.value).toMatchObject({
        id: `first-${type}`,
        tenant: 'default',
        metadata: [{ name: 'order', value: '7' }],
      });
      expect(found?.record.key?.toString()).toBe(`first-${type}`);
      expect(published[n]).toEqual({
        id: `first-${type}`,
        topic: `email.ingest.${type}`,
        partition: found?.partition,
        offset: found?.record.offset,
      });
      const partitions = (await rangesOf(kafka, [`email.ingest.${type}`])).length;
      expect(found?.partition).toBe(partitionOf(`first-${type}`, partitions));
    }
  }, 60_000);

  it('takes jobs of any size up to the limit, beside small ones', async () => {
    const publisher = await connect();
    const content = Buffer.alloc(4 * 1024 * 1024, 1);
    const attachments = [{ filename: 'a.bin', contentType: 'application/octet-stream', content }];
    const large = job({ id: 'large', type: 'notification', payload: { ...job().payload, attachments } });
    const small = Array.from({ length: 50 }, (_, n) => job({ id: `small-${n}`, type: 'notification' }));
    await Promise.all([...small.slice(0, 25), large, ...small.slice(25)].map((each) => publisher.publish(each)));
    const found = (await jobsIn('notification')).map(({ value }) => value);
    expect(found.find(({ id }) => id === 'large')?.payload?.attachments[0]?.content.equals(content)).toBe(true);
    expect(found.filter(({ id }) => id.startsWith('small-'))).toHaveLength(50);
  }, 60_000);

  it('loses no job while the broker dies and comes back', async () => {
    const publisher = await connect();
    const count = 6_000;
    const outcomes: Promise<string>[] = [];
    let disturbed: Promise<void> | null = null;
    for (let n = 0; n < count; n++) {
      await publisher.room();
      outcomes.push(publisher.publish(job({ type: 'marketing', id: `storm-${n}` })).then(({ id }) => id));
      // Beside the publishing, which waits once its buffer is full.
      if (n === 2_000) disturbed = infra.killBroker('SIGKILL').then(() => infra.startBroker());
      // Lets batches go out between the jobs.
      if (n % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await disturbed;
    const ids = await Promise.all(outcomes);
    const found = new Set((await jobsIn('marketing')).map(({ value }) => value.id));
    expect(ids.filter((id) => !found.has(id))).toEqual([]);
    expect(new Set(ids).size).toBe(count);
  }, 120_000);

  it('submits a file: what is good goes through, what is bad is told by its line', async () => {
    const good = (n: number) => JSON.stringify(job({ id: `file-${n}` }));
    const noRecipient = JSON.stringify({ ...job(), recipient: undefined });
    await writeFile(join(directory, 'jobs.ndjson'), [good(1), 'no json', '', good(2), noRecipient, good(3)].join('\n'));
    const { status, printed, told } = await cli('submit', 'jobs.ndjson', '--json', '--errors', 'bad.ndjson');
    expect({ status, told }).toEqual({
      status: 2,
      told: ['line 2: not-json (unexpected o)', 'line 5: field-missing (recipient)'],
    });
    expect(JSON.parse(printed)).toMatchObject({ lines: 5, published: 3, bad: 2, failed: 0 });
    const bad = (await readFile(join(directory, 'bad.ndjson'), 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(bad).toEqual([
      { line: 2, problem: 'not-json', detail: 'unexpected o', text: 'no json' },
      { line: 5, problem: 'field-missing', detail: 'recipient', text: noRecipient },
    ]);
    const ids = (await jobsIn('transactional')).map(({ value }) => value.id);
    expect(ids).toEqual(expect.arrayContaining(['file-1', 'file-2', 'file-3']));
  }, 60_000);

  it('ends well where every line was published, and badly where the file is not there', async () => {
    const lines = Array.from({ length: 3_000 }, () => JSON.stringify(job({ type: 'marketing' })));
    await writeFile(join(directory, 'all.ndjson'), `${lines.join('\n')}\n`);
    expect(await cli('submit', 'all.ndjson', '--id-prefix', 'spring')).toMatchObject({
      status: 0,
      printed: expect.stringMatching(/^3,000 lines: 3,000 published, 0 bad; [\d,]+\/s\n$/),
    });
    const ids = new Set((await jobsIn('marketing')).map(({ value }) => value.id));
    expect(lines.every((_, n) => ids.has(`spring-${n + 1}`))).toBe(true);
    const missing = await cli('submit', 'missing.ndjson');
    expect([missing.status, missing.told.join('\n')]).toEqual([1, expect.stringContaining('missing.ndjson')]);
  }, 60_000);
});
