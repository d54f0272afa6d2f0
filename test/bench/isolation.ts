import { latencyOf } from './latency.ts';
import { SITES } from './mails.ts';
import type { BenchOptions } from './options.ts';
import { type Pipeline, type PublishAnswer, type PublishRequest, startPipeline, startPublisher } from './pipeline.ts';
import type { Helper } from './processes.ts';
import { type Accepted, Sink } from './sink.ts';
import { median, rounded, spread, steadyRate } from './statistics.ts';
import type { Workshop } from './workshop.ts';

const JOBS_PER_SECOND = 50;
const SECONDS = 10;
const WARM_UP_MAILS = 2_000;
const SICK_SITE = 'google.test';
const HEALTHY_SITES = SITES.filter((site) => site !== SICK_SITE);
/** What Gmail answers to a burst. */
const SICK_MODE = '421-rcpt-4.7.28';

/** What was deferred comes back soon, so that one round does not disturb the next one; all else as by default. */
const SETTINGS = `
router:
  queues:
    marketing: { retry_policy: { backoff: fixed, initial_delay: 15s, max_retries: 50 } }
circuit: { failures: 5, reset: 10s }
`;

interface Round {
  /** p99 from publish to acceptance of transactional jobs, in ms. */
  readonly p99Idle: number;
  readonly p99Loaded: number;
  /** Marketing mails a second. */
  readonly marketingAlone: number;
  readonly marketingLoaded: number;
  /** Marketing mails that were still to be sent when the last transactional job was published. */
  readonly waiting: number;
  /** Throughput of each other lane while one site answers 421, over that without. */
  readonly lanes: Readonly<Record<string, number>>;
}

interface Bench {
  readonly sink: Sink;
  readonly pipeline: Pipeline;
  /** Publishes transactional jobs while `pipeline.publisher` is busy with marketing. */
  readonly second: Helper<PublishRequest, PublishAnswer>;
  readonly mails: number;
}

/** The bench of issue item 4: what a flood of marketing costs a password reset, and what one sick site costs the others. */
export async function benchIsolation(workshop: Workshop, options: BenchOptions): Promise<object> {
  const sink = await Sink.start(workshop);
  const pipeline = await startPipeline(workshop, sink, { settings: SETTINGS });
  const bench: Bench = { sink, pipeline, second: await startPublisher(workshop, pipeline), mails: options.mails };
  await flood({ ...bench, mails: WARM_UP_MAILS }, 'warm');
  await trickle(bench, 'warm-transactional');
  const rounds: Round[] = [];
  for (let n = 0; n < options.rounds; n++) {
    const round = await runRound(bench, n);
    rounds.push(round);
    workshop.tell(`round ${n + 1}: ${JSON.stringify(round)}`);
  }
  for (const line of table(rounds)) workshop.print(line);
  return summarise(rounds);
}

async function runRound(bench: Bench, n: number): Promise<Round> {
  const p99Idle = await trickle(bench, `idle${n}`);
  const healthy = await flood(bench, `alone${n}`);
  const { accepted, waiting, p99 } = await both(bench, n);
  const sick = await withSickSite(bench, `sick${n}`);
  return {
    p99Idle,
    p99Loaded: p99,
    marketingAlone: steadyRate(healthy.map(({ at }) => at)),
    marketingLoaded: steadyRate(accepted.map(({ at }) => at)),
    waiting,
    lanes: Object.fromEntries(HEALTHY_SITES.map((site) => [site, rateAt(sick, site) / rateAt(healthy, site)])),
  };
}

const rateAt = (accepted: readonly Accepted[], site: string): number =>
  steadyRate(accepted.filter((each) => each.site === site).map(({ at }) => at));

const transactional = (run: string): PublishRequest => ({
  run,
  first: 0,
  count: JOBS_PER_SECOND * SECONDS,
  type: 'transactional',
  perSecond: JOBS_PER_SECOND,
});

/** Transactional jobs alone; answers their p99. */
async function trickle({ sink, second }: Bench, run: string): Promise<number> {
  const first = await sink.count();
  const request = transactional(run);
  const [{ publishedAt }] = await Promise.all([second.ask(request), sink.waitForCount(first + request.count)]);
  return latencyOf(run, publishedAt, await sink.accepted(first)).p99;
}

