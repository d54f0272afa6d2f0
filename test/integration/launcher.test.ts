import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { packageRoot } from '../../src/infra/package-root.ts';
import { listens, parseAddress } from '../../src/infra/probes.ts';

// Processes start slowly on a busy machine.
jest.setTimeout(60_000);

const LAUNCHER = join(packageRoot(), 'bin', 'postlane.cjs');
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'postlane-launcher-'));
  // Loaded before the launcher: makes it believe that an old Node reads it.
  const text = "Object.defineProperty(process.versions, 'node', { value: '18.20.0' });";
  await writeFile(join(directory, 'old-node.cjs'), text);
});
afterAll(() => rm(directory, { recursive: true, force: true }));

interface Launch {
  readonly old: boolean;
  readonly launcher?: string;
  readonly workingDirectory?: string;
}

function launch(args: readonly string[], options: Launch) {
  const preload = options.old ? ['--require', join(directory, 'old-node.cjs')] : [];
  // What this run keeps compiled is none of the launcher's business.
  const { NODE_COMPILE_CACHE, ...env } = process.env;
  const cwd = options.workingDirectory ?? directory;
  const child = spawn(process.execPath, [...preload, options.launcher ?? LAUNCHER, ...args], { cwd, env });
  const seen = { output: '', errors: '' };
  child.stdout.on('data', (chunk) => {
    seen.output += chunk;
  });
  child.stderr.on('data', (chunk) => {
    seen.errors += chunk;
  });
  return { child, seen, closed: once(child, 'close') as Promise<[number | null, string | null]> };
}

describe('the launcher', () => {
  it.each([
    ['this Node, where it is new enough', false],
    ['the packaged one, where it is not', true],
  ])('runs on %s', async (_, old) => {
    const { seen, closed } = launch(['--version'], { old });
    expect(await closed).toEqual([0, null]);
    const { version } = JSON.parse(await readFile(join(packageRoot(), 'package.json'), 'utf8'));
    expect(seen).toEqual({ output: `${version}\n`, errors: '' });
  });

  it.each([
    ['this Node', false],
    ['the packaged one', true],
  ])('keeps what %s has compiled where `up` keeps its things, and makes no such place', async (_, old) => {
    const used = await mkdtemp(join(directory, 'used-'));
    const fresh = await mkdtemp(join(directory, 'fresh-'));
    await mkdir(join(used, '.postlane'));
    for (const workingDirectory of [used, fresh]) {
      expect(await launch(['--version'], { old, workingDirectory }).closed).toEqual([0, null]);
    }
    expect(await readdir(join(used, '.postlane', 'compiled'))).toHaveLength(1);
    expect(await readdir(fresh)).toEqual([]);
  });

  it('ends as what it runs ends', async () => {
    const { seen, closed } = launch(['no-such-command'], { old: true });
    expect(await closed).toEqual([1, null]);
    expect(seen.errors).toContain("unknown command 'no-such-command'");
  });

  it.each(['SIGTERM', 'SIGHUP'] as const)('passes %s on', async (signal) => {
    const { child, seen, closed } = launch(['simulator', '--smtp-port', '0', '--http-port', '0'], { old: true });
    while (!seen.output.includes('\n')) await once(child.stdout, 'data');
    const address = parseAddress((JSON.parse(seen.output) as { smtp: string }).smtp);
    expect(address && (await listens(address))).toBe(true);
    child.kill(signal);
    await closed;
    expect(address && (await listens(address))).toBe(false);
  });

  it('says what is missing where no Node is new enough', async () => {
    const lonely = join(directory, 'bin', 'postlane.cjs');
    await mkdir(join(directory, 'bin'));
    await copyFile(LAUNCHER, lonely);
    const { seen, closed } = launch(['--version'], { old: true, launcher: lonely });
    expect(await closed).toEqual([69, null]);
    expect(seen.errors).toBe('postlane: needs Node 22.22 or newer; this is 18.20.0\n');
  });
});
