import fc from 'fast-check';
import { nextVolume, WARM_UP_RULES } from '../../../src/domain/warm-up.ts';

const day = { volume: 1_000, sent: 1_000, bounced: 0, complained: 0, idleDays: 0 };
const next = (over: Partial<typeof day>) => nextVolume({ ...day, ...over }, WARM_UP_RULES);

describe('a warm-up', () => {
  it.each<[string, Partial<typeof day>, { volume: number; verdict: string }]>([
    ['rises by a fifth', {}, { volume: 1_200, verdict: 'raised' }],
    ['rises by one at least', { volume: 2, sent: 2 }, { volume: 3, verdict: 'raised' }],
    ['rises by 5,000 at most', { volume: 100_000, sent: 100_000 }, { volume: 105_000, verdict: 'raised' }],
    ['rises where half of what was allowed was sent', { sent: 500 }, { volume: 1_200, verdict: 'raised' }],
    ['is held where less was sent', { sent: 499 }, { volume: 1_000, verdict: 'held' }],
    ['is halved by bounces', { bounced: 50 }, { volume: 500, verdict: 'halved' }],
    ['is halved by complaints', { complained: 5 }, { volume: 500, verdict: 'halved' }],
    [
      'is halved also where too little was sent to rise',
      { sent: 150, bounced: 60 },
      { volume: 500, verdict: 'halved' },
    ],
    ['is not halved by what may be chance', { bounced: 22, complained: 1 }, { volume: 1_200, verdict: 'raised' }],
    ['is not judged by a few mails', { sent: 20, bounced: 20 }, { volume: 1_000, verdict: 'held' }],
    ['is judged at a small volume', { volume: 20, sent: 10, bounced: 10 }, { volume: 10, verdict: 'halved' }],
    ['waits while nothing is sent', { sent: 0, idleDays: 28 }, { volume: 1_000, verdict: 'idle' }],
    ['decays on the thirtieth idle day', { sent: 0, idleDays: 29 }, { volume: 500, verdict: 'decayed' }],
    ['decays no further than it began', { volume: 150, sent: 0, idleDays: 40 }, { volume: 100, verdict: 'decayed' }],
    ['decays not upwards', { volume: 25, sent: 0, idleDays: 40 }, { volume: 25, verdict: 'decayed' }],
  ])('%s', (_, over, expected) => {
    expect(next(over)).toEqual(expected);
  });

  it('stays above nothing, and rises within its bounds', () => {
    const count = fc.nat(1_000_000);
    fc.assert(
      fc.property(
        fc.record({ volume: fc.integer({ min: 1, max: 1_000_000 }), sent: count, bounced: count, complained: count }),
        fc.nat(100),
        (figures, idleDays) => {
          const { volume } = nextVolume({ ...figures, idleDays }, WARM_UP_RULES);
          expect(volume).toBeGreaterThanOrEqual(1);
          expect(volume - figures.volume).toBeLessThanOrEqual(
            Math.max(1, Math.min(5_000, figures.volume * 0.2 + 1e-9)),
          );
          expect(volume).toBeGreaterThanOrEqual(Math.min(figures.volume, Math.max(1, Math.floor(figures.volume / 2))));
        },
      ),
    );
  });
});
