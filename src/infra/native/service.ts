import { join } from 'node:path';
import type { Environment } from '../../config/environment.ts';
import { PostlaneError } from '../../domain/error.ts';
import { type Exit, type GuardedProcess, startGuarded } from '../guarded-process.ts';
import { LogFile } from '../log-file.ts';
import type { ProcessRecords } from '../process-records.ts';
import type { NodeSignal, Progress } from '../provider.ts';
import { waitFor } from '../wait.ts';

const START_DEADLINE_MS = 90_000;
const STOP_DEADLINE_MS = 15_000;
const STABLE_MS = 30_000;
/** One that ends so often within `STABLE_MS` of its start has a lasting trouble: it stays down, with its log. */
const EARLY_ENDS_MAX = 3;

export interface ServiceOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly environment: Environment;
  readonly logDirectory: string;
  readonly records: ProcessRecords;
  readonly progress: Progress;
  /** Answers true when the service takes requests. */
  readonly ready: () => Promise<boolean>;
}

/**
 * A broker, a registry or a Redis of this machine: a process that is up when it answers. Where somebody else ends it, it is
 * started again; where we did, it stays down until `start`.
 */
export class Service {
  readonly #options: ServiceOptions;
  readonly #log: LogFile;
  #process: GuardedProcess | undefined;
  #starting: Promise<void> | undefined;
  #startedAt = 0;
  #earlyEnds = 0;
  /** Whether it is meant to run. */
  #wanted = false;

  constructor(options: ServiceOptions) {
    this.#options = options;
    this.#log = new LogFile(join(options.logDirectory, `${options.name}.log`));
  }

  get name(): string {
    return this.#options.name;
  }

  /** `null` while it is down. */
  get pid(): number | null {
    return this.#process?.pid ?? null;
  }

  /** Returns when it answers. Throws INFRA_UNAVAILABLE with the tail of its log where it ends before, or never answers. */
  async start(): Promise<void> {
    const { name } = this.#options;
    if (this.#process !== undefined) throw new PostlaneError('BUG', { what: `${name} is started already` });
    this.#wanted = true;
    this.#starting ??= this.#launch();
    try {
      await this.#starting;
    } finally {
      this.#starting = undefined;
    }
  }

  async signal(signal: NodeSignal): Promise<void> {
    const running = this.#process;
    if (running === undefined) {
      throw new PostlaneError('INFRA_UNAVAILABLE', { what: `${this.#options.name} is not running` });
    }
    if (signal === 'SIGKILL' || signal === 'SIGTERM') this.#wanted = false;
    running.signal(signal);
    if (signal === 'SIGKILL') await running.exited;
    if (signal === 'SIGTERM') await running.stop({ withinMs: STOP_DEADLINE_MS });
  }

  async stop(): Promise<void> {
    this.#wanted = false;
    await this.#process?.stop({ withinMs: STOP_DEADLINE_MS });
    await this.#starting?.catch(() => undefined);
    this.#log.close();
  }

  async #launch(): Promise<void> {
    const { name, ready } = this.#options;
    const started = await startGuarded({ ...this.#options, log: this.#log });
    if (!this.#wanted) {
      await started.stop({ withinMs: STOP_DEADLINE_MS });
      throw new PostlaneError('STOPPED', { what: `${name} was stopped while it started` });
    }
    this.#process = started;
    this.#startedAt = performance.now();
    let exit: Exit | undefined;
    void started.exited.then((seen) => {
      exit = seen;
      this.#ended(started);
    });
    await waitFor(`${name} to answer`, async () => ((await ready()) ? true : undefined), {
      deadlineMs: START_DEADLINE_MS,
      hopeless: () => exit && { ended: exit },
      diagnose: () => ({ log: this.#log.tail() }),
    });
  }

  #ended(process: GuardedProcess): void {
    if (this.#process === process) this.#process = undefined;
    if (!this.#wanted || this.#starting !== undefined) return; // we ended it, or whoever starts it is told
    const { name, progress } = this.#options;
    this.#earlyEnds = performance.now() - this.#startedAt < STABLE_MS ? this.#earlyEnds + 1 : 0;
    if (this.#earlyEnds > EARLY_ENDS_MAX) {
      progress(`${name} keeps ending: it stays down; its log is ${this.#log.path}`);
      return;
    }
    progress(`${name} ended: starting it again`);
    this.start().catch((error: Error) => progress(`${name} did not come back: ${error.message}`));
  }
}
