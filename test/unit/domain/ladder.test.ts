import { jest } from '@jest/globals';
import fc from 'fast-check';
import {
  HELD_BY_WORKER_MS_MAX,
  nextTier,
  SEND_AT_TOLERANCE_MS,
  TIER_MS,
  toleranceOf,
} from '../../../src/domain/ladder.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../../src/domain/time.ts';

// A bound against hanging, not a promise: the machine may be busy with other suites.
jest.setTimeout(60_000);

/** Climbs down from a wait to its end; `lagMs(hop)` is how late each hop is noticed. */
function climb(waitMs: number, toleranceMs: number, lagMs: (hop: number) => number = () => 0) {
  let elapsedMs = 0;
  let writes = 0;
  for (;;) {
    const tier = nextTier(waitMs - elapsedMs, toleranceMs);
    if (tier === null) break;
    elapsedMs += TIER_MS[tier] + lagMs(writes);
    writes++;
    if (writes > 1_000) throw new Error(`no end for ${waitMs}`);
  }
  return { writes, lateMs: elapsedMs - waitMs };
}

const WRITES_MAX = 6;

/** Climbs with the tolerance of the wait, fails where a promise is broken, and answers the writes that it took. */
function kept(waitMs: number): number {
  const { writes, lateMs } = climb(waitMs, toleranceOf(waitMs));
  const early = lateMs < -HELD_BY_WORKER_MS_MAX;
  if (early || lateMs > toleranceOf(waitMs) || writes > WRITES_MAX) {
    throw new Error(`a wait of ${waitMs} ms: ${writes} writes, ${lateMs} ms late`);
  }
  return writes;
}

describe('the delay ladder', () => {
  it('brings every wait up to 72 h to its end in six writes, late by the tolerance at most (minute grid)', () => {
    let most = 0;
    for (let waitMs = 0; waitMs <= 72 * HOUR_MS; waitMs += MINUTE_MS) most = Math.max(most, kept(waitMs));
    expect(most).toBeLessThanOrEqual(WRITES_MAX);
    expect(most).toBeGreaterThan(1);
  });

  it('does so for every second of the first hours, where the tiers are close together', () => {
    for (let waitMs = 0; waitMs <= 3 * HOUR_MS; waitMs += SECOND_MS) kept(waitMs);
  });

  it('does so for any wait, and needs no more writes when hops are noticed late', () => {
    const wait = fc.integer({ min: 0, max: 72 * HOUR_MS });
    const lags = fc.array(fc.integer({ min: 0, max: 5_000 }), { minLength: 8, maxLength: 8 });
    fc.assert(
      fc.property(wait, lags, (waitMs, lagsMs) => {
        kept(waitMs);
        return climb(waitMs, toleranceOf(waitMs), (hop) => lagsMs[hop] ?? 0).writes <= WRITES_MAX;
      }),
      { numRuns: 5_000 },
    );
  });

  it('keeps sendAt to fifteen seconds, thirty days ahead', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 30 * DAY_MS }), (waitMs) => {
        const { writes, lateMs } = climb(waitMs, SEND_AT_TOLERANCE_MS);
        return lateMs <= SEND_AT_TOLERANCE_MS && writes <= 30 + 5 + 3 + 3 + 2 + 4 + 4;
      }),
      { numRuns: 5_000 },
    );
  });

  it('sends what a worker can hold straight to its lane', () => {
    expect(nextTier(30 * SECOND_MS, 0)).toBeNull();
    expect(nextTier(-1, 0)).toBeNull();
    expect(nextTier(30 * SECOND_MS + 1, 0)).toBe('15s');
  });

  it('takes the last hop that is neither early nor too late', () => {
    expect(nextTier(50 * SECOND_MS, 10 * SECOND_MS)).toBe('1m');
    expect(nextTier(50 * SECOND_MS, 9 * SECOND_MS)).toBe('15s');
    expect(nextTier(HOUR_MS, 0)).toBe('1h');
    expect(nextTier(100 * HOUR_MS, 0)).toBe('1d');
  });
});
