import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { restartDelayMs, Supervisor } from '../../src/cli/supervisor.ts';
import { environment } from '../../src/config/environment.ts';
import { identityOf } from '../../src/infra/process-identity.ts';
import { ProcessRecords } from '../../src/infra/process-records.ts';
import { waitFor } from '../../src/infra/wait.ts';

// Processes start slowly on a busy machine.
jest.setTimeout(60_000);

const DEADLINE_MS = 15_000;
const RESTARTS = { delayMsMin: 10, delayMsMax: 40, healthyMs: 60_000 };

let directory: string;
let records: ProcessRecords;
let told: string[];
let changes: number;
let supervisor: Supervisor;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'postlane-supervisor-'));
  records = await ProcessRecords.claim(directory);
  told = [];
  changes = 0;
  supervisor = new Supervisor({
    records,
    logDirectory: join(directory, 'logs'),
    restarts: RESTARTS,
    tell: (line) => told.push(line),
    changed: () => {
      changes += 1;
    },
  });
});
afterEach(async () => {
  await supervisor.stop({ withinMs: 1_000 });
  await records.release();
  await rm(directory, { recursive: true, force: true, maxRetries: 3 });
});

const start = (name: string, program: string) =>
  supervisor.start({ name, command: process.execPath, args: ['-e', program], environment: environment() });
const STAYS = "setInterval(() => undefined, 1_000); console.log('ready');";
const until = <T>(what: string, probe: () => Promise<T | undefined> | T | undefined) =>
  waitFor(what, probe, { deadlineMs: DEADLINE_MS, intervalMs: 10 });
const pidOf = (name: string) => supervisor.processes().find(({ role }) => role === name)?.pid;
const logOf = (name: string) => readFile(join(directory, 'logs', `${name}.log`), 'utf8');

describe('a supervisor', () => {
  it('shows what runs, and keeps what it prints', async () => {
    await start('router', STAYS);
    await start('worker', STAYS);
    expect(supervisor.processes().map(({ role }) => role)).toEqual(['router', 'worker']);
    for (const { pid } of supervisor.processes()) expect(await identityOf(pid)).toBeDefined();
    await until('what it prints', async () => ((await logOf('worker')).includes('ready') ? true : undefined));
    expect(changes).toBe(2);
  });

  it('starts a killed process again, and leaves the others alone', async () => {
    await start('router', STAYS);
    await start('worker', STAYS);
    const [router, worker] = [pidOf('router'), Number(pidOf('worker'))];
    process.kill(worker, 'SIGKILL');
    const successor = await until('its successor', () => {
      const pid = pidOf('worker');
      return pid === worker ? undefined : pid;
    });
    expect(await identityOf(successor)).toBeDefined();
    expect(pidOf('router')).toBe(router);
    expect(told).toEqual(['worker ended (SIGKILL): starting it again in 10 ms']);
  });

  it('waits longer each time for one that keeps ending', async () => {
    await start('worker', 'process.exit(3)');
    await until('five ends', () => (told.length >= 5 ? true : undefined));
    const delays = told.slice(0, 5).map((line) => /\(status 3\): starting it again in (\d+) ms/.exec(line)?.[1]);
    expect(delays).toEqual(['10', '20', '40', '40', '40']);
  });

  it('stops all of them in order, and starts nothing any more', async () => {
    const polite = `process.on('SIGTERM', () => { console.log('drained'); process.exit(0); }); ${STAYS}`;
    await start('router', polite);
    await start('worker', `process.on('SIGTERM', () => undefined); ${STAYS}`);
    const pids = supervisor.processes().map(({ pid }) => pid);
    await until('both', async () => ((await logOf('router')) && (await logOf('worker')) ? true : undefined));
    await supervisor.stop({ withinMs: 500 });
    expect(await logOf('router')).toContain('drained');
    // One that was killed takes a moment to be gone.
    const left = async () => (await Promise.all(pids.map(identityOf))).filter((found) => found !== undefined);
    await until('the last of them to be gone', async () => ((await left()).length === 0 ? true : undefined));
    expect(supervisor.processes()).toEqual([]);
    await expect(start('delay', STAYS)).rejects.toMatchObject({ code: 'STOPPED' });
    expect(told).toEqual([]);
  });

  it('stops one that waits for its restart', async () => {
    await start('worker', 'process.exit(3)');
    await until('its first end', () => (told.length > 0 ? true : undefined));
    await supervisor.stop({ withinMs: 1_000 });
    const endsBefore = told.length;
    // Another one under the same policy shows when the first would have been started again.
    const others: string[] = [];
    const control = new Supervisor({
      records,
      logDirectory: join(directory, 'logs'),
      restarts: RESTARTS,
      tell: (line) => others.push(line),
      changed: () => undefined,
    });
    const args = ['-e', 'process.exit(3)'];
    await control.start({ name: 'control', command: process.execPath, args, environment: environment() });
    await until('its restarts', () => (others.length >= 3 ? true : undefined));
    await control.stop({ withinMs: 1_000 });
    expect(supervisor.processes()).toEqual([]);
    expect(told).toHaveLength(endsBefore);
  });
});

describe('restartDelayMs', () => {
  it('doubles up to its bound, also after very many ends', () => {
    const delays = [0, 1, 2, 3, 10_000].map((ends) => restartDelayMs(ends, RESTARTS));
    expect(delays).toEqual([10, 20, 40, 40, 40]);
  });
});
