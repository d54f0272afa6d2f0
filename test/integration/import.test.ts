import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { startRouter } from '../../processors/router/main.ts';
import { loadConfig } from '../../src/config/load.ts';
import { topics } from '../../src/contracts/topic.ts';
import { HEADER_NAMES_DEFAULT } from '../../src/domain/job.ts';
import { emptySuppression, recipientSubject } from '../../src/domain/suppression.ts';
import { type Host, type Hosted, openHost } from '../../src/host/host.ts';
import { Templates } from '../../src/host/templates.ts';
import { waitFor } from '../../src/infra/wait.ts';
import { Publisher } from '../../src/kafka/publisher.ts';
import { rangesOf } from '../../src/kafka/topic-ends.ts';
import { runCli } from '../support/cli.ts';
import { collect } from '../support/collect.ts';
import { ImportProcess } from '../support/import-process.ts';
import { withInfra } from '../support/infra.ts';
import { silentTelemetry } from '../support/kafka.ts';
import { provision } from '../support/provision.ts';

const ROWS = 8_000;
const isBad = (line: number): boolean => line % 100 === 50;

describe('an import', () => {
  let directory: string;
  let host: Host;
  let router: Hosted | undefined;
  let templates: Templates;
  // Before the infrastructure's own: members leave their groups while there is a broker.
  afterAll(async () => {
    await templates?.stop();
    await router?.stop();
    await host?.close();
    if (directory) await rm(directory, { recursive: true, force: true, maxRetries: 3 });
  }, 60_000);
  const infra = withInfra();
  const run = randomUUID().slice(0, 8);

  const environment = () => ({
    KAFKA_BROKERS: infra().brokers.join(','),
    SCHEMA_REGISTRY_URL: infra().schemaRegistryUrl,
    POSTLANE_STATE_DIR: join(directory, 'state'),
    POSTLANE_KAFKA_SESSION_TIMEOUT: '6s',
  });
  const postlane = (...args: string[]) => runCli(args, { environment: environment(), workingDirectory: directory });
  const jobsOf = async (importId: string) =>
    (await collect(host.kafka, host.codec, topics.ingest('marketing'))).filter(({ value }) =>
      value.id.startsWith(`${importId}:`),
    );

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'postlane-import-'));
    await provision(infra());
    host = await openHost(loadConfig({ env: environment() }), silentTelemetry, 'test-import');
    templates = await Templates.open(host, { headerNames: HEADER_NAMES_DEFAULT });
    const content = {
      from: 'The Shop <news@shop.example>',
      replyTo: null,
      subject: 'News for {{ first_name }}',
      html: '<p>Dear {{ first_name }}, we have news.</p>',
      text: null,
      unsubscribeLink: null,
      oneClick: false,
      headers: [],
    };
    expect(await templates.put('default', `spring-${run}`, content, 'test')).toMatchObject({ kind: 'put' });
  }, 120_000);

  it('that is killed twice has every good row in the pipeline once, and every bad one in the error file once', async () => {
    const lines = Array.from({ length: ROWS }, (_, n) => {
      const line = n + 2;
      if (!isBad(line)) return `user-${line}@inbox.example,"Ada, ${line}"`;
      return line % 200 === 50 ? `nobody-${line},Ada` : `"unclosed-${line}@inbox.example,Ada`;
    });
    await writeFile(join(directory, 'recipients.csv'), `Email,First Name\n${lines.join('\n')}\n`);
    const state = join(directory, `recipients.csv.killed-${run}.import`);
    const args = ['recipients.csv', '--template', `spring-${run}`, '--campaign', `killed-${run}`, '--json'];
    const start = (...more: string[]) => ImportProcess.start([...args, ...more], environment(), directory);
    for (const rows of [ROWS / 5, ROWS / 2]) {
      using process = start('--rate', '2500');
      await process.killAt(rows, state);
    }
    using last = start();
    const { status, printed, told } = await last.ended();
    expect({ status, told }).toMatchObject({ status: 2 });
    const bad = lines.map((_, n) => n + 2).filter(isBad);
    const summary = JSON.parse(printed) as { importId: string; resumedRows: number };
    expect(summary).toMatchObject({ rows: ROWS, published: ROWS - bad.length, refused: bad.length, isDone: true });
    expect(summary.resumedRows).toBeGreaterThanOrEqual(ROWS / 2);

    const errors = (await readFile(join(state, 'errors.ndjson'), 'utf8')).trim().split('\n');
    expect(errors.map((line) => (JSON.parse(line) as { line: number }).line)).toEqual(bad);

    // What is twice in the log is the same, so that the router tells it.
    const jobs = await jobsOf(summary.importId);
    const contents = new Map<string, string>();
    for (const { value } of jobs) {
      const content = JSON.stringify(value);
      expect(contents.get(value.id) ?? content).toBe(content);
      contents.set(value.id, content);
    }
    const good = lines.map((_, n) => n + 2).filter((line) => !isBad(line));
    const idOf = (line: number) => `${summary.importId}:${line}`;
    expect([...contents.keys()].sort()).toEqual(good.map(idOf).sort());
    expect(JSON.parse(contents.get(idOf(2)) ?? '')).toMatchObject({
      recipient: 'user-2@inbox.example',
      templateId: `spring-${run}`,
      templateVersion: 1,
      mergeData: [{ name: 'first_name', value: 'Ada, 2' }],
      campaign: `killed-${run}`,
    });

    router = await startRouter(host);
    const lane = topics.send({ queue: 'marketing', provider: 'other' });
    const routed = async () =>
      (await collect(host.kafka, host.codec, lane)).map(({ value }) => value.id).filter((id) => contents.has(id));
    // Where the lane ends is asked for little; what it holds, only once it may be all.
    const mayBeAll = async () =>
      (await rangesOf(host.kafka, [lane.name])).reduce((sum, { first, end }) => sum + end - first, 0) >= good.length;
    const isRouted = async () => ((await mayBeAll()) && (await routed()).length >= good.length) || undefined;
    await waitFor('all to be routed', isRouted, { deadlineMs: 90_000, intervalMs: 500 });
    expect((await routed()).sort()).toEqual(good.map(idOf).sort());
  }, 180_000);

  it('once done, is not done again, and goes on only as it was begun', async () => {
    await writeFile(join(directory, 'few.csv'), 'email,first_name\na@inbox.example,A\nb@inbox.example,B\n');
    const importing = (...more: string[]) =>
      postlane('import', 'few.csv', '--template', `spring-${run}`, '--campaign', `few-${run}`, '--json', ...more);
    const first = await importing();
    expect(first.status).toBe(0);
    const { importId } = JSON.parse(first.printed) as { importId: string };
    expect((await importing()).told.join()).toContain('was imported at');
    expect(await jobsOf(importId)).toHaveLength(2);
    const otherwise = await importing('--tag', 'other');
    expect(otherwise.status).toBe(1);
    expect(otherwise.told.join('\n')).toContain('tags');
    await writeFile(join(directory, 'few.csv'), 'email,first_name\na@inbox.example,A\n');
    expect((await importing()).told.join('\n')).toContain('the file has changed since');
  }, 60_000);

  it('with a key column sends what is new in a changed file, from NDJSON, packed or not', async () => {
    const rows = (count: number) =>
      Array.from({ length: count }, (_, n) =>
        JSON.stringify({ mail: `k${n}@inbox.example`, first_name: 'A', customer: n }),
      ).join('\n');
    const importing = (file: string) =>
      postlane(
        'import',
        file,
        '--template',
        `spring-${run}`,
        '--id',
        `keyed-${run}`,
        '--key',
        'customer',
        '--map',
        'recipient=mail',
      );
    await writeFile(join(directory, 'one.ndjson'), rows(2));
    expect((await importing('one.ndjson')).status).toBe(0);
    await writeFile(join(directory, 'two.ndjson.gz'), gzipSync(rows(3)));
    expect((await importing('two.ndjson.gz')).status).toBe(0);
    const jobs = await jobsOf(`keyed-${run}`);
    expect(jobs.map(({ value }) => value.id).sort()).toEqual([0, 0, 1, 1, 2].map((n) => `keyed-${run}:${n}`));
  }, 60_000);

  it('shows in a dry run what it would do, and does nothing', async () => {
    const suppressed = `gone-${run}@inbox.example`;
    const row = {
      ...emptySuppression(recipientSubject(suppressed)),
      active: true,
      severity: 'manual' as const,
    };
    const publisher = new Publisher({ kafka: host.kafka });
    const value = host.codec.encode(topics.suppressions, row);
    await publisher.append([{ topic: topics.suppressions.name, key: row.subject, value }]);
    await publisher.close();
    const rows = ['ada@inbox.example;<Ada>', `${suppressed};G`, 'nobody;N', 'without@inbox.example;'];
    await writeFile(join(directory, 'dry.csv'), `E-Mail;Vorname\n${rows.join('\n')}\n`);
    const args = [
      'import',
      'dry.csv',
      '--template',
      `spring-${run}`,
      '--id',
      `dry-${run}`,
      '--map',
      'first_name=Vorname',
      '--dry-run',
    ];
    const { status, printed } = await postlane(...args, '--json');
    expect(status).toBe(2);
    expect(JSON.parse(printed)).toMatchObject({
      rows: 4,
      good: 2,
      suppressed: 1,
      refused: 2,
      problems: { 'recipient-invalid': 1, 'variable-missing': 1 },
      mails: [
        {
          to: 'ada@inbox.example',
          from: 'The Shop <news@shop.example>',
          subject: 'News for <Ada>',
          html: '<p>Dear &lt;Ada&gt;, we have news.</p>',
        },
        { to: suppressed },
      ],
    });
    expect((await postlane(...args)).printed).toContain(
      '4 rows: 2 would be published, 2 refused; of those published 1 would end suppressed',
    );
    expect(await jobsOf(`dry-${run}`)).toEqual([]);
  }, 60_000);

  it('says what is wrong before it does anything', async () => {
    await writeFile(join(directory, 'ok.csv'), 'email,first_name\na@inbox.example,A\n');
    const told = async (...args: string[]) => (await postlane('import', 'ok.csv', ...args)).told.join('\n');
    const template = ['--template', `spring-${run}`];
    expect(await told('--template', 'none')).toContain('there is no such template');
    expect(await told(...template, '--map', 'nmae=first_name')).toContain('mapped to what there is not');
    expect(await told(...template, '--map', 'recipient=mail')).toContain('the file has no such column');
    expect(await told()).toContain('nothing says what the mails are');
    expect(await told(...template, '--send-at', 'tomorrow')).toContain('a time with its zone is expected');
    expect(await told(...template, '--encoding', 'klingon')).toContain('nobody knows this encoding');
  }, 60_000);
});
