import fc from 'fast-check';
import { retryDelayMs } from '../../../src/domain/backoff.ts';

describe('backoff', () => {
  const policy = { retriesMax: 4, delaysMs: [30_000, 120_000, 300_000], jitterRatio: 0.2 };

  it('takes the delays in turn, repeats the last, and ends with the retries', () => {
    expect([1, 2, 3, 4, 5].map((retry) => retryDelayMs(policy, retry, 0.5))).toEqual([
      30_000,
      120_000,
      300_000,
      300_000,
      null,
    ]);
    expect(retryDelayMs(policy, 0, 0.5)).toBeNull();
  });

  it('stays within the jitter, and uses all of it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.double({ min: 0, max: 1, noNaN: true }), (retry, chance) => {
        const exact = policy.delaysMs[Math.min(retry, 3) - 1] as number;
        const delayMs = retryDelayMs(policy, retry, chance) as number;
        expect(delayMs).toBeGreaterThanOrEqual(exact * 0.8);
        expect(delayMs).toBeLessThanOrEqual(exact * 1.2);
      }),
    );
    expect(retryDelayMs(policy, 1, 0)).toBe(24_000);
    expect(retryDelayMs(policy, 1, 1)).toBe(36_000);
  });
});
