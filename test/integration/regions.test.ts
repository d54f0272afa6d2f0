import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDelay } from '../../processors/delay/main.ts';
import { startRouter } from '../../processors/router/main.ts';
import { startWorkers } from '../../processors/worker/main.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { DeliveryResult } from '../../src/contracts/generated.ts';
import { namesIn } from '../../src/contracts/region.ts';
import { topics } from '../../src/contracts/topic.ts';
import { identitySubject } from '../../src/domain/identity.ts';
import { type Host, type Hosted, openHost } from '../../src/host/host.ts';
import { consumeResults, createPublisher, type EmailJobInput, type ResultsConsumer } from '../../src/index.ts';
import { waitFor } from '../../src/infra/wait.ts';
import { createKafka } from '../../src/kafka/client.ts';
import { Publisher } from '../../src/kafka/publisher.ts';
import { rangesOf } from '../../src/kafka/topic-ends.ts';
import { scanTopics } from '../../src/kafka/topic-scan.ts';
import { aJob } from '../../src/testing/builders.ts';
import { type Simulator, startSimulator } from '../../src/testing/simulator/index.ts';
import { runCli } from '../support/cli.ts';
import { withInfra } from '../support/infra.ts';
import { silentTelemetry } from '../support/kafka.ts';

const REGIONS = ['eu', 'us'] as const;
type RegionName = (typeof REGIONS)[number];
const WAIT_MS_MAX = 60_000;

const configuration = (port: Readonly<Record<RegionName, number>>): string => `
regions: { eu: { residency: strict }, us: { residency: prefer, heeds: [eu] } }
relay: { tls: none }
sources:
${REGIONS.flatMap((at) =>
  ['tx', 'nt', 'mk'].map((kind) => `  ${kind}-${at}: { region: ${at}, host: 127.0.0.1, port: ${port[at]}, tls: none }`),
).join('\n')}
pools:
  transactional: { sources: [tx-us, tx-eu] }
  notification: { sources: [nt-us, nt-eu] }
  marketing: { sources: [mk-us, mk-eu] }
senders: { mode: lenient, domains: [{ name: shop.example }] }
`;

const jobOf = (id: string, region?: RegionName): EmailJobInput => ({
  id,
  type: 'transactional',
  recipient: `${id}@inbox.example`,
  payload: { from: 'a@shop.example', subject: `Subject of ${id}`, text: `Body of ${id}` },
  ...(region && { region }),
});

