import type { RetryPolicy } from './policy.ts';

/**
 * The wait before retry number `retry` (1 for the first), or null where the policy allows no more.
 * `chance` is a number in [0, 1) from the shell: jitter keeps what failed together from coming back together.
 */
export function retryDelayMs(policy: RetryPolicy, retry: number, chance: number): number | null {
  if (retry < 1 || retry > policy.retriesMax) return null;
  const delayMs = policy.delaysMs[Math.min(retry, policy.delaysMs.length) - 1] ?? 0;
  return Math.max(0, Math.round(delayMs * (1 + policy.jitterRatio * (2 * chance - 1))));
}