/** Marketing jobs alone; answers what the sink took. */
async function flood({ sink, pipeline, mails }: Bench, run: string): Promise<readonly Accepted[]> {
  const first = await sink.count();
  await pipeline.publisher.ask({ run, first: 0, count: mails, type: 'marketing' });
  await sink.waitForCount(first + mails);
  return sink.accepted(first);
}

/** Transactional jobs while marketing waits. */
async function both({ sink, pipeline, second, mails }: Bench, n: number) {
  const first = await sink.count();
  await pipeline.publisher.ask({ run: `flood${n}`, first: 0, count: mails, type: 'marketing' });
  const request = transactional(`amidst${n}`);
  const { publishedAt } = await second.ask(request);
  const waiting = first + mails + request.count - (await sink.count());
  await sink.waitForCount(first + mails + request.count);
  const all = await sink.accepted(first);
  const { p99 } = latencyOf(request.run, publishedAt, all);
  return { accepted: all.filter(({ jobId }) => jobId.startsWith(`flood${n}-`)), waiting, p99 };
}

/** Marketing jobs while one site refuses; answers what the others took meanwhile, and ends when that site has taken its own. */
async function withSickSite({ sink, pipeline, mails }: Bench, run: string): Promise<readonly Accepted[]> {
  const first = await sink.count();
  const healthy = Math.floor((mails * HEALTHY_SITES.length) / SITES.length);
  await sink.setSite(SICK_SITE, SICK_MODE);
  try {
    await pipeline.publisher.ask({ run, first: 0, count: mails, type: 'marketing' });
    await sink.waitForCount(first + healthy);
  } finally {
    await sink.setSite(SICK_SITE, null);
  }
  await sink.waitForCount(first + mails);
  return sink.accepted(first);
}

const of = <K extends keyof Round>(rounds: readonly Round[], key: K): readonly Round[K][] =>
  rounds.map((round) => round[key]);

const p99Ratios = (rounds: readonly Round[]) => rounds.map(({ p99Loaded, p99Idle }) => p99Loaded / p99Idle);
const drainRatios = (rounds: readonly Round[]) =>
  rounds.map(({ marketingLoaded, marketingAlone }) => marketingLoaded / marketingAlone);
const laneRatios = (rounds: readonly Round[], site: string) => rounds.map(({ lanes }) => lanes[site] as number);

function summarise(rounds: readonly Round[]): object {
  return {
    transactionalP99Ms: { idle: median(of(rounds, 'p99Idle')), loaded: median(of(rounds, 'p99Loaded')) },
    p99Ratio: rounded(median(p99Ratios(rounds)), 2),
    marketingPerSecond: {
      alone: rounded(median(of(rounds, 'marketingAlone')), 0),
      loaded: rounded(median(of(rounds, 'marketingLoaded')), 0),
    },
    drainRatio: rounded(median(drainRatios(rounds)), 2),
    laneRatios: Object.fromEntries(HEALTHY_SITES.map((site) => [site, rounded(median(laneRatios(rounds, site)), 2)])),
  };
}

const table = (rounds: readonly Round[]): readonly string[] => [
  'median (least … most)',
  `transactional p99, idle                ${spread(of(rounds, 'p99Idle'))} ms`,
  `transactional p99, marketing waiting   ${spread(of(rounds, 'p99Loaded'))} ms, ${spread(p99Ratios(rounds), 2)} times that`,
  `marketing mails/s, alone               ${spread(of(rounds, 'marketingAlone'))}`,
  `marketing mails/s, with transactional  ${spread(of(rounds, 'marketingLoaded'))}, ${spread(drainRatios(rounds), 2)} of that`,
  `marketing waiting at the end of it     ${spread(of(rounds, 'waiting'))}`,
  ...HEALTHY_SITES.map(
    (site) =>
      `${site.padEnd(16)} while ${SICK_SITE} answers 421: ${spread(laneRatios(rounds, site), 2)} of its rate before`,
  ),
];
