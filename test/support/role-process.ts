import { join } from 'node:path';
import type { Environment } from '../../src/config/environment.ts';
import { type Exit, type GuardedProcess, startGuarded } from '../../src/infra/guarded-process.ts';
import { LogFile } from '../../src/infra/log-file.ts';
import { packageRoot } from '../../src/infra/package-root.ts';
import { waitFor } from '../../src/infra/wait.ts';

/** A machine under load may take long to start a process and to join a group. */
const READY_MS_MAX = 90_000;
const STOP_MS_MAX = 45_000;
const REQUEST_MS_MAX = 5_000;

export interface RoleOptions {
  /** Unique within a run; names the log. */
  readonly name: string;
  readonly roles: readonly string[];
  readonly config: string;
  readonly environment: Environment;
  readonly logDirectory: string;
  /** Of a worker; default: all. */
  readonly queues?: readonly string[];
}

/** `postlane run …` as a process of its own, which a test may kill, stop and continue. It cannot outlive the test. */
export class RoleProcess {
  readonly name: string;
  private readonly process: GuardedProcess;
  private readonly log: LogFile;
  private url: string | null = null;
  private gone: Exit | null = null;

  private constructor(name: string, process: GuardedProcess, log: LogFile) {
    this.name = name;
    this.process = process;
    this.log = log;
    void process.exited.then((exit) => {
      this.gone = exit;
    });
  }

  /** Settles when the process exists; see `ready`. */
  static async start(options: RoleOptions): Promise<RoleProcess> {
    const log = new LogFile(join(options.logDirectory, `${options.name}.log`));
    const args = [join(packageRoot(), 'src', 'cli', 'main.ts'), 'run', ...options.roles, '--config', options.config];
    if (options.queues) args.push('--queues', options.queues.join(','));
    let own: RoleProcess | null = null;
    let printed = '';
    const process_ = await startGuarded({
      name: options.name,
      command: process.execPath,
      args,
      environment: options.environment,
      log,
      watch: (text) => {
        if (own?.url != null) return;
        printed += text;
        const found = /"url":"(http:[^"]+)"/.exec(printed)?.[1];
        if (found !== undefined && own) own.url = found;
      },
    });
    own = new RoleProcess(options.name, process_, log);
    own.url = /"url":"(http:[^"]+)"/.exec(printed)?.[1] ?? null;
    return own;
  }

  get pid(): number {
    return this.process.pid;
  }

  /** How it ended; null while it runs. */
  get exit(): Exit | null {
    return this.gone;
  }

  /** Settles when its roles run and the broker is heard. */
  async ready(): Promise<this> {
    await waitFor(`${this.name} to be ready`, async () => ((await this.ask('/readyz')).ok ? true : undefined), {
      deadlineMs: READY_MS_MAX,
      hopeless: () => (this.gone ? { ...this.gone } : undefined),
      diagnose: () => ({ log: this.log.tail() }),
    });
    return this;
  }

  /** Its metric summed over every series whose labels hold all that is given; 0 where there is none yet. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    const text = await (await this.ask('/metrics')).text();
    const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
    return text
      .split('\n')
      .filter((line) => line.startsWith(`${name}{`) && wanted.every((pair) => line.includes(pair)))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }

  signal(signal: NodeJS.Signals): void {
    this.process.signal(signal);
  }

  /** Ends it as a crash would. */
  async kill(): Promise<Exit> {
    this.process.signal('SIGKILL');
    return this.died();
  }

  /** Settles when it is gone, whoever ended it. */
  async died(deadlineMs = READY_MS_MAX): Promise<Exit> {
    return waitFor(`the end of ${this.name}`, () => this.gone ?? undefined, {
      deadlineMs,
      intervalMs: 20,
      diagnose: () => ({ log: this.log.tail() }),
    });
  }

  /** SIGTERM, and no patience without end. Idempotent. */
  async stop(): Promise<Exit> {
    const exit = await this.process.stop({ withinMs: STOP_MS_MAX });
    this.log.close();
    return exit;
  }

  /** Of `await using`: none outlives its test, also where the test fails. One that is suspended cannot stop by itself. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  logTail(lines = 15): readonly string[] {
    return this.log.tail(lines);
  }

  private ask(path: string): Promise<Response> {
    if (this.url === null) return Promise.reject(new Error(`${this.name} has not said where it listens`));
    return fetch(new URL(path, this.url), { signal: AbortSignal.timeout(REQUEST_MS_MAX) });
  }
}
