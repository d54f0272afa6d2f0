import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { environment } from '../../src/config/environment.ts';
import { type GuardedOptions, startGuarded } from '../../src/infra/guarded-process.ts';
import { LogFile } from '../../src/infra/log-file.ts';
import { claim } from '../../src/infra/ownership.ts';
import { freePort, rememberedPorts } from '../../src/infra/ports.ts';
import { identityOf } from '../../src/infra/process-identity.ts';
import { ProcessRecords } from '../../src/infra/process-records.ts';
import { waitFor } from '../../src/infra/wait.ts';

// Processes start slowly on a busy machine.
jest.setTimeout(60_000);

const DEADLINE_MS = 10_000;
let directory: string;
let log: LogFile;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'postlane-processes-'));
  log = new LogFile(join(directory, 'process.log'));
});
afterEach(async () => {
  log.close();
  await rm(directory, { recursive: true, force: true, maxRetries: 3 });
});

const printed = () => readFileSync(log.path, 'utf8');
const untilPrinted = (text: string) =>
  waitFor(`"${text}"`, () => (printed().includes(text) ? true : undefined), { deadlineMs: DEADLINE_MS });
const untilGone = (pid: number) =>
  waitFor(`the end of ${pid}`, async () => ((await identityOf(pid)) === undefined ? true : undefined), {
    deadlineMs: DEADLINE_MS,
  });

/** A program in JavaScript under a guard. */
const guarded = (program: string, options: Partial<GuardedOptions> = {}) =>
  startGuarded({
    name: 'program',
    command: process.execPath,
    args: ['-e', program],
    environment: environment(),
    log,
    ...options,
  });
const STAYS = "setInterval(() => undefined, 1_000); console.log('ready');";

describe('a guarded process', () => {
  it('is known by its own number, and both its outputs are kept', async () => {
    const program = await guarded("console.log('pid ' + process.pid); console.error('and errors')");
    expect(await program.exited).toEqual({ status: 0, signal: null });
    expect(printed()).toContain(`pid ${program.pid}\n`);
    expect(printed()).toContain('and errors\n');
  });

  it.each([
    ['process.exit(7)', { status: 7, signal: null }],
    ["process.kill(process.pid, 'SIGKILL')", { status: null, signal: 'SIGKILL' }],
  ])('ends as %s', async (text, exit) => {
    expect(await (await guarded(text)).exited).toEqual(exit);
  });

  it('exits with 127 where the command does not exist', async () => {
    const program = await guarded('', { command: 'no-such-command-anywhere' });
    expect(await program.exited).toEqual({ status: 127, signal: null });
  });

  it('is asked before it is killed', async () => {
    const program = await guarded(`process.on('SIGTERM', () => { console.log('bye'); process.exit(0); }); ${STAYS}`);
    await untilPrinted('ready');
    expect(await program.stop({ withinMs: DEADLINE_MS })).toEqual({ status: 0, signal: null });
    expect(printed()).toContain('bye');
    expect(program.signal('SIGTERM')).toBe(false);
  });

  it('is killed, with what it started, where it does not listen', async () => {
    const child = `require('node:child_process').spawn(process.execPath, ['-e', "console.log('child ' + process.pid); setInterval(() => 0, 1000)"], { stdio: 'inherit' });`;
    const program = await guarded(`${child} process.on('SIGTERM', () => undefined); ${STAYS}`);
    await untilPrinted('ready');
    await untilPrinted('child ');
    const childPid = Number(/child (\d+)/.exec(printed())?.[1]);
    await program.stop({ withinMs: 100 });
    await untilGone(program.pid);
    await untilGone(childPid);
  });

  it('can be stopped while it is suspended', async () => {
    const program = await guarded(STAYS);
    await untilPrinted('ready');
    program.signal('SIGSTOP');
    expect(await program.stop({ withinMs: DEADLINE_MS })).toEqual({ status: null, signal: 'SIGTERM' });
  });

  it('ends when its owner is killed', async () => {
    const owner = await startOwner(directory);
    expect(await identityOf(owner.pid)).toBeDefined();
    owner.process.kill('SIGKILL');
    await untilGone(owner.pid);
  });
});

/** A process that guards another, and tells its number. */
async function startOwner(dataDirectory: string): Promise<{ process: ChildProcess; pid: number }> {
  const source = new URL('../../src/infra/', import.meta.url).href;
  const script = join(dataDirectory, 'owner.mts');
  await writeFile(
    script,
    `import { startGuarded } from '${source}guarded-process.ts';
     import { LogFile } from '${source}log-file.ts';
     import { ProcessRecords } from '${source}process-records.ts';
     const records = await ProcessRecords.claim(${JSON.stringify(dataDirectory)});
     const guarded = await startGuarded({ name: 'sleeper', command: 'sleep', args: ['600'], environment: process.env,
       log: new LogFile(${JSON.stringify(join(dataDirectory, 'sleeper.log'))}), records });
     console.log(guarded.pid);
     setInterval(() => undefined, 1_000);`,
  );
  const owner = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [chunk] = (await once(owner.stdout, 'data')) as [Buffer];
  return { process: owner, pid: Number(chunk.toString()) };
}

