import { extname } from 'node:path';
import { type ResourceLimits, Worker } from 'node:worker_threads';
import { PostlaneError } from '../../src/domain/error.ts';
import type { Stoppable, Telemetry } from '../../src/runtime/ports.ts';
import type { FollowReport, FollowRequest, FollowTask } from './follow-thread.ts';

/** Some fetches of at most 512 KB each, several times over while they are decoded, and room. */
const LIMITS: ResourceLimits = { maxYoungGenerationSizeMb: 64, maxOldGenerationSizeMb: 256 };
/** A thread that does not end by itself within this time is ended: its store is a cache. */
const STOP_MS_MAX = 5_000;

/** The thread that follows trails, seen from the thread that asks it. */
export class FollowThread implements Stoppable {
  /** Settles when it has ended without being asked to. */
  readonly dead: Promise<Error>;
  private readonly worker: Worker;
  private readonly exited: Promise<void>;
  private readonly waiting = new Map<number, (isCurrent: boolean) => void>();
  private asked = 0;
  private state: 'runs' | 'stops' | 'ended' = 'runs';

  private constructor(task: FollowTask, telemetry: Telemetry, caughtUp: () => void) {
    const file = new URL(`./follow-thread${extname(import.meta.filename)}`, import.meta.url);
    this.worker = new Worker(file, { workerData: task, resourceLimits: LIMITS, name: 'trails' });
    let cause: unknown = null;
    this.worker.on('error', (error) => {
      cause = error;
    });
    this.worker.on('message', (report: FollowReport) => this.heard(report, telemetry, caughtUp));
    const { promise: dead, resolve: died } = Promise.withResolvers<Error>();
    this.dead = dead;
    this.exited = new Promise((resolve) => {
      this.worker.on('exit', () => {
        if (this.state === 'runs')
          died(new PostlaneError('STOPPED', { what: 'the thread of trails ended' }, { cause }));
        this.state = 'ended';
        for (const settle of this.waiting.values()) settle(false);
        this.waiting.clear();
        resolve();
      });
    });
  }

  /** Settles when it has caught up; throws what it ended of before. */
  static async start(task: FollowTask, telemetry: Telemetry): Promise<FollowThread> {
    const { promise: caughtUp, resolve } = Promise.withResolvers<null>();
    const thread = new FollowThread(task, telemetry, () => resolve(null));
    const failure = await Promise.race([caughtUp, thread.dead]);
    if (failure !== null) throw failure;
    return thread;
  }

  /** True once every job that the log had accepted before the call can be read; false after `withinMs`, or where it has ended. */
  current(withinMs: number): Promise<boolean> {
    if (this.state !== 'runs') return Promise.resolve(false);
    const asked = ++this.asked;
    return new Promise((resolve) => {
      // The thread may be busy or stuck: the bound is kept here.
      const timer = setTimeout(() => settle(false), withinMs);
      const settle = (isCurrent: boolean): void => {
        clearTimeout(timer);
        this.waiting.delete(asked);
        resolve(isCurrent);
      };
      this.waiting.set(asked, settle);
      this.ask({ kind: 'current', asked, withinMs });
    });
  }

  /** Idempotent, and bounded. */
  async stop(): Promise<void> {
    if (this.state === 'runs') {
      this.state = 'stops';
      this.ask({ kind: 'stop' });
    }
    for (const settle of this.waiting.values()) settle(false);
    const timer = setTimeout(() => void this.worker.terminate(), STOP_MS_MAX);
    await this.exited;
    clearTimeout(timer);
  }

  private ask(request: FollowRequest): void {
    this.worker.postMessage(request);
  }

  private heard(report: FollowReport, telemetry: Telemetry, caughtUp: () => void): void {
    if (report.kind === 'caught-up') caughtUp();
    else if (report.kind === 'current') this.waiting.get(report.asked)?.(report.isCurrent);
    else if (report.kind === 'count') telemetry.count(report.name, report.labels, report.value);
    else if (report.kind === 'log')
      telemetry.log(report.level, report.message, JSON.parse(report.facts) as Record<string, unknown>);
    else telemetry[report.kind](report.name, report.value, report.labels);
  }
}
