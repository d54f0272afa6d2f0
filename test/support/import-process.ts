import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Environment } from '../../src/config/environment.ts';
import { packageRoot } from '../../src/infra/package-root.ts';
import { until } from './until.ts';

/** `postlane import …` as a process of its own, which may be killed. */
export class ImportProcess {
  private readonly child: ChildProcess;
  private readonly exited: Promise<unknown>;
  private printed = '';
  private told = '';

  private constructor(child: ChildProcess) {
    this.child = child;
    this.exited = once(child, 'exit');
    child.stdout?.on('data', (chunk: Buffer) => {
      this.printed += chunk.toString();
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      this.told += chunk.toString();
    });
  }

  static start(args: readonly string[], environment: Environment, workingDirectory: string): ImportProcess {
    const main = join(packageRoot(), 'src', 'cli', 'main.ts');
    const env = { PATH: process.env.PATH, ...environment };
    const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe'];
    return new ImportProcess(spawn(process.execPath, [main, 'import', ...args], { cwd: workingDirectory, env, stdio }));
  }

  get pid(): number {
    return this.child.pid as number;
  }

  /** Kills it, with no chance to do anything about it, once its checkpoint knows of so many rows. */
  async killAt(rows: number, state: string, withinMs = 60_000): Promise<void> {
    const reached = async () => {
      if (this.child.exitCode !== null) throw new Error(`the import ended before it was killed: ${this.told}`);
      return (await checkpointRows(state)) >= rows;
    };
    await until(`${rows} rows to be imported`, reached, withinMs);
    this.child.kill('SIGKILL');
    await this.exited;
  }

  /** Settles when it has ended by itself. */
  async ended(): Promise<{ readonly status: number | null; readonly printed: string; readonly told: string }> {
    await this.exited;
    return { status: this.child.exitCode, printed: this.printed, told: this.told };
  }

  /** Of `using`: none outlives its test. */
  [Symbol.dispose](): void {
    this.child.kill('SIGKILL');
  }
}

/** Rows that an import has done for certain; 0 before it began. */
async function checkpointRows(state: string): Promise<number> {
  const text = await readFile(join(state, 'checkpoint.json'), 'utf8').catch(() => null);
  return text === null ? 0 : (JSON.parse(text) as { counts: { rows: number } }).counts.rows;
}
