import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../../src/infra/package-root.ts';

const run = promisify(execFile);

/** Installing takes some seconds; a slow registry may take minutes. */
const INSTALL_MS_MAX = 5 * 60_000;
const ERROR_LINES_MAX = 20;

/**
 * An interpreter that has the packages of a requirements file. Made once per version of Python and content of the file, and kept
 * under `.postlane`. Fails, and never skips, where Python or the packages cannot be had.
 */
export async function pythonWith(requirements: string): Promise<string> {
  const { target, python } = await placeOf(requirements);
  if (existsSync(python)) return python;
  // Made aside and moved when it is whole: an interrupted install leaves nothing that looks like one.
  const draft = `${target}.${process.pid}`;
  try {
    await must('python3', ['-m', 'venv', draft]);
    await must(join(draft, 'bin', 'python'), ['-m', 'pip', 'install', '--quiet', '--requirement', requirements]);
    await rename(draft, target).catch((error) => {
      if (!existsSync(python)) throw error;
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return python;
}

/** The same, where `npm run test:prepare` has made it: for packages that take long to install. Fails where it has not. */
export async function installedPython(requirements: string): Promise<string> {
  const { python } = await placeOf(requirements);
  if (!existsSync(python)) throw new Error(`${requirements} is not installed: npm run test:prepare`);
  return python;
}

async function placeOf(requirements: string): Promise<{ readonly target: string; readonly python: string }> {
  const version = (await must('python3', ['-c', 'import platform; print(platform.python_version())'])).trim();
  const digest = createHash('sha256')
    .update(await readFile(requirements))
    .digest('hex')
    .slice(0, 12);
  const target = join(packageRoot(), '.postlane', `python-${version}-${digest}`);
  return { target, python: join(target, 'bin', 'python') };
}

async function must(command: string, args: readonly string[]): Promise<string> {
  try {
    return (await run(command, [...args], { timeout: INSTALL_MS_MAX })).stdout;
  } catch (cause) {
    const { stderr = '' } = cause as { readonly stderr?: string };
    const tail = stderr.trimEnd().split('\n').slice(-ERROR_LINES_MAX).join('\n');
    throw new Error(`${command} ${args.join(' ')} failed\n${tail}`, { cause });
  }
}
