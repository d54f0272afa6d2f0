import type { PublishAnswer, PublishRequest } from './pipeline.ts';
import type { Helper } from './processes.ts';
import type { Sink } from './sink.ts';
import { percentile } from './statistics.ts';

const JOBS_PER_SECOND = 200;

export interface Latency {
  readonly p50: number;
  readonly p99: number;
}

/** Milliseconds from handing a job to the publisher to its acceptance at the sink, by this machine's one clock. */
export async function measureLatency(
  sink: Sink,
  publisher: Helper<PublishRequest, PublishAnswer>,
  run: string,
  seconds: number,
): Promise<Latency> {
  const first = await sink.count();
  const count = JOBS_PER_SECOND * seconds;
  const request = { run, first: 0, count, type: 'transactional', perSecond: JOBS_PER_SECOND } as const;
  const [{ publishedAt }] = await Promise.all([publisher.ask(request), sink.waitForCount(first + count)]);
  return latencyOf(run, publishedAt, await sink.accepted(first));
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
