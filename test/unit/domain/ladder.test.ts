import fc from 'fast-check';
import {
  HELD_BY_WORKER_MS_MAX,
  nextTier,
  SEND_AT_TOLERANCE_MS,
  TIER_MS,
  toleranceOf,
} from '../../../src/domain/ladder.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../../src/domain/time.ts';

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

describe('the delay ladder', () => {
  it('brings every wait up to 72 h to its end in six writes, late by the tolerance at most (minute grid)', () => {
    let most = 0;
    for (let waitMs = 0; waitMs <= 72 * HOUR_MS; waitMs += MINUTE_MS) {
      const { writes, lateMs } = climb(waitMs, toleranceOf(waitMs));
      most = Math.max(most, writes);
      expect(lateMs).toBeLessThanOrEqual(toleranceOf(waitMs));
      expect(lateMs).toBeGreaterThanOrEqual(-HELD_BY_WORKER_MS_MAX);
    }
    expect(most).toBeLessThanOrEqual(WRITES_MAX);
    expect(most).toBeGreaterThan(1);
  });

  it('does so for every second of the first hours, where the tiers are close together', () => {
    for (let waitMs = 0; waitMs <= 3 * HOUR_MS; waitMs += SECOND_MS) {
      const { writes, lateMs } = climb(waitMs, toleranceOf(waitMs));
      if (writes > WRITES_MAX || lateMs > toleranceOf(waitMs))
        throw new Error(`${waitMs}: ${writes} writes, ${lateMs} late`);
    }
  });

  it('does so for any wait, and needs no more writes when hops are noticed late', () => {
    const wait = fc.integer({ min: 0, max: 72 * HOUR_MS });
    fc.assert(
      fc.property(
        wait,
        fc.array(fc.integer({ min: 0, max: 5_000 }), { minLength: 8, maxLength: 8 }),
        (waitMs, lags) => {
          const calm = climb(waitMs, toleranceOf(waitMs));
          expect(calm.writes).toBeLessThanOrEqual(WRITES_MAX);
          expect(calm.lateMs).toBeLessThanOrEqual(toleranceOf(waitMs));
          const late = climb(waitMs, toleranceOf(waitMs), (hop) => lags[hop] ?? 0);
          expect(late.writes).toBeLessThanOrEqual(WRITES_MAX);
        },
      ),
      { numRuns: 20_000 },
    );
  });

  it('keeps sendAt to fifteen seconds, thirty days ahead', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 30 * DAY_MS }), (waitMs) => {
        const { writes, lateMs } = climb(waitMs, SEND_AT_TOLERANCE_MS);
        expect(lateMs).toBeLessThanOrEqual(SEND_AT_TOLERANCE_MS);
        expect(writes).toBeLessThanOrEqual(30 + 5 + 3 + 3 + 2 + 4 + 4);
      }),
      { numRuns: 20_000 },
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
