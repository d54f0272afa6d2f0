import { readFile } from 'node:fs/promises';
import { freePort } from '../../src/infra/ports.ts';
import { answersPing } from '../../src/infra/probes.ts';
import { waitFor } from '../../src/infra/wait.ts';
import { type LatencyMeasure, measureLatency } from './latency.ts';
import type { SendAnswer, SendRequest } from './nodemailer-transport.ts';
import type { BenchOptions } from './options.ts';
import {
  CONNECTIONS,
  type Commits,
  keyPath,
  MAILS_PER_CONNECTION,
  type Pipeline,
  SELECTOR,
  startPipeline,
} from './pipeline.ts';
import { type CpuTimes, cpuSince, cpuTimes, Helper } from './processes.ts';
import { Sink } from './sink.ts';
import { median, rounded, spread } from './statistics.ts';
import type { Workshop } from './workshop.ts';

/** A way to send mail that is measured. */
interface Arm {
  readonly name: string;
  /** Every process whose time counts, by name. The sink's counts for nobody. */
  readonly pids: Readonly<Record<string, number>>;
  /** Begins to send and answers when it began: before the first mail was handed over. */
  send(run: string, count: number): Promise<{ readonly startedAt: number }>;
  /** Transactions so far; where there are any. */
  commits?(): ReturnType<Pipeline['commits']>;
}

interface CommitMeasure {
  readonly mailsEach: number;
  readonly meanMs: number;
}

interface Measure {
  readonly perSecond: number;
  /** CPU ms per mail, by process. */
  readonly cpu: CpuTimes;
  readonly commits: Readonly<Record<'router' | 'worker', CommitMeasure>> | null;
}

/** The broker compiles what it does often; one that has run for longer than this knows it all. */
const WARM_UP_MAILS = 20_000;
const WARM_UP_MAILS_OTHERS = 2_000;

/** The bench of issue item 11: pipeline, nodemailer's pool, and BullMQ with it, alternating, against one sink. */
export async function benchThroughput(workshop: Workshop, options: BenchOptions): Promise<object> {
  const sink = await Sink.start(workshop);
  const pipeline = await startPipeline(workshop, sink, { spawn: profiled(options.profileDirectory) });
  const arms = await startArms(workshop, sink, pipeline, options.arms);
  const measures = new Map(arms.map(({ name }) => [name, [] as Measure[]]));
  const latencies: LatencyMeasure[] = [];
  for (const arm of arms) {
    const mails = arm.name === 'pipeline' ? WARM_UP_MAILS : WARM_UP_MAILS_OTHERS;
    const { perSecond } = await measure(sink, arm, `warm-${arm.name}`, mails);
    workshop.tell(`warm-up, ${arm.name}: ${perSecond.toFixed(0)} mails/s`);
  }
  for (let round = 0; round < options.rounds; round++) {
    // Whoever goes first in one round goes later in the next.
    for (let n = 0; n < arms.length; n++) {
      const arm = arms[(n + round) % arms.length] as Arm;
      const measured = await measure(sink, arm, `round${round}-${arm.name}`, options.mails);
      measures.get(arm.name)?.push(measured);
      workshop.tell(`round ${round + 1}, ${arm.name}: ${measured.perSecond.toFixed(0)} mails/s`);
    }
    if (!measures.has('pipeline') || options.latencySeconds === 0) continue;
    const latency = await measureLatency(sink, pipeline, `latency${round}`, options.latencySeconds);
    latencies.push(latency);
    workshop.tell(`round ${round + 1}, pipeline: p50 ${latency.p50} ms, p99 ${latency.p99} ms`);
  }
  const summary = summarise(measures, latencies, pipeline);
  for (const line of table(measures, latencies)) workshop.print(line);
  return summary;
}

