import { setTimeout as sleep } from 'node:timers/promises';
import { PostlaneError } from '../domain/error.ts';

export interface WaitOptions {
  readonly deadlineMs: number;
  readonly intervalMs?: number;
  /** Settles when waiting has become pointless; its facts join the error. */
  readonly failed?: Promise<Readonly<Record<string, unknown>>>;
  /** Facts that help to see why it did not come; asked only when it did not. */
  readonly diagnose?: () => Readonly<Record<string, unknown>>;
}

const INTERVAL_MS = 100;

/** Asks `probe` until it answers something; a probe that throws says "not yet". Throws INFRA_UNAVAILABLE at the deadline. */
export async function waitFor<T>(
  what: string,
  probe: () => Promise<T | undefined> | T | undefined,
  options: WaitOptions,
): Promise<T> {
  const startedAt = performance.now();
  let failure: Readonly<Record<string, unknown>> | undefined;
  let cause: unknown;
  void options.failed?.then((facts) => {
    failure = facts;
  });
  for (;;) {
    try {
      const answer = await probe();
      if (answer !== undefined) return answer;
    } catch (error) {
      cause = error;
    }
    const waitedMs = Math.round(performance.now() - startedAt);
    if (failure !== undefined || waitedMs >= options.deadlineMs) {
      throw new PostlaneError('INFRA_UNAVAILABLE', { what, waitedMs, ...failure, ...options.diagnose?.() }, { cause });
    }
    await sleep(options.intervalMs ?? INTERVAL_MS);
  }
}
