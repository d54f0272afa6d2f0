import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { environment } from '../../src/config/environment.ts';
import { packageRoot } from '../../src/infra/package-root.ts';
import { pythonWith } from './python.ts';

export interface FuzzOptions {
  readonly url: string;
  readonly key: string;
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
export async function fuzzApi({ url, key, examplesMax, timeoutMs, seed, more = [] }: FuzzOptions): Promise<FuzzReport> {
  const python = await pythonWith(FUZZ_REQUIREMENTS);
  const args = [
    ...[
      '--config-file',
      CONFIG,
      'run',
      `${url}/v1/openapi.json`,
      '--header',
      `Authorization: Bearer ${key}`,
      '--checks',
      'all',
    ],
    ...['--max-examples', String(examplesMax), '--continue-on-failure', '--no-color', '--request-timeout', '30'],
    // A busy machine makes cases slowly; that says nothing about the server.
    ...['--suppress-health-check', 'all', '--generation-database', 'none'],
    ...(seed === undefined ? [] : ['--seed', String(seed)]),
    ...more,
  ];
  const child = spawn(python, ['-m', 'schemathesis.cli', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: timeoutMs,
    cwd: tmpdir(),
    env: { ...environment(), FUZZ_HOOKS: HOOKS },
  });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      printed += chunk;
    });
  }
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, printed };
}
