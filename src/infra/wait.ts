import { setTimeout as sleep } from 'node:timers/promises';
import { PostlaneError } from '../domain/error.ts';

export interface WaitOptions {
  readonly deadlineMs: number;
  readonly intervalMs?: number;
  /** Answers facts, which join the error, as soon as waiting has become pointless. */
  readonly hopeless?: () => Readonly<Record<string, unknown>> | undefined;
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
  let cause: unknown;
  for (;;) {
    try {
      const answer = await probe();
      if (answer !== undefined) return answer;
    } catch (error) {
      cause = error;
    }
    const failure = options.hopeless?.();
    const waitedMs = Math.round(performance.now() - startedAt);
    if (failure !== undefined || waitedMs >= options.deadlineMs) {
      throw new PostlaneError('INFRA_UNAVAILABLE', { what, waitedMs, ...failure, ...options.diagnose?.() }, { cause });
    }
    await sleep(options.intervalMs ?? INTERVAL_MS);
  }
}
