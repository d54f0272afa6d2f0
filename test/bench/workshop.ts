import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Environment, environment } from '../../src/config/environment.ts';
import { type GuardedProcess, startGuarded } from '../../src/infra/guarded-process.ts';
import { LogFile } from '../../src/infra/log-file.ts';
import { packageRoot } from '../../src/infra/package-root.ts';

export interface SpawnOptions {
  /** Options of Node itself. */
  readonly nodeOptions?: readonly string[];
  readonly watch?: (text: string) => void;
}

/** Where the bench keeps its files, and what starts processes that cannot outlive it. */
export class Workshop {
  readonly directory: string;
  private readonly undo: (() => Promise<void>)[] = [];
  private readonly logs = new Map<string, LogFile>();

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async open(): Promise<Workshop> {
    const workshop = new Workshop(await mkdtemp(join(tmpdir(), 'postlane-bench-')));
    await mkdir(workshop.path('state'));
    workshop.atEnd(() => rm(workshop.directory, { recursive: true, force: true, maxRetries: 3 }));
    return workshop;
  }

  /** What was measured. */
  print(line: string): void {
    process.stdout.write(`${line}\n`);
  }

  /** How far it is. */
  tell(line: string): void {
    process.stderr.write(`${line}\n`);
  }

  path(...names: string[]): string {
    return join(this.directory, ...names);
  }

  /** What is to be done when the bench ends: the last first. */
  atEnd(step: () => Promise<void>): void {
    this.undo.push(step);
  }

  async close(): Promise<void> {
    for (const step of this.undo.splice(0).reverse()) {
      await step().catch((error: unknown) => this.tell(`while ending: ${String(error)}`));
    }
  }

  /** Starts `postlane <args>`, as an operator would. */
  postlane(
    name: string,
    args: readonly string[],
    own: Environment,
    { nodeOptions = [], watch }: SpawnOptions = {},
  ): Promise<GuardedProcess> {
    const main = join(packageRoot(), 'src', 'cli', 'main.ts');
    return this.start(name, process.execPath, [...nodeOptions, main, ...args], own, watch);
  }

  /** The end of what a process printed. */
  logTail(name: string): readonly string[] {
    return this.logs.get(name)?.tail() ?? [];
  }

  async start(
    name: string,
    command: string,
    args: readonly string[],
    own: Environment = {},
    watch?: (text: string) => void,
  ): Promise<GuardedProcess> {
    const log = new LogFile(this.path('logs', `${name}.log`));
    this.logs.set(name, log);
    const started = await startGuarded({ name, command, args, environment: { ...environment(), ...own }, log, watch });
    this.atEnd(async () => {
      await started.stop({ withinMs: 40_000 });
      log.close();
    });
    return started;
  }
}
