import type { Millis } from '../domain/time.ts';

/** How fast mail may go for one key, for example one source towards one site. */
export interface RateLimit {
  /** More than 0. */
  readonly ratePerMinute: number;
  /**
   * Names of the lanes (`<queue>.<provider>`) that draw on this key, over all workers: the limit is then theirs together.
   * Empty: the limit of this process alone, which no other one shares.
   */
  readonly sharedBy: readonly string[];
}

/** One thing that a mail needs a token of. */
export interface Demand {
  readonly key: string;
  readonly limit: RateLimit;
}

export type Taken =
  | { readonly granted: true }
  /** How long it is worth waiting before the next attempt; at least 1. */
  | { readonly granted: false; readonly retryAfterMs: number };

/**
 * Where the counts are kept. `redis`: one count for all workers. `share`: each worker keeps to the part of every limit that
 * equals its part of the lanes' partitions, so that the total holds with nobody to ask.
 */
export type LimitsMode = 'redis' | 'share';

/**
 * The port to rate limits. Two implementations, one contract suite: `src/limits/share-limits.ts` and
 * `src/limits/redis-limits.ts`. In any sliding minute no key is granted more often than its limit plus
 * `burstOf(limit)` (`src/domain/slots.ts`), and once more that burst at each change of mode.
 */
export interface RateLimits {
  /** Takes one token. Settles within twice the command time-out whatever the store does; never rejects. */
  take(key: string, limit: RateLimit, now: Millis): Promise<Taken>;
  /** Takes one token of each, or none at all: what was taken before a refusal is given back. */
  takeAll(demands: readonly Demand[], now: Millis): Promise<Taken>;
  /**
   * The next free moment for a mail that cannot go now: each call books the slot after the one before, at this worker's
   * share of the rate, so that what is postponed comes back paced and not all at once. Later than `now`.
   */
  reserve(key: string, limit: RateLimit, now: Millis): Millis;
  /** This process owns `fraction` (0 … 1) of the lane's partitions. Call it at every assignment. */
  setShare(lane: string, fraction: number): void;
  mode(): LimitsMode;
  /** Closes connections and ends probes. Idempotent. */
  stop(): Promise<void>;
}
