import fc from 'fast-check';
import { lowerBound } from '../../../src/domain/confidence.ts';
import { actionAt, NO_COUNTS, SCORE_RULES, scoreOf, strictest } from '../../../src/domain/score.ts';

const scored = (over: Partial<typeof NO_COUNTS>) => scoreOf({ ...NO_COUNTS, ...over }, SCORE_RULES);

describe('a score', () => {
  it('is 1 without a fault, and three mails condemn nobody', () => {
    expect(scored({ sent: 100_000 })).toBe(1);
    expect(scored({})).toBe(1);
    expect(scored({ sent: 2, bounced: 1 })).toBeGreaterThan(0.7);
    expect(scored({ sent: 100, complained: 1 })).toBeGreaterThan(0.7);
  });

  it('falls below the limit where bounces or complaints are surely above their threshold, and not before', () => {
    const counts = fc.record({ sent: fc.integer({ min: 1, max: 1_000_000 }), bounced: fc.nat(50_000) });
    fc.assert(
      fc.property(counts, ({ sent, bounced }) => {
        const surely = lowerBound(bounced, sent + bounced) > 0.0201;
        const surelyNot = lowerBound(bounced, sent + bounced) < 0.0199;
        if (surely) expect(scored({ sent, bounced })).toBeLessThan(0.7);
        if (surelyNot) expect(scored({ sent, bounced })).toBeGreaterThanOrEqual(0.7);
      }),
    );
    expect(scored({ sent: 100_000, complained: 80 })).toBeGreaterThan(0.7);
    expect(scored({ sent: 100_000, complained: 130 })).toBeLessThan(0.7);
  });

  it('is 0 where bounces are three times and a third their threshold', () => {
    expect(scored({ sent: 90_000, bounced: 10_000 })).toBe(0);
  });

  it('loses a tenth at most by deferrals', () => {
    expect(scored({ sent: 1, deferred: 100_000 })).toBe(0.9);
    expect(scored({ sent: 9_000, deferred: 1_000 })).toBeGreaterThan(0.97);
  });

  it('stays within 0 and 1 whatever was counted', () => {
    const number = fc.nat(10_000_000);
    fc.assert(
      fc.property(
        fc.record({ sent: number, delivered: number, bounced: number, complained: number, deferred: number }),
        (counts) => {
          const score = scoreOf(counts, { ...SCORE_RULES, complaintRatioMax: 0 });
          expect(score).toBeGreaterThanOrEqual(0);
          expect(score).toBeLessThanOrEqual(1);
        },
      ),
    );
  });
});

describe('the action at a score', () => {
  it('begins below the limit, and ends well above it', () => {
    const scores = [0.75, 0.7, 0.69, 0.75, 0.84, 0.85, 0.8, 0.7, 0.6];
    const actions: string[] = [];
    for (const score of scores) actions.push(actionAt(score, actions.at(-1) ?? 'none', SCORE_RULES));
    expect(actions).toEqual(['none', 'none', 'throttle', 'throttle', 'throttle', 'none', 'none', 'none', 'throttle']);
  });

  it('is what the operator chose', () => {
    expect(actionAt(0.1, 'none', { ...SCORE_RULES, action: 'pause' })).toBe('pause');
  });
});

describe('what several say about an identity', () => {
  it('counts by what asks for most, then by the worst score, in whatever order it is said', () => {
    const rows = [
      { action: 'none', score: 0.1 },
      { action: 'alert', score: 0.3 },
      { action: 'throttle', score: 0.6 },
      { action: 'throttle', score: 0.5 },
      { action: 'pause', score: 0.9 },
    ];
    const said = fc.shuffledSubarray([...rows, undefined], { minLength: 1 });
    fc.assert(
      fc.property(said, (some) => {
        const order = [rows[4], rows[3], rows[2], rows[0], rows[1]];
        expect(strictest(some)).toBe(order.find((row) => some.includes(row)));
      }),
    );
  });

  it('is nothing where nobody knows it', () => {
    expect(strictest([undefined, undefined])).toBeUndefined();
  });
});
