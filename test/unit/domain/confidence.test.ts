import fc from 'fast-check';
import { lowerBound } from '../../../src/domain/confidence.ts';

describe('the lower bound of a rate', () => {
  it.each([
    // Newcombe 1998, table I, method 4 (95 % intervals).
    [81, 263, 0.2535],
    [15, 148, 0.0598],
    [1, 29, 0.0018],
    [0, 20, 0],
    [29, 29, 0.8544],
  ])('of %d out of %d is %d', (hits, trials, expected) => {
    expect(lowerBound(hits, trials)).toBeCloseTo(expected, 3);
  });

  it('is never above what was seen, grows with the hits and with the evidence', () => {
    const trials = fc.integer({ min: 1, max: 100_000 });
    fc.assert(
      fc.property(
        trials.chain((n) => fc.tuple(fc.constant(n), fc.integer({ min: 0, max: n - 1 }))),
        ([n, k]) => {
          const bound = lowerBound(k, n);
          expect(bound).toBeGreaterThanOrEqual(0);
          expect(bound).toBeLessThanOrEqual(k / n);
          expect(lowerBound(k + 1, n)).toBeGreaterThanOrEqual(bound);
          expect(lowerBound(2 * k, 2 * n)).toBeGreaterThanOrEqual(bound);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('of nothing is nothing', () => {
    expect(lowerBound(0, 0)).toBe(0);
    expect(lowerBound(3, 0)).toBe(0);
  });
});
