import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from './time.ts';

/** Tiers of the delay ladder, shortest first. Every record of a tier waits equally long, so its order is its due order. */
export const DELAY_TIERS = ['15s', '1m', '5m', '15m', '1h', '4h', '1d'] as const;
export type DelayTier = (typeof DELAY_TIERS)[number];

/** How long a record of a tier waits after its append time. */
export const TIER_MS: Readonly<Record<DelayTier, number>> = {
  '15s': 15 * SECOND_MS,
  '1m': MINUTE_MS,
  '5m': 5 * MINUTE_MS,
  '15m': 15 * MINUTE_MS,
  '1h': HOUR_MS,
  '4h': 4 * HOUR_MS,
  '1d': DAY_MS,
};

/** What is due within this time goes straight to its lane: a worker holds a unit so long itself (DESIGN section 6). */
export const HELD_BY_WORKER_MS_MAX = 30 * SECOND_MS;

/** How much later than its wait a postponed unit may come back: a quarter of it. Bounds the climb to six writes. */
export const TOLERANCE_RATIO = 0.25;

/** `sendAt` is a promise to the publisher; a few more hops down the ladder are its price. */
export const SEND_AT_TOLERANCE_MS = 15 * SECOND_MS;

/** The tolerance of a unit that has to wait for `waitMs`. */
export const toleranceOf = (waitMs: number): number => Math.max(0, Math.floor(waitMs * TOLERANCE_RATIO));

/**
 * The tier that a unit due in `remainingMs` is written to next, or null where it needs none and goes to its lane.
 *
 * The last hop is the smallest tier that ends neither early nor later than the tolerance. Where there is none, the unit takes
 * the longest tier that ends before it is due, and asks again there. With `toleranceOf` of the whole wait at most six
 * writes bring any wait up to 72 h to its end.
 */
export function nextTier(remainingMs: number, toleranceMs: number): DelayTier | null {
  if (remainingMs <= HELD_BY_WORKER_MS_MAX) return null;
  const last = DELAY_TIERS.find((tier) => TIER_MS[tier] >= remainingMs && TIER_MS[tier] <= remainingMs + toleranceMs);
  return last ?? DELAY_TIERS.findLast((tier) => TIER_MS[tier] <= remainingMs) ?? '15s';
}
