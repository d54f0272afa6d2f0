import type { Pipeline } from './pipeline.ts';
import { cpuSince, cpuTimes } from './processes.ts';
import type { Sink } from './sink.ts';
import { percentile } from './statistics.ts';

const JOBS_PER_SECOND = 200;

export interface Latency {
  readonly p50: number;
  readonly p99: number;
}

/** What the pipeline took to keep it up. */
export interface LatencyMeasure extends Latency {
  /** Over all of our processes, broker and registry. */
  readonly cpuMsPerMail: number;
  readonly commitsPerMail: { readonly router: number; readonly worker: number };
}

/** Milliseconds from handing a job to the publisher to its acceptance at the sink, by this machine's one clock. */
export async function measureLatency(
  sink: Sink,
  pipeline: Pipeline,
  run: string,
  seconds: number,
): Promise<LatencyMeasure> {
  const first = await sink.count();
  const count = JOBS_PER_SECOND * seconds;
  const request = { run, first: 0, count, type: 'transactional', perSecond: JOBS_PER_SECOND } as const;
  const pids = { ...pipeline.pids, ...pipeline.infraPids };
  const [commits, cpu] = [await pipeline.commits(), cpuTimes(pids)];
  const [{ publishedAt }] = await Promise.all([pipeline.publisher.ask(request), sink.waitForCount(first + count)]);
  const [commitsAfter, cpuAfter] = [await pipeline.commits(), cpuTimes(pids)];
  const cpuMs = Object.values(cpuSince(cpu, cpuAfter)).reduce((sum, ms) => sum + ms, 0);
  const perMail = (role: 'router' | 'worker') => (commitsAfter[role].count - commits[role].count) / count;
  return {
    ...latencyOf(run, publishedAt, await sink.accepted(first)),
    cpuMsPerMail: cpuMs / count,
    commitsPerMail: { router: perMail('router'), worker: perMail('worker') },
  };
}

/** Of the mails of one run, however many others were accepted meanwhile. */
export function latencyOf(
  run: string,
  publishedAt: readonly number[],
  accepted: readonly { readonly jobId: string; readonly at: number }[],
): Latency {
  const own = accepted.filter(({ jobId }) => jobId.startsWith(`${run}-`));
  const tookMs = own.map(({ jobId, at }) => at - (publishedAt[Number(jobId.slice(run.length + 1))] as number));
  return { p50: percentile(tookMs, 0.5), p99: percentile(tookMs, 0.99) };
}
