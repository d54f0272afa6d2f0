import { randomUUID } from 'node:crypto';
import type { DeliveryResult, Suppression } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import type { EmailType } from '../../src/domain/policy.ts';
import { attempted, ending } from '../../src/domain/results.ts';
import { addEvidence, emptySuppression, recipientSubject } from '../../src/domain/suppression.ts';
import { consumeResults, type ResultHandler, type ResultsConsumer, type Undecodable } from '../../src/index.ts';
import { waitFor } from '../../src/infra/wait.ts';
import { Publisher } from '../../src/kafka/publisher.ts';
import { openRegistryCodec } from '../../src/registry/codec.ts';
import { JOB_BYTES_MAX_DEFAULT } from '../../src/registry/limits.ts';
import type { Codec } from '../../src/runtime/codec.ts';
import { aJob, anEvidence } from '../../src/testing/builders.ts';
import { runCli } from '../support/cli.ts';
import { collect } from '../support/collect.ts';
import { withInfra } from '../support/infra.ts';
import { type TestKafka, testKafka } from '../support/kafka.ts';
import { provision } from '../support/provision.ts';

const AT = Date.parse('2026-01-02T03:04:05.678Z');

describe('consuming', () => {
  const infra = withInfra({ own: true });
  let kafka: TestKafka;
  let codec: Codec;
  let publisher: Publisher;
  let run: string;
  const consumers: ResultsConsumer[] = [];

  const encoded = (type: EmailType, result: DeliveryResult) => {
    const topic = topics.results(type);
    return { topic: topic.name, key: result.jobId, value: codec.encode(topic, result) };
  };
  const resultOf = (name: string, type: EmailType = 'transactional') =>
    ending(aJob({ id: `${run}-${name}`, type }), 'sent', 1, AT, { site: 'inbox.example', smtpCode: 250, reply: 'OK' });
  const append = (names: readonly string[], type: EmailType = 'transactional') =>
    publisher.append(names.map((name) => encoded(type, resultOf(name, type))));
  const cli = (args: readonly string[], over: Parameters<typeof runCli>[1] = {}) =>
    runCli(args, {
      environment: { KAFKA_BROKERS: infra().brokers.join(','), SCHEMA_REGISTRY_URL: infra().schemaRegistryUrl },
      ...over,
    });

  /** Results of this test's jobs, by the names that it gave them; the topics may hold those of other tests. */
  const consume = async (
    group: string,
    over: Partial<Parameters<typeof consumeResults>[0]> = {},
    handler: ResultHandler = () => undefined,
  ) => {
    const names: string[] = [];
    const consumer = await consumeResults(
      { brokers: infra().brokers, schemaRegistryUrl: infra().schemaRegistryUrl, groupId: group, ...over },
      async (result, place) => {
        if (!result.jobId.startsWith(`${run}-`)) return;
        await handler(result, place);
        names.push(result.jobId.slice(run.length + 1));
      },
    );
    consumers.push(consumer);
    return { consumer, names };
  };
  const until = (what: string, holds: () => boolean) =>
    waitFor(what, async () => (holds() ? true : undefined), { deadlineMs: 60_000 });

  beforeAll(async () => {
    await provision(infra());
    kafka = await testKafka(infra().brokers);
    const encodes = [topics.results('transactional'), topics.results('marketing'), topics.suppressions];
    codec = await openRegistryCodec({ url: infra().schemaRegistryUrl, encodes, jobBytesMax: JOB_BYTES_MAX_DEFAULT });
    publisher = new Publisher({ kafka: kafka.kafka });
  }, 180_000);

  beforeEach(() => {
    run = randomUUID();
  });

  afterEach(async () => {
    await Promise.all(consumers.splice(0).map((consumer) => consumer.stop()));
  }, 60_000);

  afterAll(async () => {
    await publisher?.close();
    await kafka?.close();
  }, 60_000);

  it('hands over the results of every type, whole', async () => {
    await append(['a'], 'marketing');
    await append(['b']);
    const seen: DeliveryResult[] = [];
    const { names } = await consume(`${run}-all`, {}, (result, { topic, at }) => {
      expect(topic).toBe(`email.results.${result.type}`);
      expect(at).toBeGreaterThan(AT);
      seen.push(result);
    });
    await until('both results', () => names.length === 2);
    expect([...names].sort()).toEqual(['a', 'b']);
    expect(seen.find(({ type }) => type === 'transactional')).toEqual(resultOf('b'));
  }, 120_000);

  it('goes on where the group stopped, and repeats nothing after an orderly stop', async () => {
    await append(['a', 'b', 'c']);
    const first = await consume(`${run}-group`);
    await until('three results', () => first.names.length === 3);
    await first.consumer.stop();
    await append(['d', 'e']);
    const second = await consume(`${run}-group`);
    await until('two more', () => second.names.length === 2);
    expect([...second.names].sort()).toEqual(['d', 'e']);
  }, 120_000);

  it('shares the results between the members of a group, and loses and repeats none when one joins and one leaves', async () => {
    const group = `${run}-shared`;
    const names = Array.from({ length: 300 }, (_, n) => `job-${n}`);
    const slowly: ResultHandler = () => new Promise((resolve) => setImmediate(resolve));
    const first = await consume(group, {}, slowly);
    await append(names.slice(0, 100));
    const second = await consume(group, {}, slowly);
    await append(names.slice(100, 200));
    await until('a share for both', () => second.names.length > 0 && first.names.length > 0);
    await first.consumer.stop();
    await append(names.slice(200));
    await until('all of them', () => first.names.length + second.names.length >= names.length);
    expect([...first.names, ...second.names].sort()).toEqual([...names].sort());
  }, 120_000);

  it('begins a new group with the next result where it is told so', async () => {
    await append(['old']);
    const { names } = await consume(`${run}-new`, { fromBeginning: false });
    await append(['new']);
    await until('the new one', () => names.length > 0);
    expect(names).toEqual(['new']);
  }, 120_000);

  it('tries again with the same result where the handler throws', async () => {
    let tries = 0;
    const failures: unknown[] = [];
    await append(['a']);
    const { names } = await consume(`${run}-retry`, { onFailure: (error) => failures.push(error) }, () => {
      tries++;
      if (tries < 3) throw new Error('the database is away');
    });
    await until('the third try', () => names.length === 1);
    expect([tries, failures.length]).toEqual([3, 2]);
  }, 120_000);

  it('shows nothing of an aborted transaction, and reports what is no result', async () => {
    const transaction = await kafka.transact(`${run}-tx`, [encoded('transactional', resultOf('aborted'))]);
    await transaction.abort();
    await publisher.append([{ topic: topics.results('transactional').name, key: run, value: Buffer.from('no avro') }]);
    await append(['good']);
    const unreadable: Undecodable[] = [];
    const { names } = await consume(`${run}-poison`, {
      types: ['transactional'],
      onUndecodable: (record) => {
        if (record.key?.toString() === run) unreadable.push(record);
      },
    });
    await until('the good one and the report', () => names.length > 0 && unreadable.length > 0);
    expect(names).toEqual(['good']);
    expect(unreadable).toMatchObject([{ reason: 'bad-magic', value: Buffer.from('no avro') }]);
  }, 120_000);

  it('prints what became of mails, of all or of one job, and ends', async () => {
    await publisher.append([encoded('transactional', attempted(aJob({ id: `${run}-a` }), 1, AT, { smtpCode: 450 }))]);
    await append(['a', 'b']);
    const all = await cli(['results', '--type', 'transactional', '--json']);
    const lines = all.printed
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as DeliveryResult);
    expect(all.status).toBe(0);
    expect(
      lines
        .filter(({ jobId }) => jobId.startsWith(run))
        .map(({ jobId, kind }) => [jobId.slice(-1), kind])
        .sort(),
    ).toEqual([
      ['a', 'attempt'],
      ['a', 'ending'],
      ['b', 'ending'],
    ]);
    const one = await cli(['results', '--job', `${run}-a`]);
    expect(
      one.printed
        .trimEnd()
        .split('\n')
        .map((line) => line.split(/ {2,}/)[1]),
    ).toEqual(['attempt 1', 'sent']);
    expect(await cli(['results', '--type', 'marketing', '--job', `${run}-a`])).toMatchObject({
      status: 0,
      printed: '',
    });
  }, 120_000);

  it.each([
    [['--follow'], ['new']],
    [
      ['--follow', '--from-beginning'],
      ['old', 'new'],
    ],
  ])(
    'prints results as they come with %j, until it is interrupted',
    async (options, expected) => {
      await append(['old']);
      const stop = new AbortController();
      const names: string[] = [];
      const onPrint = (text: string) => {
        for (const line of text.trimEnd().split('\n')) {
          const { jobId } = JSON.parse(line) as DeliveryResult;
          if (jobId.startsWith(`${run}-`)) names.push(jobId.slice(run.length + 1));
        }
      };
      const printing = cli(['results', '--json', ...options], { interrupted: stop.signal, onPrint });
      // Following begins at some moment after the start; the appended result must come later than that.
      const marker = setInterval(() => void append(['marker']), 250);
      await until('a marker', () => names.includes('marker'));
      clearInterval(marker);
      await append(['new']);
      await until('the new result', () => names.includes('new'));
      stop.abort();
      expect((await printing).status).toBe(0);
      expect(names.filter((name) => name !== 'marker')).toEqual(expected);
    },
    120_000,
  );

  it('records what operators suppress and lift, under the address that every spelling of it has', async () => {
    const local = `ada.${run}`;
    const added = await cli([
      'suppressions',
      'add',
      `${local}@Inbox.EXAMPLE`,
      '--why',
      'asked by phone',
      '--who',
      'eve',
    ]);
    expect(added).toMatchObject({ status: 0, printed: '' });
    expect((await cli(['suppressions', 'remove', `${local.toUpperCase()}@inbox.example`])).status).toBe(0);
    const subject = recipientSubject(`${local}@inbox.example`);
    const found = await collect(kafka.kafka, codec, topics.reputation);
    const own = found.filter(({ record }) => record.key?.toString() === subject).map(({ value }) => value);
    expect(own).toMatchObject([
      {
        subject,
        kind: 'suppression_added',
        who: 'eve',
        why: 'asked by phone',
        tenant: '*',
        type: 'unknown',
        count: 1,
      },
      { subject, kind: 'suppression_removed', why: null },
    ]);
    expect(new Set(own.map(({ eventId }) => eventId)).size).toBe(2);
    expect(await cli(['suppressions', 'add', 'nobody'])).toMatchObject({ status: 1, printed: '' });
  }, 120_000);

  it('shows the newest row of an address, with its evidence', async () => {
    const address = `bob.${run}@inbox.example`;
    expect(await cli(['suppressions', 'show', address, '--json'])).toMatchObject({ status: 0, printed: 'null\n' });
    const subject = recipientSubject(address);
    const evidence = anEvidence({ kind: 'bounced', severity: 'hard_bounce', at: AT, class: 'invalid-recipient' });
    const row: Suppression = addEvidence(emptySuppression(subject), evidence);
    const rows = [emptySuppression(subject), row].map((value) => ({
      topic: topics.suppressions.name,
      key: subject,
      value: codec.encode(topics.suppressions, value),
    }));
    await publisher.append([
      ...rows,
      { ...rows[0], topic: topics.suppressions.name, key: `${subject}.org`, value: rows[0]?.value ?? null },
    ]);
    const shown = await cli(['suppressions', 'show', address.toUpperCase(), '--json']);
    expect(JSON.parse(shown.printed)).toEqual(row);
    expect((await cli(['suppressions', 'show', address])).printed).toContain('suppressed (hard_bounce)');
  }, 120_000);
});
