import { EMAIL_TYPES } from '../../../src/domain/policy.ts';
import { load } from '../../support/load.ts';
import type { Verdict } from '../../support/oracle.ts';
import type { Pipeline } from '../../support/pipeline.ts';
import { IN_FLIGHT_MAX } from '../../support/pipeline-config.ts';
import { Random } from '../../support/random.ts';
import type { RoleProcess } from '../../support/role-process.ts';

/** What can happen to a pipeline; each leaves it whole again, so that the next may come. */
export const BLOWS = [
  'kill-worker',
  'kill-router',
  'stop-worker',
  'freeze-worker',
  'kill-redis',
  'kill-broker',
] as const;
export type Blow = (typeof BLOWS)[number];

export interface Storm {
  /** Of the ids of its jobs. */
  readonly prefix: string;
  readonly seed: number;
  readonly jobs: number;
  /** In their order, at random moments while the jobs are on their way. */
  readonly blows: readonly Blow[];
}

const WORKERS = 2;
/** Longer than the session of a test's member. */
const FROZEN_MS = 8_000;
/** A share of the mails takes its time, so that there is always something in flight. */
const SLOW_SHARE = 0.3;
const SLOW_MS_MAX = 1_500;
const OUTSTANDING_MAX = 300;
const WAIT_MS_MAX = 240_000;

/** Blows of which each may leave as many mails in doubt as a process may have in flight. */
const CRASHES: ReadonlySet<Blow> = new Set(['kill-worker', 'freeze-worker']);

/** Two workers and a router that are replaced when they die, as a supervisor does. */
class Crew {
  readonly workers: RoleProcess[] = [];
  private readonly pipeline: Pipeline;
  private router: RoleProcess | null = null;

  constructor(pipeline: Pipeline) {
    this.pipeline = pipeline;
  }

  async start(): Promise<void> {
    this.router = await this.pipeline.start('router');
    for (let n = 0; n < WORKERS; n++) this.workers.push(await this.pipeline.start('worker'));
  }

  async suffer(blow: Blow, random: Random): Promise<void> {
    const at = random.between(0, WORKERS);
    const worker = this.workers[at] as RoleProcess;
    const { infra } = this.pipeline;
    switch (blow) {
      case 'kill-worker':
        await worker.kill();
        this.workers[at] = await this.pipeline.start('worker');
        return;
      case 'stop-worker':
        expect(await worker.stop()).toMatchObject({ status: 0 });
        this.workers[at] = await this.pipeline.start('worker');
        return;
      case 'kill-router':
        await this.router?.kill();
        this.router = await this.pipeline.start('router');
        return;
      case 'freeze-worker':
        worker.signal('SIGSTOP');
        await new Promise((resolve) => setTimeout(resolve, FROZEN_MS));
        worker.signal('SIGCONT');
        return;
      case 'kill-redis':
        await infra.killRedis('SIGKILL');
        await infra.startRedis();
        return;
      case 'kill-broker':
        await infra.killBroker('SIGKILL');
        await infra.startBroker();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.workers, ...(this.router ? [this.router] : [])].map((role) => role.stop()));
  }
}

/** Publishes under blow after blow, waits for rest, and judges. Throws the oracle's report where an invariant is broken. */
export async function weather(pipeline: Pipeline, { prefix, seed, jobs, blows }: Storm): Promise<Verdict> {
  const random = new Random(seed);
  await using crew = new Crew(pipeline);
  await crew.start();
  const mails = load({
    prefix,
    count: jobs,
    types: EMAIL_TYPES,
    random,
    mailbox: (_, chance) => (chance.next() < SLOW_SHARE ? `slow-${chance.between(50, SLOW_MS_MAX)}` : 'ada'),
  });
  const streaming = pipeline.stream(mails, { outstandingMax: OUTSTANDING_MAX, wave: 50 });
  streaming.catch(() => undefined);
  // The moments of the blows, spread over the load.
  const moments = blows.map(() => random.between(jobs * 0.02, jobs * 0.9)).sort((a, b) => a - b);
  for (const [n, blow] of blows.entries()) {
    await pipeline.progressed(prefix, moments[n] as number);
    await crew.suffer(blow, random);
  }
  await streaming;
  const crashes = blows.filter((blow) => CRASHES.has(blow)).length;
  // Awaited here: the crew stays until everything has ended.
  return await pipeline.judged(prefix, { duplicatesMax: crashes * IN_FLIGHT_MAX }, WAIT_MS_MAX);
}
