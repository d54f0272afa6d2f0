import { deepStrictEqual } from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { topics } from '../../src/contracts/topic.ts';
import { createKafka } from '../../src/kafka/client.ts';
import { Publisher } from '../../src/kafka/publisher.ts';
import { openRegistryCodec } from '../../src/registry/codec.ts';
import { JOB_BYTES_MAX_DEFAULT } from '../../src/registry/limits.ts';
import type { LogRecord } from '../../src/runtime/ports.ts';
import { startTestInfra } from '../support/infra.ts';
import { provision } from '../support/provision.ts';
import { commandLine, wholeNumber } from './command-line.ts';
import { anonymousBytesOf, Helper } from './processes.ts';
import { foldedRow, rowsLike } from './suppression-rows.ts';
import type { Looked } from './suppressions-process.ts';
import { Workshop } from './workshop.ts';

/**
 * `npm run bench:suppressions -- [--rows N] [--json]`: a table of N suppressions in one process, as router and worker keep
 * it: restored from its topic, looked up, and opened again.
 */
const USAGE = 'npm run bench:suppressions -- [--rows 10000000] [--json]';
const values = commandLine(USAGE, {
  rows: { type: 'string', default: '10000000' },
  json: { type: 'boolean', default: false },
});
const ROWS = wholeNumber('rows', values.rows, USAGE);
const LOOK_UPS = 2_000_000;
const APPEND_AT_ONCE = 5_000;
const QUEUED_BYTES_MAX = 32_000_000;
const SAMPLE_MS = 250;
const MEBIBYTE = 1_048_576;

async function fill(workshop: Workshop, brokers: readonly string[], registryUrl: string): Promise<void> {
  const codec = await openRegistryCodec({
    url: registryUrl,
    encodes: [topics.suppressions],
    jobBytesMax: JOB_BYTES_MAX_DEFAULT,
  });
  const publisher = new Publisher({
    kafka: await createKafka({ brokers, clientId: 'postlane-bench-fill' }),
    queuedBytesMax: QUEUED_BYTES_MAX,
  });
  const now = Date.now();
  const rowOf = rowsLike(now);
  for (const n of [0, 1, 7_654_321]) deepStrictEqual(rowOf(n), foldedRow(n, now));
  const startedAt = performance.now();
  const underWay = new Set<Promise<unknown>>();
  for (let n = 0; n < ROWS; ) {
    const records: LogRecord[] = [];
    for (const end = Math.min(ROWS, n + APPEND_AT_ONCE); n < end; n++) {
      const row = rowOf(n);
      records.push({
        topic: topics.suppressions.name,
        key: row.subject,
        value: codec.encode(topics.suppressions, row),
      });
    }
    const appending = publisher.append(records).finally(() => underWay.delete(appending));
    underWay.add(appending);
    if (underWay.size >= 4) await Promise.race(underWay);
    if (n % 500_000 === 0) {
      const rate = Math.round(n / ((performance.now() - startedAt) / 1_000));
      workshop.tell(`${n} of ${ROWS} rows written, ${rate}/s`);
    }
  }
  await Promise.all(underWay);
  await publisher.close();
}

const bytesIn = (directory: string): number =>
  readdirSync(directory).reduce((sum, name) => sum + statSync(`${directory}/${name}`).size, 0);

type Table = Helper<{ rows: number; lookUps: number }, Looked>;

/** Starts the process that keeps the table; settles when it is ready, with the most memory of its own that it had. */
async function open(settings: object): Promise<{ table: Table; ms: number; peakMiB: () => number }> {
  const startedAt = performance.now();
  let peakBytes = 0;
  const starting = Helper.start<{ rows: number; lookUps: number }, Looked>(
    'suppressions-process.ts',
    settings,
    (pid) => {
      const sampling = setInterval(() => {
        try {
          peakBytes = Math.max(peakBytes, anonymousBytesOf(pid));
        } catch {
          clearInterval(sampling);
        }
      }, SAMPLE_MS);
      sampling.unref();
    },
  );
  const table = await starting;
  return { table, ms: performance.now() - startedAt, peakMiB: () => peakBytes / MEBIBYTE };
}

const workshop = await Workshop.open();
try {
  const infra = await startTestInfra({ own: true, dataDirectory: workshop.path('infra') });
  workshop.atEnd(() => infra.stop());
  await provision(infra);
  const settings = {
    brokers: infra.brokers,
    registryUrl: infra.schemaRegistryUrl,
    directory: workshop.path('table'),
  };
  await fill(workshop, infra.brokers, infra.schemaRegistryUrl);
  const first = await open(settings);
  const looked = await first.table.ask({ rows: ROWS, lookUps: LOOK_UPS });
  if (looked.count !== ROWS) throw new Error(`${looked.count} of ${ROWS} rows were restored`);
  if (looked.found !== LOOK_UPS * 0.9) throw new Error(`${looked.found} look-ups found something`);
  const peakMiB = first.peakMiB();
  await first.table.stop();
  const storeBytes = bytesIn(settings.directory);
  const again = await open(settings);
  await again.table.stop();
  const figures = {
    rows: ROWS,
    restoredPerSecond: Math.round(ROWS / (first.ms / 1_000)),
    lookUpsPerSecond: Math.round(looked.perSecond),
    peakAnonymousMiB: Math.round(peakMiB),
    storeBytes,
    storeBytesPerRow: Math.round(storeBytes / ROWS),
    readyAgainMs: Math.round(again.ms),
    readyAgainAnonymousMiB: Math.round(again.peakMiB()),
  };
  workshop.print(`${ROWS} suppressions (promised for 10 million)`);
  workshop.print(`  first restore         ${figures.restoredPerSecond} rows/s (at least 200,000)`);
  workshop.print(`  look-ups              ${figures.lookUpsPerSecond}/s (at least 300,000)`);
  workshop.print(`  store                 ${storeBytes} bytes, ${figures.storeBytesPerRow} per row (at most 150)`);
  workshop.print(`  memory of its own     ${figures.peakAnonymousMiB} MiB at most (below 250 MB)`);
  workshop.print(`  ready after a restart ${figures.readyAgainMs} ms (below 3,000)`);
  if (values.json) workshop.print(JSON.stringify(figures));
} finally {
  await workshop.close();
}
