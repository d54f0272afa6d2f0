import { join } from 'node:path';
import type { Environment } from '../config/environment.ts';
import { PostlaneError } from '../domain/error.ts';
import { type Exit, type GuardedProcess, startGuarded } from '../infra/guarded-process.ts';
import { LogFile } from '../infra/log-file.ts';
import type { ProcessRecords } from '../infra/process-records.ts';
import type { RunningProcess } from '../infra/provider.ts';

export interface SupervisedSpec {
  /** Unique; names the log file. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly environment: Environment;
}

export interface RestartPolicy {
  readonly delayMsMin: number;
  readonly delayMsMax: number;
  /** One that ran for so long is healthy again: its next restart waits for `delayMsMin`. */
  readonly healthyMs: number;
}

const RESTARTS: RestartPolicy = { delayMsMin: 200, delayMsMax: 10_000, healthyMs: 20_000 };

export interface SupervisorOptions {
  /** Remembers the processes, so that a next start can end what is left. */
  readonly records: ProcessRecords;
  readonly logDirectory: string;
  readonly restarts?: RestartPolicy;
  readonly tell: (line: string) => void;
  /** A process was started or is gone: `processes()` has changed. */
  readonly changed: () => void;
}

/** Doubles with every end in a row that came early, between the policy's bounds. */
export function restartDelayMs(earlyEnds: number, policy: RestartPolicy): number {
  return Math.min(policy.delayMsMax, policy.delayMsMin * 2 ** Math.min(earlyEnds, 30));
}

/** Keeps processes running: whatever ends is started again, with exponential back-off, until `stop`. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #supervised = new Map<string, Supervised>();
  #stopping: Promise<void> | undefined;

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  /** Returns when the process exists; whether it is ready is for its own health endpoint to say. */
  async start(spec: SupervisedSpec): Promise<void> {
    if (this.#stopping !== undefined) throw new PostlaneError('STOPPED', { what: `starting ${spec.name}` });
    if (this.#supervised.has(spec.name)) throw new PostlaneError('BUG', { what: `${spec.name} is started twice` });
    const supervised = new Supervised(spec, this.#options);
    this.#supervised.set(spec.name, supervised);
    await supervised.start();
  }

  /** Those that run at this moment, in the order in which they were first started. */
  processes(): readonly RunningProcess[] {
    return [...this.#supervised.values()].flatMap(({ name, pid }) => (pid === null ? [] : [{ role: name, pid }]));
  }

  /** How often in a row it has ended soon after it was started. */
  earlyEnds(name: string): number {
    return this.#supervised.get(name)?.earlyEnds ?? 0;
  }

  /** The end of a process's log, for an error message. */
  logTail(name: string): readonly string[] {
    return this.#supervised.get(name)?.logTail() ?? [];
  }

  /** SIGTERM to all at once, SIGKILL to those that are still there after `withinMs`. Idempotent. */
  stop(options: { readonly withinMs: number }): Promise<void> {
    this.#stopping ??= this.#stopAll(options.withinMs);
    return this.#stopping;
  }

  async #stopAll(withinMs: number): Promise<void> {
    const stops = [...this.#supervised.values()].map((supervised) => supervised.stop(withinMs));
    const failed = (await Promise.allSettled(stops)).find((outcome) => outcome.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }
}

/** One process: running (`#process`), waiting for its restart (`#restart`), being started, or stopped for good. */
class Supervised {
  readonly #spec: SupervisedSpec;
  readonly #options: SupervisorOptions;
  readonly #log: LogFile;
  #process: GuardedProcess | undefined;
  #restart: NodeJS.Timeout | undefined;
  #starting: Promise<void> | undefined;
  #stopped = false;
  #earlyEnds = 0;

  constructor(spec: SupervisedSpec, options: SupervisorOptions) {
    this.#spec = spec;
    this.#options = options;
    this.#log = new LogFile(join(options.logDirectory, `${spec.name}.log`));
  }

  get name(): string {
    return this.#spec.name;
  }

  get pid(): number | null {
    return this.#process?.pid ?? null;
  }

  get earlyEnds(): number {
    return this.#earlyEnds;
  }

  logTail(): readonly string[] {
    return this.#log.tail();
  }

  start(): Promise<void> {
    this.#starting = this.#launch();
    return this.#starting;
  }

  async stop(withinMs: number): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#restart);
    await this.#starting?.catch(() => undefined);
    await this.#process?.stop({ withinMs });
    this.#log.close();
  }

  async #launch(): Promise<void> {
    const process = await startGuarded({ ...this.#spec, log: this.#log, records: this.#options.records });
    this.#process = process;
    const startedAt = performance.now();
    void process.exited.then((exit) => this.#ended(exit, performance.now() - startedAt));
    this.#options.changed();
  }

  #ended(exit: Exit, livedMs: number): void {
    this.#process = undefined;
    this.#options.changed();
    if (this.#stopped) return;
    const policy = this.#options.restarts ?? RESTARTS;
    if (livedMs >= policy.healthyMs) this.#earlyEnds = 0;
    const delayMs = restartDelayMs(this.#earlyEnds, policy);
    this.#earlyEnds += 1;
    const how = exit.signal ?? `status ${exit.status}`;
    this.#options.tell(`${this.name} ended (${how}): starting it again in ${delayMs} ms`);
    this.#restart = setTimeout(() => this.#startAgain(), delayMs);
  }

  #startAgain(): void {
    this.start().catch((error: Error) => {
      this.#options.tell(`${this.name} could not be started: ${error.message}`);
      this.#ended({ status: null, signal: null }, 0);
    });
  }
}
