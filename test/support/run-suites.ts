import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { Infra } from '../../src/infra/provider.ts';
import { LANES_VARIABLE, type LaneAddresses } from './lanes.ts';

/**
 * The test commands: `fast` needs no services and takes under a minute; `all` starts some sets of broker, registry and Redis,
 * and runs everything and the short faults over them, side by side; `long` runs what takes minutes for each suite; `chaos` runs all faults, and `chaos --minutes N --seed S` those of every
 * kind in random order for so long. Ends with one line `N passed, N failed, N skipped`; a step that is no Jest suite (lint,
 * types) counts as one test. A suite that cannot run fails: nothing is skipped for want of a service.
 */
interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

interface Step {
  readonly name: string;
  readonly command: readonly string[];
  readonly jest: boolean;
}

const which = process.argv[2] ?? 'all';
const { values, positionals: passedOn } = parseArgs({
  args: process.argv.slice(3),
  allowPositionals: true,
  options: { minutes: { type: 'string' }, seed: { type: 'string' }, testNamePattern: { type: 'string', short: 't' } },
});
const stormMinutes = Number(values.minutes ?? 0);
if (values.testNamePattern !== undefined) passedOn.push('-t', values.testNamePattern);
const storm = {
  ...(values.minutes === undefined ? {} : { POSTLANE_STORM_MINUTES: values.minutes }),
  ...(values.seed === undefined ? {} : { POSTLANE_STORM_SEED: values.seed }),
};

const root = path.resolve(import.meta.dirname, '../..');
const node = process.execPath;

/**
 * Suites that need services run side by side, each lane over a broker, registry and Redis of its own. They wait for time to pass
 * (sessions that end, retries that are due) more than they reckon: three keep two processors busy, where there is room for them.
 */
const LANES = os.totalmem() >= 12 * 2 ** 30 ? 3 : 2;

const tool = (name: string, ...command: string[]): Step => ({ name, command, jest: false });
const suite = (name: string, workers: number, ...folders: string[]): Step => ({
  name,
  jest: true,
  command: [
    node,
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    'node_modules/jest/bin/jest.js',
    ...folders.map((folder) => `test/${folder}`),
    `--maxWorkers=${workers}`,
    '--passWithNoTests=false',
  ],
});

/** What the types were when they were last checked: only what changed is checked again. */
const TYPES_CACHE = '.postlane/types.tsbuildinfo';
const STATIC: readonly Step[] = [
  tool('lint', 'node_modules/.bin/biome', 'check', '.'),
  tool('import law', node, 'test/support/import-law.ts'),
  tool('types', node, 'node_modules/typescript/bin/tsc', '--noEmit', '--incremental', '--tsBuildInfoFile', TYPES_CACHE),
  tool('contracts are current', node, 'src/contracts/generate.ts', '--check'),
];
const UNITS: readonly Step[] = [suite('unit and flow', 3, 'unit/', 'flow/', 'issues/', 'replay/')];
const PREPARE: readonly Step[] = [tool('prepare', node, 'test/support/prepare.ts')];
const SERVICES: readonly Step[] = [
  suite('contract, integration and short faults', LANES, 'contract/', 'integration/', 'chaos/faults.test'),
];
const CHAOS: readonly Step[] = [suite('faults', 1, 'chaos/')];
const LONG: readonly Step[] = [suite('long', 1, 'long/')];
const STORM: readonly Step[] = [suite('storm', 1, 'storm/')];

/** No step may hang the run. */
const STEP_MS_MAX = 20 * 60_000;

