/**
 * `npm run bench:import -- [--rows 1000000] [--routed] [--json]`: a file of so many rows is imported by a process that is killed
 * twice with SIGKILL and started again; then the log and the error file are looked through. Beside it, as the measure, a process
 * that appends jobs which are encoded already. `--routed` lets a router take everything on, and looks through the lanes as well.
 */
import { createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { loadConfig } from '../../src/config/load.ts';
import { topics } from '../../src/contracts/topic.ts';
import { HEADER_NAMES_DEFAULT } from '../../src/domain/job.ts';
import { PROVIDERS } from '../../src/domain/policy.ts';
import { openHost } from '../../src/host/host.ts';
import { Templates } from '../../src/host/templates.ts';
import type { Infra } from '../../src/infra/provider.ts';
import { waitFor } from '../../src/infra/wait.ts';
import { createKafka, type KafkaClient } from '../../src/kafka/client.ts';
import { rangesOf } from '../../src/kafka/topic-ends.ts';
import { scanTopics } from '../../src/kafka/topic-scan.ts';
import { ImportProcess } from '../support/import-process.ts';
import { startTestInfra } from '../support/infra.ts';
import { provision } from '../support/provision.ts';
import { commandLine, wholeNumber } from './command-line.ts';
import { cpuMsOf, Helper, residentBytesOf } from './processes.ts';
import { rounded } from './statistics.ts';
import { Workshop } from './workshop.ts';

const USAGE = 'npm run bench:import -- [--rows 1000000] [--routed] [--json]';
const values = commandLine(USAGE, {
  rows: { type: 'string', default: '1000000' },
  routed: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
});
const ROWS = wholeNumber('rows', values.rows, USAGE);
/** One row in a hundred is a bad one: by turns no address, too few fields, a quote that is not closed, and no UTF-8. */
const isBad = (line: number): boolean => line % 100 === 50;
const KILLED_AT = [0.3, 0.65];
const RAW_RECORDS = Math.min(ROWS, 300_000);
const SAMPLE_MS = 100;
const RUN_MS_MAX = 1_800_000;
const MEBIBYTE = 1_048_576;
const TEMPLATE = 'bench';
const IMPORT = 'bench-import';

function rowOf(line: number): Buffer {
  const good = `user${line}@inbox.example,First${line},"Last, ${line}",City ${line % 1_000},${line}\n`;
  if (!isBad(line)) return Buffer.from(good);
  switch (line % 400) {
    case 50:
      return Buffer.from(`nobody${line},F,L,C,1\n`);
    case 150:
      return Buffer.from(`user${line}@inbox.example,F\n`);
    case 250:
      return Buffer.from(`"user${line}@inbox.example,F,L,C,1\n`);
    default:
      return Buffer.from(`user${line}@inbox.example,F\xff,L,C,1\n`, 'latin1');
  }
}

async function writeRows(path: string): Promise<void> {
  const file = createWriteStream(path);
  file.write('email,first_name,last_name,city,customer\n');
  for (let line = 2; line <= ROWS + 1; line++) {
    if (!file.write(rowOf(line))) await new Promise<void>((resolve) => file.once('drain', resolve));
  }
  await new Promise<void>((resolve) => file.end(resolve));
}

/** What the topics hold of the import, by line. */
class Found {
  readonly times = new Uint8Array(ROWS + 2);
  private readonly contents = new Uint32Array(ROWS + 2);
  /** Copies that are not what the first one was, and records that belong to no line. */
  strange = 0;

  take(key: Buffer | null, value: Buffer | null): void {
    const line = Number(/^bench-import:(\d+)$/.exec(key?.toString() ?? '')?.[1] ?? Number.NaN);
    if (!(line >= 2 && line <= ROWS + 1) || isBad(line)) {
      this.strange++;
      return;
    }
    const content = crc32(value ?? '');
    if (this.times[line] !== 0 && this.contents[line] !== content) this.strange++;
    this.contents[line] = content;
    this.times[line] = Math.min(255, (this.times[line] as number) + 1);
  }

  summary() {
    let [once, more, missing] = [0, 0, 0];
    for (let line = 2; line <= ROWS + 1; line++) {
      if (isBad(line)) continue;
      const times = this.times[line] as number;
      if (times === 0) missing++;
      else if (times === 1) once++;
      else more++;
    }
    return { once, more, missing, strange: this.strange };
  }
}

async function lookThrough(kafka: KafkaClient, names: readonly string[], keyOf: 'key' | 'id'): Promise<Found> {
  const found = new Found();
  await scanTopics(kafka, {
    ranges: await rangesOf(kafka, names),
    follow: false,
    signal: new AbortController().signal,
    // A lane's key is the recipient: the id is the first field of the job, behind the schema id and its own length.
    apply: (_topic, _partition, records) => {
      for (const { key, value } of records) found.take(keyOf === 'key' ? key : idIn(value), value);
    },
  });
  return found;
}

const WIRE_HEADER_BYTES = 5;

/** The first text of an Avro record; the ids of this bench are shorter than 64 bytes. */
function idIn(value: Buffer | null): Buffer {
  const length = (value?.[WIRE_HEADER_BYTES] ?? 0) >> 1;
  return value?.subarray(WIRE_HEADER_BYTES + 1, WIRE_HEADER_BYTES + 1 + length) ?? Buffer.alloc(0);
}

const nothing = (): undefined => undefined;
const silent = { count: nothing, gauge: nothing, observe: nothing, log: nothing };

async function putTemplate(environment: Record<string, string>): Promise<void> {
  const host = await openHost(loadConfig({ env: environment }), silent, 'bench');
  const templates = await Templates.open(host, { headerNames: HEADER_NAMES_DEFAULT });
  try {
    const html = `<p>Dear {{ first_name }} {{ last_name }} of {{ city }},</p>${'<p>We have news.</p>'.repeat(100)}`;
    const fixed = { replyTo: null, text: null, unsubscribeLink: null, oneClick: false, headers: [] };
    const content = { from: 'Shop <news@shop.example>', subject: 'News for {{ first_name }}', html, ...fixed };
    await templates.put('default', TEMPLATE, content, 'bench');
  } finally {
    await templates.stop();
    await host.close();
  }
}

interface RawRate {
  readonly perSecond: number;
  readonly cpuMicrosPerJob: number;
}

/** Jobs a second of a process that does nothing but append bytes that it has; the jobs are those of the import. */
async function rawRate(infra: Infra): Promise<RawRate> {
  const settings = { brokers: infra.brokers, schemaRegistryUrl: infra.schemaRegistryUrl, template: TEMPLATE };
  const raw = await Helper.start<{ readonly count: number }, RawRate>('raw-process.ts', settings);
  try {
    await raw.ask({ count: Math.ceil(RAW_RECORDS / 10) });
    return await raw.ask({ count: RAW_RECORDS });
  } finally {
    await raw.stop();
  }
}

const directory = await mkdtemp(join(tmpdir(), 'postlane-bench-import-'));
const tell = (line: string): void => void process.stderr.write(`${line}\n`);
const infra = await startTestInfra({ own: true });
const workshop = await Workshop.open();
try {
  await provision(infra);
  const environment = {
    KAFKA_BROKERS: infra.brokers.join(','),
    SCHEMA_REGISTRY_URL: infra.schemaRegistryUrl,
    POSTLANE_STATE_DIR: join(directory, 'state'),
  };
  await putTemplate(environment);
  tell(`writing ${ROWS} rows`);
  await writeRows(join(directory, 'rows.csv'));
  tell('appending jobs that are encoded already');
  const raw = await rawRate(infra);

  const state = join(directory, `rows.csv.${IMPORT}.import`);
  let residentBytes = 0;
  let cpuMs = 0;
  const start = (): ImportProcess => {
    const args = ['rows.csv', '--template', TEMPLATE, '--id', IMPORT, '--json'];
    const started = ImportProcess.start(args, environment, directory);
    const sampling = setInterval(() => {
      residentBytes = Math.max(residentBytes, residentBytesOf(started.pid) ?? 0);
      // Between its death and this hearing of it there is nothing to read.
      if (residentBytesOf(started.pid) !== null) cpuMs = cpuMsOf(started.pid);
    }, SAMPLE_MS);
    void started.ended().then(() => clearInterval(sampling));
    return started;
  };
  for (const share of KILLED_AT) {
    using running = start();
    await running.killAt(Math.round(ROWS * share), state, RUN_MS_MAX);
    tell(`killed behind ${share * 100} % of the rows`);
  }
  using last = start();
  const { status, printed, told } = await last.ended();
  if (status !== 2) throw new Error(`the import ended with ${status}: ${told}`);
  const outcome = JSON.parse(printed) as Record<string, number>;
  tell('looking through the log');
  const kafka = await createKafka({ brokers: infra.brokers, clientId: 'postlane-bench' });
  const ingest = [topics.ingest('marketing').name];
  const log = (await lookThrough(kafka, ingest, 'key')).summary();
  const errors = (await readFile(join(state, 'errors.ndjson'), 'utf8')).trimEnd().split('\n');
  const badOnce = new Set(errors.map((line) => (JSON.parse(line) as { line: number }).line));
  const bad = Array.from({ length: ROWS }, (_, n) => n + 2).filter(isBad);
  const errorFile = {
    lines: errors.length,
    missing: bad.filter((line) => !badOnce.has(line)).length,
    strange: [...badOnce].filter((line) => !isBad(line)).length,
  };
  const routed = values.routed ? await route(kafka, environment, log.once + log.more) : null;
  const rate = outcome.perSecond as number;
  const isRight =
    log.missing + log.strange + errorFile.missing + errorFile.strange === 0 &&
    errorFile.lines === bad.length &&
    (routed === null || routed.more + routed.missing + routed.strange === 0);
  const summary = {
    rows: ROWS,
    outcome,
    log,
    errorFile,
    routed,
    residentMiB: rounded(residentBytes / MEBIBYTE, 0),
    rowsPerSecond: rate,
    cpuMicrosPerRow: rounded((cpuMs * 1_000) / (ROWS - (outcome.resumedRows as number)), 1),
    raw,
    ratio: rounded(rate / raw.perSecond, 2),
    isRight,
  };
  const lines = Object.entries(summary).map(([name, value]) => `${name}: ${JSON.stringify(value)}\n`);
  process.stdout.write(values.json ? `${JSON.stringify(summary)}\n` : lines.join(''));
  if (!isRight) process.exitCode = 1;
} finally {
  await workshop.close();
  await infra.stop();
  await rm(directory, { recursive: true, force: true, maxRetries: 3 });
}
process.exit();

/** Everything through a router, and what it let through. */
async function route(kafka: KafkaClient, environment: Record<string, string>, jobs: number) {
  tell('routing');
  await workshop.postlane('router', ['run', 'router'], environment);
  const lanes = PROVIDERS.map((provider) => topics.send({ queue: 'marketing', provider }).name);
  const held = async () => (await rangesOf(kafka, lanes)).reduce((sum, { first, end }) => sum + end - first, 0);
  let before = -1;
  // Markers of transactions count as records do: it is done when nothing more comes.
  const isDone = async () => {
    const now = await held();
    const isStill = now >= jobs && now === before;
    before = now;
    return isStill || undefined;
  };
  await waitFor('everything to be routed', isDone, { deadlineMs: RUN_MS_MAX, intervalMs: 5_000 });
  return (await lookThrough(kafka, lanes, 'id')).summary();
}