/** Puts router and worker under Node's CPU profiler. */
const profiled =
  (directory: string | null) =>
  (role: string): { readonly nodeOptions?: readonly string[] } =>
    directory === null || role === 'background'
      ? {}
      : { nodeOptions: ['--cpu-prof', `--cpu-prof-dir=${directory}`, `--cpu-prof-name=${role}.cpuprofile`] };

async function startArms(
  workshop: Workshop,
  sink: Sink,
  pipeline: Pipeline,
  names: readonly string[],
): Promise<readonly Arm[]> {
  const arms: Arm[] = [];
  const transport = {
    host: sink.host,
    port: sink.port,
    connections: CONNECTIONS,
    mailsPerConnection: MAILS_PER_CONNECTION,
    selector: SELECTOR,
    privateKey: await readFile(keyPath(workshop), 'utf8'),
  };
  if (names.includes('pipeline')) {
    arms.push({
      name: 'pipeline',
      pids: { ...pipeline.pids, ...pipeline.infraPids },
      // A campaign: what arrives is routed and sent while the rest is still being published.
      commits: () => pipeline.commits(),
      send: (run, count) => pipeline.publisher.ask({ run, first: 0, count, type: 'marketing' }),
    });
  }
  if (names.includes('nodemailer')) arms.push(await helperArm(workshop, 'nodemailer', transport, {}));
  if (names.includes('bullmq')) {
    const redisPort = await freePort();
    const args = ['--port', String(redisPort), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
    const redis = await workshop.start('redis-of-bullmq', 'redis-server', args);
    const answers = async () => ((await answersPing({ host: '127.0.0.1', port: redisPort })) ? true : undefined);
    await waitFor('redis-server', answers, { deadlineMs: 10_000 });
    arms.push(await helperArm(workshop, 'bullmq', { ...transport, redisPort }, { redis: redis.pid }));
  }
  return arms;
}

async function helperArm(
  workshop: Workshop,
  name: string,
  settings: object,
  others: Readonly<Record<string, number>>,
): Promise<Arm> {
  const helper = await Helper.start<SendRequest, SendAnswer>(`${name}-process.ts`, settings);
  workshop.atEnd(() => helper.stop());
  return { name, pids: { [name]: helper.pid, ...others }, send: (run, count) => helper.ask({ run, count }) };
}

/** From before the first mail was handed to the arm until the sink had taken the last one. */
async function measure(sink: Sink, arm: Arm, run: string, count: number): Promise<Measure> {
  const first = await sink.count();
  const commitsBefore = await arm.commits?.();
  const before = cpuTimes(arm.pids);
  const [{ startedAt }] = await Promise.all([arm.send(run, count), sink.waitForCount(first + count)]);
  const used = cpuSince(before, cpuTimes(arm.pids));
  const commitsAfter = await arm.commits?.();
  const accepted = await sink.accepted(first);
  const ids = new Set(accepted.map(({ jobId }) => jobId));
  if (accepted.length !== count || ids.size !== count) {
    throw new Error(
      `${arm.name}: ${count} mails were sent, the sink has ${accepted.length}, ${ids.size} of them different`,
    );
  }
  const endedAt = accepted.reduce((latest, { at }) => Math.max(latest, at), 0);
  return {
    perSecond: (count / (endedAt - startedAt)) * 1_000,
    cpu: Object.fromEntries(Object.entries(used).map(([name, ms]) => [name, ms / count])),
    commits:
      commitsBefore && commitsAfter
        ? {
            router: between(commitsBefore.router, commitsAfter.router, count),
            worker: between(commitsBefore.worker, commitsAfter.worker, count),
          }
        : null,
  };
}

function between(before: Commits, after: Commits, mails: number): CommitMeasure {
  const count = after.count - before.count;
  return { mailsEach: mails / count, meanMs: (after.durationMs - before.durationMs) / count };
}

type Measures = ReadonlyMap<string, readonly Measure[]>;

const rateOf = (measures: Measures, arm: string): number | null => {
  const all = measures.get(arm);
  return all ? rounded(median(all.map(({ perSecond }) => perSecond)), 1) : null;
};

/** Median over the rounds of what these processes used together, in ms per mail. */
function cpuOf(measures: Measures, arm: string, names: readonly string[]): number | null {
  const all = measures.get(arm);
  if (!all || names.length === 0) return null;
  return rounded(median(all.map(({ cpu }) => names.reduce((sum, name) => sum + (cpu[name] ?? 0), 0))), 3);
}

/** Ratio within each round, so that what slows a whole round down does not count; the median of them. */
function ratio(measures: Measures, other: string): number | null {
  const [ours, theirs] = [measures.get('pipeline'), measures.get(other)];
  if (!ours || !theirs) return null;
  return rounded(median(ours.map(({ perSecond }, n) => perSecond / (theirs[n] as Measure).perSecond)), 2);
}

function summarise(measures: Measures, latencies: readonly LatencyMeasure[], pipeline: Pipeline): object {
  const cpu = (arm: string, names: readonly string[]) => cpuOf(measures, arm, names);
  const own = Object.keys(pipeline.pids);
  return {
    pipeline: rateOf(measures, 'pipeline'),
    nodemailer: rateOf(measures, 'nodemailer'),
    bullmq: rateOf(measures, 'bullmq'),
    ratios: { nodemailer: ratio(measures, 'nodemailer'), bullmq: ratio(measures, 'bullmq') },
    latencyMs:
      latencies.length === 0
        ? null
        : { p50: median(latencies.map(({ p50 }) => p50)), p99: median(latencies.map(({ p99 }) => p99)) },
    cpuMsPerMail: {
      pipeline: cpu('pipeline', own),
      broker: cpu('pipeline', Object.keys(pipeline.infraPids)),
      bullmq: cpu('bullmq', ['bullmq', 'redis']),
      nodemailer: cpu('nodemailer', ['nodemailer']),
      each: Object.fromEntries(own.map((name) => [name, cpu('pipeline', [name])])),
    },
  };
}

function table(measures: Measures, latencies: readonly LatencyMeasure[]): readonly string[] {
  const lines = ['median (least … most)'];
  for (const [arm, all] of measures) {
    const cpu = Object.keys(all[0]?.cpu ?? {}).map((name) => `${name} ${cpuOf(measures, arm, [name])}`);
    lines.push(
      `${arm.padEnd(10)} ${spread(all.map(({ perSecond }) => perSecond)).padEnd(22)} mails/s   CPU ms per mail: ${cpu.join(', ')}`,
    );
  }
  const commits = (measures.get('pipeline') ?? []).flatMap((each) => each.commits ?? []);
  for (const role of commits.length > 0 ? (['router', 'worker'] as const) : []) {
    const [mailsEach, meanMs] = [commits.map((each) => each[role].mailsEach), commits.map((each) => each[role].meanMs)];
    lines.push(`${role.padEnd(10)} ${spread(mailsEach, 1)} mails per transaction, ${spread(meanMs, 1)} ms each`);
  }
  for (const other of ['nodemailer', 'bullmq']) {
    const value = ratio(measures, other);
    if (value !== null) lines.push(`pipeline : ${other} = ${value}`);
  }
  if (latencies.length > 0) {
    const [p50, p99] = [latencies.map((each) => each.p50), latencies.map((each) => each.p99)];
    lines.push(`at 200 jobs/s: p50 ${spread(p50)} ms, p99 ${spread(p99)} ms`);
    const of = (pick: (each: LatencyMeasure) => number) => spread(latencies.map(pick), 2);
    lines.push(
      `at 200 jobs/s: CPU ms per mail, broker included ${of((each) => each.cpuMsPerMail)}, transactions per mail: router ${of((each) => each.commitsPerMail.router)}, worker ${of((each) => each.commitsPerMail.worker)}`,
    );
  }
  return lines;
}