/** A step that runs beside others is `quiet` until its end, and tells all of it then. */
async function run(step: Step, environment: Readonly<Record<string, string>>, quiet = false): Promise<Counts> {
  if (!quiet) console.log(`\n== ${step.name}`);
  const scratch = mkdtempSync(path.join(os.tmpdir(), 'postlane-suites-'));
  const report = path.join(scratch, 'report.json');
  const [command = '', ...given] = step.command;
  const args = step.jest ? [...given, '--json', `--outputFile=${report}`, ...passedOn] : given;
  const child = spawn(command, args, {
    cwd: root,
    stdio: quiet ? ['ignore', 'pipe', 'pipe'] : 'inherit',
    env: { ...process.env, NODE_ENV: 'test', ...storm, ...environment },
  });
  const told: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => told.push(chunk));
  const timer = setTimeout(() => child.kill('SIGKILL'), STEP_MS_MAX + stormMinutes * 60_000);
  const code = await new Promise<number>((resolve) => child.once('close', (status) => resolve(status ?? 1)));
  clearTimeout(timer);
  if (quiet) console.log(`\n== ${step.name}\n${Buffer.concat(told).toString()}`);
  const counts = step.jest ? countsIn(report) : { passed: 0, failed: 0, skipped: 0 };
  rmSync(scratch, { recursive: true, force: true });
  if (!step.jest) counts[code === 0 ? 'passed' : 'failed']++;
  // A suite that died, or failed outside of any test, has failed all the same.
  else if (code !== 0 && counts.failed === 0) counts.failed++;
  return counts;
}

async function inTurn(steps: readonly Step[], quiet: boolean): Promise<void> {
  for (const step of steps) add(sum, await run(step, {}, quiet));
}

function countsIn(report: string): Counts {
  try {
    const read = JSON.parse(readFileSync(report, 'utf8'));
    return {
      passed: read.numPassedTests,
      failed: read.numFailedTests,
      skipped: read.numPendingTests + read.numTodoTests,
    };
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

async function withServices(steps: readonly Step[], lanes: number, sum: Counts): Promise<void> {
  const { startTestInfra } = await import('./infra.ts');
  // What the environment names is one for all: suites that share a broker go one after the other.
  const given = process.env.KAFKA_BROKERS !== undefined;
  const infras: Infra[] = [];
  try {
    // One after the other: two that look for free ports at once may find the same.
    while (infras.length < (given ? 1 : lanes)) infras.push(await startTestInfra({}));
    const environment = { [LANES_VARIABLE]: JSON.stringify(infras.map(addressesOf)) };
    for (const step of steps) add(sum, await run(given ? inOneLane(step) : step, environment));
  } finally {
    for (const infra of infras) await infra.stop();
  }
}

const addressesOf = ({ brokers, schemaRegistryUrl, redisUrl }: Infra): LaneAddresses => ({
  KAFKA_BROKERS: brokers.join(','),
  SCHEMA_REGISTRY_URL: schemaRegistryUrl,
  ...(redisUrl === null ? {} : { REDIS_URL: redisUrl }),
});

const inOneLane = (step: Step): Step => ({
  ...step,
  command: step.command.map((word) => (word.startsWith('--maxWorkers=') ? '--maxWorkers=1' : word)),
});

function add(sum: Counts, counts: Counts): void {
  sum.passed += counts.passed;
  sum.failed += counts.failed;
  sum.skipped += counts.skipped;
}

const sum: Counts = { passed: 0, failed: 0, skipped: 0 };
const startedAt = Date.now();
if (which === 'fast' || which === 'all') {
  // Types keep one processor busy, downloads none, and units wait for nobody: together they take less than one after the other.
  await Promise.all([inTurn(UNITS, false), inTurn(which === 'all' ? [...STATIC, ...PREPARE] : STATIC, true)]);
}
if (which === 'all') await withServices(SERVICES, LANES, sum);
if (which === 'long') await withServices([...PREPARE, ...LONG], 1, sum);
if (which === 'chaos') await withServices(stormMinutes > 0 ? STORM : CHAOS, 1, sum);
console.log(`\n${which}: ${Math.round((Date.now() - startedAt) / 1000)} s`);
console.log(`${sum.passed} passed, ${sum.failed} failed${sum.skipped > 0 ? `, ${sum.skipped} skipped` : ''}`);
process.exitCode = sum.failed > 0 ? 1 : 0;