describe('two regions in one cluster', () => {
  const infra = withInfra();
  const simulators = new Map<RegionName, Simulator>();
  const hosts = new Map<RegionName, Host>();
  const roles: Hosted[] = [];
  const consumers: ResultsConsumer[] = [];
  const results = new Map<RegionName, DeliveryResult[]>(REGIONS.map((at) => [at, []]));
  let directory: string;
  let file: string;

  const environment = () => ({
    KAFKA_BROKERS: infra().brokers.join(','),
    SCHEMA_REGISTRY_URL: infra().schemaRegistryUrl,
    POSTLANE_STATE_DIR: join(directory, 'state'),
    POSTLANE_KAFKA_SESSION_TIMEOUT: '6s',
  });
  const cli = (...args: readonly string[]) =>
    runCli([...args, '--config', file], { environment: environment(), workingDirectory: directory });
  const inRegion = <M extends Map<RegionName, unknown>>(map: M, at: RegionName) =>
    map.get(at) as M extends Map<RegionName, infer V> ? V : never;
  const ended = (at: RegionName, id: string) =>
    waitFor(`an ending of ${id} in ${at}`, () => inRegion(results, at).find((one) => one.jobId === id && one.ending), {
      deadlineMs: WAIT_MS_MAX,
    });

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'postlane-regions-'));
    for (const at of REGIONS) simulators.set(at, await startSimulator());
    file = join(directory, 'postlane.yaml');
    const port = { eu: inRegion(simulators, 'eu').smtpPort, us: inRegion(simulators, 'us').smtpPort };
    await writeFile(file, configuration(port));
    for (const what of ['topics', 'schemas']) expect(await cli(what, 'apply')).toMatchObject({ status: 0 });
    await Promise.all(
      REGIONS.map(async (at) => {
        const config = loadConfig({ path: file, env: { ...environment(), POSTLANE_REGION: at } });
        const host = await openHost(config, silentTelemetry, 'regions-test');
        hosts.set(at, host);
        roles.push(await startRouter(host), await startDelay(host), await startWorkers(host, ['transactional']));
        const { brokers, schemaRegistryUrl } = infra();
        const options = { brokers, schemaRegistryUrl, region: at, groupId: 'applications', types: ['transactional'] };
        consumers.push(
          await consumeResults(options as Parameters<typeof consumeResults>[0], (result) => {
            inRegion(results, at).push(result);
          }),
        );
      }),
    );
  }, 180_000);

  afterAll(async () => {
    await Promise.all(consumers.map((consumer) => consumer.stop()));
    await Promise.all(roles.map((role) => role.stop()));
    await Promise.all([...hosts.values()].map((host) => host.close()));
    await Promise.all([...simulators.values()].map((simulator) => simulator.stop()));
    await rm(directory, { recursive: true, force: true, maxRetries: 3 });
  }, 60_000);

  it('keep what each is given, from its ingest to its results, and refuse what is the other one’s', async () => {
    const { brokers, schemaRegistryUrl } = infra();
    for (const at of REGIONS) {
      const publisher = await createPublisher({ brokers, schemaRegistryUrl, region: at });
      await publisher.publish(jobOf(`of-${at}`));
      await publisher.publish(jobOf(`of-${at}-by-name`, at));
      const other = jobOf(`refused-in-${at}`, at === 'eu' ? 'us' : 'eu');
      await expect(publisher.publish(other)).rejects.toMatchObject({ facts: { problem: 'other-region' } });
      await publisher.close();
      for (const id of [`of-${at}`, `of-${at}-by-name`]) expect(await ended(at, id)).toMatchObject({ ending: 'sent' });
      const journal = inRegion(simulators, at).journal();
      expect(journal.map(({ jobId }) => jobId).sort()).toEqual([`of-${at}`, `of-${at}-by-name`]);
    }
    const where = await topicsWith(['of-eu@', 'Body of of-eu', 'of-us@', 'Body of of-us', 'refused-in-']);
    expect(where.get('refused-in-')).toEqual([]);
    for (const at of REGIONS) {
      for (const mark of [`of-${at}@`, `Body of of-${at}`]) {
        expect(where.get(mark)).toContain(`email-${at}.ingest.transactional`);
        expect(where.get(mark)?.filter((name) => !name.startsWith(`email-${at}.`))).toEqual([]);
      }
    }
  }, 120_000);

  it('end what was written into the wrong one as a dead letter there, which no hand moves elsewhere', async () => {
    const host = inRegion(hosts, 'us');
    const publisher = new Publisher({ kafka: host.kafka });
    const job = aJob({ id: 'astray', recipient: 'astray@inbox.example', region: 'eu' });
    const topic = topics.ingest('transactional');
    await publisher.append([{ topic: topic.name, key: job.id, value: host.codec.encode(topic, job) }]);
    await publisher.close();
    expect(await ended('us', 'astray')).toMatchObject({ ending: 'dead_lettered', reason: expect.stringMatching(/eu/) });
    const listed = await cli('dead-letters', 'list', '--job', 'astray', '--region', 'us');
    expect(listed.printed).toMatch(/other-region/);
    expect((await cli('--region=eu', 'dead-letters', 'list', '--job', 'astray')).printed).toBe('');
    const again = await cli('dead-letters', 'requeue', '--job', 'astray', '--region', 'us');
    expect(again.printed).toMatch(/would be refused again: other-region/);
    const where = await topicsWith(['astray@']);
    expect(where.get('astray@')?.filter((name) => !name.startsWith('email-us.'))).toEqual([]);
    for (const simulator of simulators.values()) {
      expect(simulator.journal().filter(({ jobId }) => jobId === 'astray')).toEqual([]);
    }
  }, 120_000);

  it('heed what the other one’s sender is regarded as, and nothing else of it', async () => {
    const subject = identitySubject('domain', 'shop.example', 'other');
    const { kafka, codec } = inRegion(hosts, 'eu');
    const value = {
      subject,
      score: 0.1,
      action: 'throttle',
      at: Date.now(),
      figures: '',
      ruleVersion: '',
      changes: [],
    };
    const publisher = new Publisher({ kafka });
    await publisher.append([{ topic: topics.scores.name, key: subject, value: codec.encode(topics.scores, value) }]);
    await publisher.close();
    const { brokers, schemaRegistryUrl } = infra();
    const jobs = await createPublisher({ brokers, schemaRegistryUrl, region: 'us' });
    let tries = 0;
    await waitFor(
      'a mail of us that is throttled',
      async () => {
        const id = `heeding-${++tries}`;
        await jobs.publish({ ...jobOf(id), type: 'marketing' });
        const where = (await topicsWith(['heeding-'])).get('heeding-');
        return where?.includes('email-us.send.marketing-throttled.other') ? true : undefined;
      },
      { deadlineMs: WAIT_MS_MAX },
    );
    await jobs.close();
  }, 90_000);

  it('are told apart by commands, which want to know which one is meant', async () => {
    const unsaid = await cli('trace', 'of-eu');
    expect([unsaid.status, unsaid.told.join('\n')]).toEqual([1, expect.stringMatching(/--region.*eu, us/s)]);
    const unknown = await cli('trace', 'of-eu', '--region', 'ue');
    expect(unknown.told.join('\n')).toMatch(/did you mean "eu"/);
    expect((await cli('trace', 'of-eu', '--region', 'eu')).printed).toMatch(/of-eu@inbox.example/);
    expect((await cli('trace', 'of-eu', '--region', 'us')).printed).not.toMatch(/of-eu@inbox.example/);
  }, 60_000);

  /** Topics of whatever name, of all that the cluster has of ours, in whose records the marks are. */
  async function topicsWith(marks: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
    const kafka = await createKafka({ brokers: infra().brokers, clientId: 'postlane-test' });
    const admin = kafka.admin();
    await admin.connect();
    const names = (await admin.listTopics()).filter((name) => /^email[.-]/.test(name));
    await admin.disconnect();
    // Nothing is made up: the names are those that the code would write to.
    for (const at of REGIONS) expect(names).toContain(namesIn(at).topic(topics.deadLetters.name));
    const found = new Map<string, Set<string>>(marks.map((mark) => [mark, new Set()]));
    await scanTopics(kafka, {
      ranges: await rangesOf(kafka, names),
      follow: false,
      signal: new AbortController().signal,
      apply: (name, _, records) => {
        for (const { key, value, headers } of records) {
          const bytes = Buffer.concat([key ?? Buffer.alloc(0), value ?? Buffer.alloc(0)]);
          const text = JSON.stringify(headers);
          for (const mark of marks) if (bytes.includes(mark) || text.includes(mark)) found.get(mark)?.add(name);
        }
      },
    });
    return new Map([...found].map(([mark, where]) => [mark, [...where].sort()]));
  }
});
