import fc from 'fast-check';
import { admit, burstOf, nextSlot, paceOf, WINDOW_MS_MAX, windowOf } from '../../../src/domain/slots.ts';
import { MINUTE_MS } from '../../../src/domain/time.ts';

const rate = fc.double({ min: 0.1, max: 10_000_000, noNaN: true });

describe('a window', () => {
  it.each([
    [60, { points: 1, windowMs: 1_000 }],
    [100, { points: 1, windowMs: 600 }],
    [240, { points: 1, windowMs: 250 }],
    [1_000, { points: 4, windowMs: 240 }],
    [60_000, { points: 250, windowMs: 250 }],
  ])('of %d per minute', (ratePerMinute, window) => {
    expect(windowOf(ratePerMinute)).toEqual(window);
  });

  it('never exceeds the rate, and is short wherever it can be', () => {
    fc.assert(
      fc.property(rate, (ratePerMinute) => {
        const { points, windowMs } = windowOf(ratePerMinute);
        expect((points * MINUTE_MS) / windowMs).toBeLessThanOrEqual(ratePerMinute * (1 + 1e-9));
        if (ratePerMinute >= MINUTE_MS / WINDOW_MS_MAX) expect(windowMs).toBeLessThanOrEqual(WINDOW_MS_MAX + 1);
      }),
    );
  });

  it('fits twice into the stated burst', () => {
    fc.assert(
      fc.property(rate, (ratePerMinute) => {
        expect(2 * windowOf(ratePerMinute).points).toBeLessThanOrEqual(burstOf(ratePerMinute));
      }),
    );
  });
});

describe('a slot', () => {
  it('follows the last one, and never lies in the past', () => {
    expect(nextSlot(0, 60, 5_000)).toBe(6_000);
    expect(nextSlot(9_000, 60, 5_000)).toBe(10_000);
  });
});

describe('admission', () => {
  it('says after how long it is worth asking again', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20_000 }), fc.integer({ min: 0, max: 1_000 }), (ratePerMinute, calls) => {
        const pace = paceOf(ratePerMinute, 1);
        let due = 0;
        for (let call = 0; call < calls; call += 1) {
          const { granted, due: next, retryAfterMs } = admit(due, pace, 1_000_000);
          due = next;
          if (granted) continue;
          expect(admit(due, pace, 1_000_000 + retryAfterMs).granted).toBe(true);
          return;
        }
      }),
    );
  });
});
