import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DeadLetter, EmailJob } from '../../../src/contracts/generated.ts';
import { topics } from '../../../src/contracts/topic.ts';
import { completeJob } from '../../../src/domain/job-input.ts';
import { attempted, ending } from '../../../src/domain/results.ts';
import type { Infra } from '../../../src/infra/provider.ts';
import { createKafka, type KafkaClient } from '../../../src/kafka/client.ts';
import { Publisher } from '../../../src/kafka/publisher.ts';
import { openRegistryCodec } from '../../../src/registry/codec.ts';
import { JOB_BYTES_MAX_DEFAULT } from '../../../src/registry/limits.ts';
import type { Codec } from '../../../src/runtime/codec.ts';
import { runCli } from '../../support/cli.ts';
import { collect } from '../../support/collect.ts';
import { startTestInfra } from '../../support/infra.ts';
import { provision } from '../../support/provision.ts';

const run = Date.now();
const job = (id: string): EmailJob =>
  completeJob(
    {
      id: `${id}-${run}`,
      type: 'marketing',
      recipient: `Ada-${run}@inbox.example`,
      payload: { from: 'news@shop.example', subject: 'News', text: 'Hello' },
    },
    () => 'none',
  );

describe('tracing and repairing from the command line', () => {
  let infra: Infra;
  let kafka: KafkaClient;
  let codec: Codec;
  let appender: Publisher;
  let directory: string;
  const results = topics.results('marketing');
  const ingest = topics.ingest('marketing');

  const cli = (...args: string[]) =>
    runCli(args, {
      workingDirectory: directory,
      environment: { KAFKA_BROKERS: infra.brokers.join(','), SCHEMA_REGISTRY_URL: infra.schemaRegistryUrl },
    });
  const append = <V>(topic: Parameters<Codec['encode']>[0] & { _value?: V }, key: string, value: V) =>
    appender.append([{ topic: topic.name, key, value: codec.encode(topic, value as never) }]);
  const letter = (over: Partial<DeadLetter>): DeadLetter => ({
    topic: ingest.name,
    partition: 0,
    offset: 7,
    key: null,
    value: null,
    headers: [],
    stage: 'router',
    reason: `test-${run}`,
    detail: null,
    processor: 'router',
    version: '1',
    jobId: null,
    at: Date.now(),
    ...over,
  });

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'postlane-repair-'));
    infra = await startTestInfra();
    await provision(infra);
    kafka = await createKafka({ brokers: infra.brokers, clientId: 'postlane-test' });
    const encodes = [ingest, results, topics.deadLetters, topics.cancellations];
    codec = await openRegistryCodec({ url: infra.schemaRegistryUrl, encodes, jobBytesMax: JOB_BYTES_MAX_DEFAULT });
    appender = new Publisher({ kafka });
  }, 180_000);

  afterAll(async () => {
    await appender?.close();
    await infra?.stop();
    await rm(directory, { recursive: true, force: true });
  }, 60_000);

  it('shows the trail of a mail by its id and by its recipient', async () => {
    const traced = job('traced');
    await append(ingest, traced.id, traced);
    await append(
      results,
      traced.id,
      attempted(traced, 1, run, { smtpCode: 451, reply: 'later', until: run + 3_600_000 }),
    );
    const byId = await cli('trace', traced.id, '--json');
    expect(byId).toMatchObject({ status: 0, told: [] });
    expect(JSON.parse(byId.printed)).toMatchObject({ id: traced.id, state: 'deferred', events: [{ smtpCode: 451 }] });
    const byAddress = await cli('trace', traced.recipient.toLowerCase());
    expect(byAddress.printed).toContain(`${traced.id}: deferred`);
    expect(byAddress.printed).toContain('the last said: 451 later');
    expect((await cli('trace', `nobody-${run}`)).status).toBe(1);
  });

  it('says why a mail waits, and why it ended', async () => {
    const asked = job('asked');
    await append(ingest, asked.id, asked);
    const waiting = await cli('why', asked.id);
    expect(waiting.told).toEqual([]);
    expect(waiting.printed).toContain('it has not ended; it waits to be routed');
    const at = Date.now();
    await append(topics.cancellations, asked.id, {
      jobId: asked.id,
      tenant: 'default',
      who: 'ops',
      why: 'a mistake',
      at,
    });
    await append(results, asked.id, ending(asked, 'suppressed', 0, at, { class: 'complaint', reason: 'complaint: x' }));
    const { printed } = await cli('why', asked.id);
    expect(printed).toContain('it ended suppressed');
    expect(printed).toContain('class complaint; complaint: x');
    expect(printed).toContain('called back');
    expect(printed).toContain('a mistake');
  });

  it('lists, shows and exports dead letters, and hands the job of one in again, once however often', async () => {
    const dead = job('dead');
    const value = codec.encode(ingest, dead);
    await append(topics.deadLetters, dead.id, letter({ value, jobId: dead.id }));
    await append(topics.deadLetters, 'none', letter({ value: Buffer.from('no job'), offset: 8 }));
    const listed = await cli('dead-letters', 'list', '--reason', `test-${run}`, '--json');
    const letters = listed.printed
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { place: string; jobId: string });
    expect(letters).toHaveLength(2);
    const place = letters.find(({ jobId }) => jobId === dead.id)?.place as string;
    expect(JSON.parse((await cli('dead-letters', 'show', place)).printed).value).toBe(value.toString('base64'));
    expect((await cli('dead-letters', 'export', '--job', dead.id)).printed.trim().split('\n')).toHaveLength(1);
    expect((await cli('dead-letters', 'requeue')).status).toBe(1);
    const dry = await cli('dead-letters', 'requeue', '--reason', `test-${run}`, '--dry-run');
    const again = await cli('dead-letters', 'requeue', '--reason', `test-${run}`);
    const twice = await cli('dead-letters', 'requeue', place);
    expect([dry.status, again.status, twice.status]).toEqual([2, 2, 0]);
    expect(again.printed).toContain('it still cannot be read');
    const found = (await collect(kafka, codec, ingest)).filter(({ value }) =>
      value.metadata.some(({ name, value: from }) => name === 'postlane.requeued-from' && from === dead.id),
    );
    // Twice in the log, under one id and with one content: the router lets one through.
    expect(found).toHaveLength(2);
    expect(new Set(found.map(({ value: requeued }) => JSON.stringify(requeued))).size).toBe(1);
    expect(found[0]?.value.id).not.toBe(dead.id);
  });

  it('makes, lists, rotates and revokes keys, and never shows a secret twice', async () => {
    const made = await cli('keys', 'create', 'shop', '--tenant', `t-${run}`, '--scopes', 'emails:send', '--rate', '5');
    const key = made.printed.trim();
    expect(key).toMatch(/^pl_[a-z2-7]{12}_[A-Za-z0-9_-]{43}$/);
    const [keyId, secret] = [key.slice(0, 15), key.slice(16)];
    const rotatedKey = (await cli('keys', 'rotate', keyId, '--grace', '1')).printed.trim();
    expect(rotatedKey.startsWith(`${keyId}_`) && rotatedKey !== key).toBe(true);
    const listed = await cli('keys', 'list', '--json');
    expect(listed.printed).not.toContain(secret);
    const row = (JSON.parse(listed.printed) as { keys: { keyId: string }[] }).keys.find((each) => each.keyId === keyId);
    expect(row).toMatchObject({ tenant: `t-${run}`, name: 'shop', scopes: ['emails:send'], requestsPerSecond: 5 });
    expect(row).toMatchObject({ secrets: [{ until: null }, { until: expect.any(Number) }] });
    expect((await cli('keys', 'revoke', keyId)).status).toBe(0);
    expect((await cli('keys', 'list')).printed).not.toContain(keyId);
    expect((await cli('keys', 'revoke', 'pl_aaaaaaaaaaaa')).status).toBe(1);
  });
});