describe('process records', () => {
  const recordPath = (name: string) => join(directory, 'processes', `${name}.json`);

  it('name a process while it runs, and not after', async () => {
    const records = await ProcessRecords.claim(directory);
    const program = await guarded(STAYS, { records });
    expect(JSON.parse(await readFile(recordPath('program'), 'utf8'))).toMatchObject({ pid: program.pid });
    await program.stop({ withinMs: DEADLINE_MS });
    expect(await readdir(join(directory, 'processes'))).toEqual([]);
    await records.release();
    expect(await readdir(directory)).not.toContain('owner');
  });

  /** Neither owner nor guard survived: a process that is nobody's, and its record. */
  async function orphan(change: (record: Record<string, unknown>) => Record<string, unknown>) {
    const sleeper = spawn('sleep', ['600'], { stdio: 'ignore' });
    const pid = Number(sleeper.pid);
    const identity = await identityOf(pid);
    await mkdir(join(directory, 'processes'), { recursive: true });
    const record = change({ pid, startedAt: identity?.startedAt, program: 'sleep' });
    await writeFile(recordPath('sleeper'), JSON.stringify(record));
    return { sleeper, exited: once(sleeper, 'exit') };
  }

  it('let the next owner end what an earlier one left', async () => {
    const { exited } = await orphan((record) => record);
    const records = await ProcessRecords.claim(directory);
    expect((await exited)[1]).toBe('SIGKILL');
    expect(await readdir(join(directory, 'processes'))).toEqual([]);
    await records.release();
  });

  it.each([
    ['start time', { startedAt: 'another boot/1' }],
    ['program', { program: 'java' }],
  ])('spare a process that has the number and another %s', async (_, difference) => {
    const { sleeper, exited } = await orphan((record) => ({ ...record, ...difference }));
    const records = await ProcessRecords.claim(directory);
    expect(await identityOf(Number(sleeper.pid))).toBeDefined();
    sleeper.kill('SIGTERM');
    expect((await exited)[1]).toBe('SIGTERM');
    await records.release();
  });

  it.each(['', '{"pid":', '{"pid":-1,"startedAt":"x","program":""}', 'null'])(
    'that a crash cut short (%j) hurt nobody',
    async (text) => {
      await mkdir(join(directory, 'processes'), { recursive: true });
      await writeFile(recordPath('sleeper'), text);
      const records = await ProcessRecords.claim(directory);
      await records.release();
    },
  );

  it('have one owner, until it dies', async () => {
    const owner = await startOwner(directory);
    await expect(ProcessRecords.claim(directory)).rejects.toMatchObject({
      code: 'INFRA_UNAVAILABLE',
      facts: { pid: owner.process.pid },
    });
    owner.process.kill('SIGKILL');
    await once(owner.process, 'exit');
    await (await ProcessRecords.claim(directory)).release();
    await untilGone(owner.pid);
  });
});

describe('claim', () => {
  it('gives a file to one of many who ask at once', async () => {
    const path = join(directory, 'lock');
    const answers = await Promise.all(Array.from({ length: 20 }, () => claim(path)));
    expect(answers.filter((owner) => owner === undefined)).toHaveLength(1);
  });

  it.each(['', JSON.stringify({ pid: process.pid, startedAt: 'another boot/1', program: '' })])(
    'gives it to one also where a dead owner left %j',
    async (stale) => {
      const path = join(directory, 'lock');
      await writeFile(path, stale);
      const answers = await Promise.all(Array.from({ length: 20 }, () => claim(path)));
      expect(answers.filter((owner) => owner === undefined)).toHaveLength(1);
      expect((await readdir(directory)).filter((file) => file.startsWith('lock.'))).toEqual([]);
    },
  );
});

describe('a log file', () => {
  it('keeps at most twice its bound, and the end of what was written', () => {
    const bounded = new LogFile(join(directory, 'bounded.log'), 1_000);
    for (let line = 0; line < 200; line++) bounded.append(`line ${line}\n`);
    const sizes = ['', '.1'].map((suffix) => readFileSync(`${bounded.path}${suffix}`).length);
    for (const size of sizes) expect(size).toBeLessThanOrEqual(1_000);
    expect(bounded.tail(2)).toEqual(['line 198', 'line 199']);
    bounded.close();
    bounded.append('after the end'); // the last words of a process: not an error
    expect(bounded.tail(1)).toEqual(['line 199']);
  });

  it('goes on where an earlier run ended', () => {
    const path = join(directory, 'again.log');
    for (const line of ['first\n', 'second\n']) {
      const opened = new LogFile(path, 1_000);
      opened.append(line);
      opened.close();
    }
    expect(readFileSync(path, 'utf8')).toBe('first\nsecond\n');
  });
});

describe('remembered ports', () => {
  it('stay the same while they are free, and give way where they are not', async () => {
    const file = join(directory, 'ports.json');
    const first = await rememberedPorts(file, ['a', 'b']);
    expect(first.a).not.toBe(first.b);
    expect(await rememberedPorts(file, ['b', 'a'])).toEqual(first);
    const squatter = createServer().listen(first.a, '127.0.0.1');
    await once(squatter, 'listening');
    const second = await rememberedPorts(file, ['a', 'b', 'c']);
    expect(second.a).not.toBe(first.a);
    expect(second.b).toBe(first.b);
    expect(new Set([second.a, second.b, second.c]).size).toBe(3);
    squatter.close();
  });

  it('survive a file that a crash cut short', async () => {
    const file = join(directory, 'ports.json');
    await writeFile(file, '{"a": 1');
    expect((await rememberedPorts(file, ['a'])).a).toBeGreaterThan(1_024);
  });

  it('lie where no outgoing connection takes its local port', async () => {
    for (let draw = 0; draw < 20; draw++) expect(await freePort()).toBeLessThan(32_768);
  });
});
