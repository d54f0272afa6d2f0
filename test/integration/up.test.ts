import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Status } from '../../src/cli/status-file.ts';
import { environment } from '../../src/config/environment.ts';
import { packageRoot } from '../../src/infra/package-root.ts';
import { identityOf } from '../../src/infra/process-identity.ts';
import { waitFor } from '../../src/infra/wait.ts';

const MAIN = join(packageRoot(), 'src', 'cli', 'main.ts');
const START_MS = 150_000;
const END_MS = 60_000;

let dataDirectory: string;
let up: ChildProcess;
let told = '';

beforeAll(async () => {
  dataDirectory = await mkdtemp(join(tmpdir(), 'postlane-up-'));
});
afterAll(async () => {
  up?.kill('SIGKILL');
  await rm(dataDirectory, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
});

/** Starts `up`, on infrastructure of its own, and returns when it says that it stays. */
async function startUp(): Promise<void> {
  const { KAFKA_BROKERS, SCHEMA_REGISTRY_URL, REDIS_URL, ...own } = environment();
  const args = [MAIN, 'up', '--no-demo', '--infra', 'native', '--data', dataDirectory];
  up = spawn(process.execPath, args, { cwd: packageRoot(), env: own, stdio: ['ignore', 'ignore', 'pipe'] });
  told = '';
  up.stderr?.on('data', (chunk) => {
    told += chunk;
  });
  await waitFor('up to be up', () => (told.includes('Ctrl-C ends it') ? true : undefined), {
    deadlineMs: START_MS,
    hopeless: () => (up.exitCode === null ? undefined : { told }),
    diagnose: () => ({ told }),
  });
}

async function status(): Promise<Status> {
  const args = [MAIN, 'status', '--json', '--data', dataDirectory];
  return JSON.parse((await promisify(execFile)(process.execPath, args)).stdout);
}

const pidOf = async (role: string) => (await status()).processes.find((process) => process.role === role)?.pid;

const untilGone = (pids: readonly number[]) =>
  waitFor(
    'the end of all processes',
    async () => {
      const alive = await Promise.all(pids.map(identityOf));
      return alive.every((identity) => identity === undefined) ? true : undefined;
    },
    { deadlineMs: END_MS },
  );

describe('postlane up', () => {
  it(
    'starts everything, and says where',
    async () => {
      await startUp();
      const shown = await status();
      expect(Object.keys(shown)).toEqual([
        'brokers',
        'schemaRegistry',
        'redis',
        'api',
        'submission',
        'submissionCertificate',
        'metrics',
        'console',
        'simulatorSmtp',
        'simulatorJournal',
        'dkimRecords',
        'processes',
      ]);
      expect(Object.keys(shown.dkimRecords)).toContain('postlane-rsa._domainkey.shop.example');
      for (const record of Object.values(shown.dkimRecords))
        expect(record).toMatch(/^v=DKIM1; k=(rsa|ed25519); p=\S+$/);
      const roles = shown.processes.map(({ role }) => role);
      expect(roles).toEqual(expect.arrayContaining(['simulator', 'router', 'worker', 'delay', 'reputation', 'broker']));
      for (const url of shown.metrics ?? [])
        expect(await (await fetch(url)).text()).toContain('process_cpu_seconds_total');
    },
    START_MS,
  );

  it(
    'starts a killed process again',
    async () => {
      const before = Number(await pidOf('router'));
      process.kill(before, 'SIGKILL');
      const successor = await waitFor(
        'another router',
        async () => {
          const pid = await pidOf('router');
          return pid === before ? undefined : pid;
        },
        { deadlineMs: END_MS },
      );
      expect(await identityOf(successor)).toBeDefined();
    },
    END_MS,
  );

  it(
    'refuses to start twice in one directory',
    async () => {
      const args = [MAIN, 'up', '--no-demo', '--exit', '--data', dataDirectory];
      const second = promisify(execFile)(process.execPath, args);
      await expect(second).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining(`pid: ${up.pid}`) });
    },
    END_MS,
  );

  it(
    'leaves no process behind when it is killed, and starts again',
    async () => {
      const pids = (await status()).processes.map(({ pid }) => pid);
      const dkimRecords = (await status()).dkimRecords;
      up.kill('SIGKILL');
      await untilGone(pids);
      await expect(status()).rejects.toMatchObject({ code: 1 });
      await startUp();
      expect((await status()).dkimRecords).toEqual(dkimRecords);
    },
    START_MS + END_MS,
  );

  it(
    'ends in order when it is asked to, and leaves no process behind',
    async () => {
      const pids = (await status()).processes.map(({ pid }) => pid);
      const exited = once(up, 'exit');
      up.kill('SIGINT');
      expect(await exited).toEqual([0, null]);
      await untilGone(pids);
      await expect(status()).rejects.toMatchObject({ code: 1 });
      expect(told).not.toMatch(/did not stop|SIGKILL/);
    },
    END_MS,
  );
});
