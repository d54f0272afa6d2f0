import fc from 'fast-check';
import { burstOf } from '../../../src/domain/slots.ts';
import { MINUTE_MS } from '../../../src/domain/time.ts';
import { ShareLimits } from '../../../src/limits/share-limits.ts';
import type { RateLimit } from '../../../src/runtime/limits-port.ts';
import { overfullMinute } from './sliding-minute.ts';

const LANE = 'marketing.google';
const shared = (ratePerMinute: number): RateLimit => ({ ratePerMinute, sharedBy: [LANE] });
const NOW = 1_700_000_000_000;

const ratePerMinute = fc.oneof(
  fc.integer({ min: 1, max: 300 }),
  fc.integer({ min: 300, max: 20_000 }),
  fc.double({ min: 0.2, max: 5, noNaN: true }),
);
/** Weights of the workers' shares; they are divided by their sum. */
const weights = fc.array(fc.integer({ min: 1, max: 10 }), { minLength: 1, maxLength: 5 });

interface Run {
  readonly rate: number;
  readonly weights: readonly number[];
  readonly stepsMs: readonly number[];
  readonly rebalanceAt: number;
}

/** All workers take as much as they get, for two and a half minutes; once, the shares are dealt anew. */
async function saturate({ rate, weights, stepsMs, rebalanceAt }: Run): Promise<number[]> {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const workers = weights.map(() => new ShareLimits());
  const deal = (turn: number): void => {
    for (const [index, worker] of workers.entries()) {
      worker.setShare(LANE, (weights[(index + turn) % weights.length] as number) / sum);
    }
  };
  deal(0);
  const grants: number[] = [];
  for (let now = NOW, step = 0; now < NOW + 2.5 * MINUTE_MS; step += 1) {
    if (step === rebalanceAt) deal(1);
    for (const worker of workers) {
      while ((await worker.take('key', shared(rate), now)).granted) grants.push(now);
    }
    now += stepsMs[step % stepsMs.length] as number;
  }
  return grants;
}

it('grants no sliding minute more than the limit and the stated burst, over all workers', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        rate: ratePerMinute,
        weights,
        stepsMs: fc.array(fc.integer({ min: 20, max: 2_000 }), { minLength: 1, maxLength: 20 }),
        rebalanceAt: fc.integer({ min: 0, max: 100 }),
      }),
      async (run) => {
        const grants = await saturate(run);
        const allowed = run.rate + burstOf(run.rate, run.weights.length);
        expect(overfullMinute(grants, () => allowed)).toBeNull();
      },
    ),
    { numRuns: 60 },
  );
});

it('grants nearly all of the limit to who takes it', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 60, max: 20_000 }), weights, async (rate, weights) => {
      const grants = await saturate({ rate, weights, stepsMs: [20], rebalanceAt: -1 });
      expect(grants.length).toBeGreaterThanOrEqual(2.5 * rate * 0.8 - weights.length);
    }),
    { numRuns: 12 },
  );
});

it('gives nothing for a lane that this worker owns no part of', async () => {
  const limits = new ShareLimits();
  expect(await limits.take('key', shared(6_000), NOW)).toEqual({ granted: false, retryAfterMs: 1_000 });
  limits.setShare(LANE, 0.5);
  expect(await limits.take('key', shared(6_000), NOW)).toEqual({ granted: true });
});

it('divides a key that two lanes draw on by the mean of the shares', () => {
  const limits = new ShareLimits();
  limits.setShare(LANE, 1);
  limits.setShare('marketing-throttled.google', 0.5);
  expect(limits.shareOf({ ratePerMinute: 1, sharedBy: [LANE, 'marketing-throttled.google'] })).toBe(0.75);
});

it('keeps a limit of this process to this process', async () => {
  const limits = new ShareLimits();
  const own: RateLimit = { ratePerMinute: 60, sharedBy: [] };
  expect(await limits.take('queue', own, NOW)).toEqual({ granted: true });
  expect(await limits.take('queue', own, NOW)).toEqual({ granted: false, retryAfterMs: 1_000 });
  expect(await limits.take('queue', own, NOW + 1_000)).toEqual({ granted: true });
});

it('takes all or none', async () => {
  const limits = new ShareLimits();
  const slow = { key: 'slow', limit: { ratePerMinute: 60, sharedBy: [] } };
  const slower = { key: 'slower', limit: { ratePerMinute: 6, sharedBy: [] } };
  expect(await limits.takeAll([slow, slower], NOW)).toEqual({ granted: true });
  expect(await limits.takeAll([slow, slower], NOW + 1_000)).toEqual({ granted: false, retryAfterMs: 9_000 });
  expect(await limits.take('slow', slow.limit, NOW + 1_000)).toEqual({ granted: true });
});

it('survives a clock that is set back an hour', async () => {
  const limits = new ShareLimits();
  const own: RateLimit = { ratePerMinute: 60, sharedBy: [] };
  await limits.take('key', own, NOW);
  const back = NOW - 3_600_000;
  expect(await limits.take('key', own, back)).toEqual({ granted: false, retryAfterMs: 1_000 });
  expect(await limits.take('key', own, back + 1_000)).toEqual({ granted: true });
});

it('books slots at this worker’s part of the rate', () => {
  const limits = new ShareLimits();
  limits.setShare(LANE, 0.5);
  const slots = [0, 0, 100].map((later) => limits.reserve('key', shared(60), NOW + later) - NOW);
  expect(slots).toEqual([2_000, 4_000, 6_000]);
  expect(limits.reserve('key', shared(60), NOW + 60_000) - NOW).toBe(62_000);
});
