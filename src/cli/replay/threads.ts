import { extname } from 'node:path';
import { type ResourceLimits, Worker } from 'node:worker_threads';
import { PostlaneError } from '../../domain/error.ts';
import type { Folded } from './fold-partitions.ts';
import type { ThreadReport, ThreadTask } from './fold-thread.ts';

export interface ThreadsOptions extends Pick<ThreadTask, 'connection' | 'rules'> {
  readonly share: ThreadTask['share'];
  /** Threads at most; no more than there are partitions are started. */
  readonly threads: number;
  readonly signal: AbortSignal;
  readonly progress: (done: number, read: number) => void;
}

/**
 * What a thread may take. Nearly everything dies with its batch of a few megabytes: with room for some batches, little of it
 * is still alive when V8 collects.
 */
const LIMITS: ResourceLimits = { maxYoungGenerationSizeMb: 192, maxOldGenerationSizeMb: 512 };

/**
 * Folds the partitions of a share in threads, each of which owns its partitions from end to end: nothing is shared but what
 * is sent. When one fails the others are stopped, and its error is thrown; STOPPED at the signal.
 */
export async function foldInThreads(options: ThreadsOptions): Promise<Folded> {
  const { share, threads } = options;
  const count = Math.max(1, Math.min(threads, share.ranges.length));
  const stopping = new AbortController();
  const signal = AbortSignal.any([options.signal, stopping.signal]);
  const parts = dealt(share.ranges, count).map((ranges) =>
    foldInThread({ ...options, share: { ...share, ranges } }, signal),
  );
  const settled = await Promise.allSettled(
    parts.map((part) => part.catch((error: unknown) => stopAndThrow(stopping, error))),
  );
  const failures = settled.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
  if (failures.length > 0) throw failures.find((error) => !isStop(error)) ?? failures[0];
  const folded = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  return {
    undecodable: folded.reduce((sum, { undecodable }) => sum + undecodable, 0),
    moving: folded.flatMap(({ moving }) => moving),
  };
}

const isStop = (error: unknown): boolean => error instanceof PostlaneError && error.code === 'STOPPED';

function stopAndThrow(stopping: AbortController, error: unknown): never {
  stopping.abort();
  throw error;
}

/** The largest partition first, each to whoever has least so far: threads should end together. */
export function dealt<R extends { readonly first: number; readonly end: number }>(
  ranges: readonly R[],
  count: number,
): R[][] {
  const hands = Array.from({ length: count }, () => ({ size: 0, ranges: [] as R[] }));
  for (const range of ranges.toSorted((a, b) => b.end - b.first - (a.end - a.first))) {
    const least = hands.reduce((found, hand) => (hand.size < found.size ? hand : found));
    least.ranges.push(range);
    least.size += range.end - range.first;
  }
  return hands.map((hand) => hand.ranges);
}

/** One thread, until it has ended. */
function foldInThread(options: ThreadsOptions, signal: AbortSignal): Promise<Folded> {
  const { connection, rules, share, progress } = options;
  const task: ThreadTask = { connection, rules, share };
  const file = new URL(`./fold-thread${extname(import.meta.filename)}`, import.meta.url);
  const thread = new Worker(file, { workerData: task, resourceLimits: LIMITS, name: 'replay' });
  const stop = (): void => thread.postMessage('stop');
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  return new Promise<Folded>((resolve, reject) => {
    let last: Exclude<ThreadReport, { kind: 'progress' }> | null = null;
    thread.on('message', (report: ThreadReport) => {
      if (report.kind === 'progress') progress(report.done, report.read);
      else last = report;
    });
    thread.on('error', reject);
    thread.on('exit', () => {
      signal.removeEventListener('abort', stop);
      if (last?.kind === 'folded') resolve(last.folded);
      else reject(failureOf(last));
    });
  });
}

function failureOf(report: (ThreadReport & { kind: 'failed' }) | null): Error {
  if (report === null) return new PostlaneError('BUG', { what: 'a thread of a replay ended without a word' });
  return report.code === null ? new Error(report.message) : new PostlaneError(report.code, report.facts);
}
