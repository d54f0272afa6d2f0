import { assert } from './error.ts';
import { MINUTE_MS, type Millis, SECOND_MS } from './time.ts';

/** Tokens are granted in windows of at most this length, so that a sliding minute sees little more than the limit. */
export const WINDOW_MS_MAX = 250;

/** A fixed window: `points` tokens in every `windowMs`. */
export interface Window {
  readonly points: number;
  readonly windowMs: number;
}

/**
 * The window of a rate: a quarter of a second where that holds a token or more, else as long as one token takes. The length
 * is rounded up and the tokens down, so the rate is never exceeded by rounding.
 */
export function windowOf(ratePerMinute: number): Window {
  assert(ratePerMinute > 0 && Number.isFinite(ratePerMinute), 'a rate is positive', { ratePerMinute });
  const points = Math.max(1, Math.floor((ratePerMinute * WINDOW_MS_MAX) / MINUTE_MS));
  return { points, windowMs: Math.max(1, Math.ceil((points * MINUTE_MS) / ratePerMinute)) };
}

/**
 * The stated burst: how many more than the limit a sliding minute may see. A minute touches two windows more than it holds
 * (one second's worth covers them, and half a second from the grant to the wire), and without a shared count every worker may be one ahead.
 */
export const burstOf = (ratePerMinute: number, workers = 1): number =>
  Math.ceil((ratePerMinute * SECOND_MS) / MINUTE_MS) + 1 + workers;

/** The slot after `last` for a rate: a virtual clock per key that never runs behind `now`. */
export const nextSlot = (last: Millis, ratePerMinute: number, now: Millis): Millis =>
  Math.max(now, last) + MINUTE_MS / ratePerMinute;

/** How often a key may be granted, and no more than `points` of them at once. */
export interface Pace {
  readonly points: number;
  /** Between two grants, evened out. */
  readonly intervalMs: number;
}

/** The pace of this worker's part of a rate; the parts of all workers add up to the whole. */
export function paceOf(ratePerMinute: number, share: number): Pace {
  const rate = ratePerMinute * share;
  return { points: windowOf(rate).points, intervalMs: MINUTE_MS / rate };
}

export interface Admission {
  readonly granted: boolean;
  /** When the next one would be due if they came evenly: the state to keep per key. */
  readonly due: Millis;
  /** 0 where granted. */
  readonly retryAfterMs: number;
}

/**
 * The generic cell rate algorithm (ITU-T I.371): one number per key. `due` is what the call before answered, 0 for none.
 * A clock that was set back costs at most one grant: `due` is never believed to lie further ahead than it can.
 */
export function admit(due: Millis, pace: Pace, now: Millis): Admission {
  const toleranceMs = (pace.points - 1) * pace.intervalMs;
  const believed = Math.min(due, now + toleranceMs + pace.intervalMs);
  const earlyMs = believed - toleranceMs - now;
  if (earlyMs > 0) return { granted: false, due: believed, retryAfterMs: Math.max(1, Math.ceil(earlyMs)) };
  return { granted: true, due: Math.max(believed, now) + pace.intervalMs, retryAfterMs: 0 };
}
