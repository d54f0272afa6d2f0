import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { environment } from '../../src/config/environment.ts';
import { packageRoot } from '../../src/infra/package-root.ts';
import { pythonWith } from './python.ts';

export interface FuzzOptions {
  readonly url: string;
  /** Of tenants that must not see what is another's. */
  readonly keys: readonly [string, string];
  /** Cases per operation and phase. */
  readonly examplesMax: number;
  readonly timeoutMs: number;
  readonly seed?: number;
  /** Further arguments. */
  readonly more?: readonly string[];
}

export interface FuzzReport {
  /** 0: nothing was found. */
  readonly status: number | null;
  readonly printed: string;
}

export const FUZZ_REQUIREMENTS = join(packageRoot(), 'test', 'fuzz', 'requirements.txt');

const CONFIG = join(packageRoot(), 'test', 'fuzz', 'schemathesis.toml');
/** Named in the configuration. */
const HOOKS = join(packageRoot(), 'test', 'fuzz', 'hooks.py');

/** Runs schemathesis over the document that a server serves, with every check that it has. */
export async function fuzzApi({
  url,
  keys,
  examplesMax,
  timeoutMs,
  seed,
  more = [],
}: FuzzOptions): Promise<FuzzReport> {
  const python = await pythonWith(FUZZ_REQUIREMENTS);
  const args = [
    ...['--config-file', CONFIG, 'run', `${url}/v1/openapi.json`, '--checks', 'all'],
    ...['--max-examples', String(examplesMax), '--continue-on-failure', '--no-color', '--request-timeout', '30'],
    // A busy machine makes cases slowly; that says nothing about the server.
    ...['--suppress-health-check', 'all', '--generation-database', 'none'],
    ...(seed === undefined ? [] : ['--seed', String(seed)]),
    ...more,
  ];
  const directory = await mkdtemp(join(tmpdir(), 'postlane-fuzz-'));
  const auth = join(directory, 'auth.json');
  await writeFile(auth, JSON.stringify(authOf(keys)));
  const child = spawn(python, ['-m', 'schemathesis.cli', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: timeoutMs,
    cwd: tmpdir(),
    env: { ...environment(), FUZZ_HOOKS: HOOKS, FUZZ_AUTH: auth },
  });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      printed += chunk;
    });
  }
  const [status] = (await once(child, 'close')) as [number | null];
  await rm(directory, { recursive: true, force: true });
  return { status, printed };
}

/** Callers as Web Fuzzing Commons writes them down; the configuration names them. */
const authOf = (keys: readonly string[]) => ({
  auth: keys.map((key, n) => ({
    name: `tenant ${n + 1}`,
    fixedHeaders: [{ name: 'Authorization', value: `Bearer ${key}` }],
  })),
});
