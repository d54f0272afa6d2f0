import { readdirSync, statSync } from 'node:fs';
import { startTestInfra } from '../support/infra.ts';
import { provision } from '../support/provision.ts';
import { commandLine, wholeNumber } from './command-line.ts';
import { anonymousBytesOf, Helper } from './processes.ts';
import { fillSuppressions } from './suppressions-fill.ts';
import type { Looked } from './suppressions-process.ts';
import { Workshop } from './workshop.ts';

/**
 * `npm run bench:suppressions -- [--rows N] [--json]`: a table of N suppressions in one process, as router and worker keep
 * it: restored from its topic, looked up, and opened again. Memory of its own is RssAnon of /proc/<pid>/status, four times a
 * second and without a collection that Node would not make by itself, and once more after three of them. Look-ups are timed
 * without making addresses up.
 */
const USAGE = 'npm run bench:suppressions -- [--rows 10000000] [--json]';
const values = commandLine(USAGE, {
  rows: { type: 'string', default: '10000000' },
  json: { type: 'boolean', default: false },
});
const ROWS = wholeNumber('rows', values.rows, USAGE);
const LOOK_UPS = 2_000_000;
const SAMPLE_MS = 250;
const MEBIBYTE = 1_048_576;

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
  await fillSuppressions(settings, ROWS, (line) => workshop.tell(line));
  workshop.tell('all rows are written; a process restores them');
  const first = await open(settings);
  workshop.tell(`restored in ${Math.round(first.ms)} ms; it looks rows up`);
  const looked = await first.table.ask({ rows: ROWS, lookUps: LOOK_UPS });
  if (looked.count !== ROWS) throw new Error(`${looked.count} of ${ROWS} rows were restored`);
  if (looked.found !== LOOK_UPS * 0.9) throw new Error(`${looked.found} look-ups found something`);
  const peakMiB = first.peakMiB();
  await first.table.stop();
  const storeBytes = bytesIn(settings.directory);
  workshop.tell(`looked up at ${Math.round(looked.perSecond)}/s; another process opens the store`);
  const again = await open(settings);
  await again.table.stop();
  const figures = {
    rows: ROWS,
    restoredPerSecond: Math.round(ROWS / (first.ms / 1_000)),
    lookUpsPerSecond: Math.round(looked.perSecond),
    peakAnonymousMiB: Math.round(peakMiB),
    keptAnonymousMiB: Math.round(looked.anonymousBytes / MEBIBYTE),
    longestTurnMs: Math.round(looked.longestTurnMs),
    storeBytes,
    storeBytesPerRow: Math.round(storeBytes / ROWS),
    readyAgainMs: Math.round(again.ms),
    readyAgainAnonymousMiB: Math.round(again.peakMiB()),
  };
  workshop.print(`${ROWS} suppressions (promised for 10 million)`);
  workshop.print(`  first restore         ${figures.restoredPerSecond} rows/s (at least 200,000)`);
  workshop.print(`  look-ups              ${figures.lookUpsPerSecond}/s (at least 300,000)`);
  workshop.print(`  store                 ${storeBytes} bytes, ${figures.storeBytesPerRow} per row (at most 150)`);
  workshop.print(
    `  memory of its own     ${figures.peakAnonymousMiB} MiB at most while restoring and looking up (below 250 MB),`,
  );
  workshop.print(`                        ${figures.keptAnonymousMiB} MiB behind that, once garbage was collected`);
  workshop.print(`  longest turn          ${figures.longestTurnMs} ms while restoring`);
  workshop.print(`  ready after a restart ${figures.readyAgainMs} ms (below 3,000)`);
  if (values.json) workshop.print(JSON.stringify(figures));
} finally {
  await workshop.close();
}
