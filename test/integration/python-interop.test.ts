import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { topics } from '../../src/contracts/topic.ts';
import { partitionOf } from '../../src/domain/partitioner.ts';
import { ending } from '../../src/domain/results.ts';
import { packageRoot } from '../../src/infra/package-root.ts';
import { Publisher } from '../../src/kafka/publisher.ts';
import { rangesOf } from '../../src/kafka/topic-ends.ts';
import { openRegistryCodec } from '../../src/registry/codec.ts';
import { JOB_BYTES_MAX_DEFAULT } from '../../src/registry/limits.ts';
import type { Codec } from '../../src/runtime/codec.ts';
import { aHeader, aJob } from '../../src/testing/builders.ts';
import { collect } from '../support/collect.ts';
import { withInfra } from '../support/infra.ts';
import { type TestKafka, testKafka } from '../support/kafka.ts';
import { provision } from '../support/provision.ts';
import { pythonWith } from '../support/python.ts';

const run = promisify(execFile);
const EXAMPLES = join(packageRoot(), 'examples', 'kafka-python');
const SCRIPT_MS_MAX = 90_000;
const AT = Date.parse('2026-01-02T03:04:05.678Z');

describe("Confluent's Python client", () => {
  const infra = withInfra();
  let python: string;
  let kafka: TestKafka;
  let codec: Codec;

  /** Runs one of the examples, and answers the JSON lines that it printed. */
  const example = async (script: string, ...args: string[]): Promise<unknown[]> => {
    const addresses = ['--brokers', infra().brokers.join(','), '--registry', infra().schemaRegistryUrl];
    const { stdout } = await run(python, [join(EXAMPLES, script), ...addresses, ...args], { timeout: SCRIPT_MS_MAX });
    return stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
  };

  beforeAll(async () => {
    python = await pythonWith(join(EXAMPLES, 'requirements.txt'));
    await provision(infra());
    kafka = await testKafka(infra().brokers);
    const encodes = [topics.results('transactional')];
    codec = await openRegistryCodec({ url: infra().schemaRegistryUrl, encodes, jobBytesMax: JOB_BYTES_MAX_DEFAULT });
  }, 400_000);

  afterAll(async () => {
    await kafka?.close();
  }, 60_000);

  it('publishes a job that reads as ours: fields left out have their defaults, and it lies in its home partition', async () => {
    const id = `python-${randomUUID()}`;
    const printed = await example(
      'publish.py',
      ...['--id', id, '--recipient', 'ada@bücher.example', '--subject', 'Grüße', '--metadata', '{"order":"7"}'],
      ...['--send-at', '2026-01-02T05:04:05.678+02:00'],
    );
    expect(printed).toEqual([{ published: id, topic: 'email.ingest.transactional' }]);
    const topic = topics.ingest('transactional');
    const found = (await collect(kafka.kafka, codec, topic)).find(({ value }) => value.id === id);
    expect(found?.value).toEqual(
      aJob({
        id,
        recipient: 'ada@bücher.example',
        payload: {
          from: 'Shop <news@shop.example>',
          replyTo: null,
          subject: 'Grüße',
          html: '<p>Thank you.</p>',
          text: null,
          unsubscribeLink: null,
          oneClick: false,
          headers: [],
          attachments: [],
          mime: null,
        },
        metadata: [aHeader('order', '7')],
        sendAt: AT,
      }),
    );
    expect(found?.record.key?.toString()).toBe(id);
    expect(found?.partition).toBe(partitionOf(id, (await rangesOf(kafka.kafka, [topic.name])).length));
  }, 120_000);

  it('reads a result that we wrote, whole, and none of an aborted transaction', async () => {
    const id = `python-${randomUUID()}`;
    const topic = topics.results('transactional');
    const job = aJob({ id, recipient: 'ada@bücher.example', tags: ['spring'], metadata: [aHeader('order', '7')] });
    const bounced = ending(job, 'bounced', 2, AT, {
      site: 'bücher',
      smtpCode: 550,
      enhancedCode: '5.1.1',
      reply: 'no such üser',
    });
    const aborted = await kafka.transact(`${id}-tx`, [
      { topic: topic.name, key: id, value: codec.encode(topic, { ...bounced, attempt: 1 }) },
    ]);
    await aborted.abort();
    const publisher = new Publisher({ kafka: kafka.kafka });
    await publisher.append([{ topic: topic.name, key: id, value: codec.encode(topic, bounced) }]);
    await publisher.close();
    const [result] = await example('consume.py', '--group', id, '--job', id, '--until', '1');
    expect(result).toEqual({ ...bounced, at: '2026-01-02T03:04:05.678000+00:00' });
  }, 120_000);
});
