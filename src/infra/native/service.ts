import { join } from 'node:path';
import type { Environment } from '../../config/environment.ts';
import { PostlaneError } from '../../domain/error.ts';
import { type GuardedProcess, startGuarded } from '../guarded-process.ts';
import { LogFile } from '../log-file.ts';
import type { ProcessRecords } from '../process-records.ts';
import type { NodeSignal } from '../provider.ts';
import { waitFor } from '../wait.ts';

const START_DEADLINE_MS = 90_000;
const STOP_DEADLINE_MS = 15_000;

export interface ServiceOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly environment: Environment;
  readonly logDirectory: string;
  readonly records: ProcessRecords;
  /** Answers true when the service takes requests. */
  readonly ready: () => Promise<boolean>;
}

/** A broker, a registry or a Redis of this machine: a process that is ready when it answers, and can be made to fail. */
export class Service {
  readonly #options: ServiceOptions;
  readonly #log: LogFile;
  #process: GuardedProcess | undefined;

  constructor(options: ServiceOptions) {
    this.#options = options;
    this.#log = new LogFile(join(options.logDirectory, `${options.name}.log`));
  }

  /** Returns when it answers. Throws INFRA_UNAVAILABLE with the tail of its log where it ends before, or never answers. */
  async start(): Promise<void> {
    const { name, ready } = this.#options;
    if (this.#process !== undefined) throw new PostlaneError('BUG', { what: `${name} is started already` });
    const started = await startGuarded({ ...this.#options, log: this.#log });
    this.#process = started;
    void started.exited.then(() => {
      if (this.#process === started) this.#process = undefined;
    });
    await waitFor(`${name} to answer`, async () => ((await ready()) ? true : undefined), {
      deadlineMs: START_DEADLINE_MS,
      failed: started.exited.then((exit) => ({ ended: exit })),
      diagnose: () => ({ log: this.#log.tail() }),
    });
  }

  async signal(signal: NodeSignal): Promise<void> {
    const { name } = this.#options;
    const running = this.#process;
    if (running === undefined) throw new PostlaneError('INFRA_UNAVAILABLE', { what: `${name} is not running` });
    running.signal(signal);
    if (signal === 'SIGKILL') await running.exited;
    if (signal === 'SIGTERM') await running.stop({ withinMs: STOP_DEADLINE_MS });
  }

  async stop(): Promise<void> {
    await this.#process?.stop({ withinMs: STOP_DEADLINE_MS });
    this.#log.close();
  }
}
