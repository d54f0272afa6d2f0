import fc from 'fast-check';
import { burstOf } from '../../../src/domain/slots.ts';
import { MINUTE_MS } from '../../../src/domain/time.ts';
import { RedisLimits } from '../../../src/limits/redis-limits.ts';
import { ShareLimits } from '../../../src/limits/share-limits.ts';
import type { RateLimit } from '../../../src/runtime/limits-port.ts';
import { RecordingTelemetry } from '../../../src/testing/recording-telemetry.ts';
import { settled, VirtualClock } from '../../../src/testing/virtual-clock.ts';
import { FakeWindowStore } from './fake-window-store.ts';
import { overfullMinute } from './sliding-minute.ts';

const LANE = 'marketing.google';
const shared = (ratePerMinute: number): RateLimit => ({ ratePerMinute, sharedBy: [LANE] });

async function startWorkers(count: number) {
  const clock = new VirtualClock();
  const store = new FakeWindowStore(clock);
  const telemetry = new RecordingTelemetry();
  const workers: RedisLimits[] = [];
  for (let index = 0; index < count; index += 1) {
    const insurance = new ShareLimits();
    insurance.setShare(LANE, 1 / count);
    workers.push(await RedisLimits.start({ store, insurance, clock, telemetry }));
  }
  const stop = () => Promise.all(workers.map((worker) => worker.stop()));
  return { clock, store, telemetry, workers, stop };
}

interface Run {
  readonly rate: number;
  readonly workers: number;
  readonly stepsMs: readonly number[];
  readonly takes: readonly number[];
  /** Steps at which Redis goes and comes back, in turn; it forgets when it goes. */
  readonly changes: readonly number[];
}

/** Two minutes in which every worker asks, at every step, for as many tokens as `takes` says, all at once. */
async function simulate(run: Run): Promise<{ readonly grants: number[]; readonly changedAt: number[] }> {
  const { clock, store, workers, stop } = await startWorkers(run.workers);
  const grants: number[] = [];
  const changedAt: number[] = [];
  const end = clock.now() + 2 * MINUTE_MS;
  for (let step = 0; clock.now() < end; step += 1) {
    if (run.changes.includes(step)) {
      store.down = !store.down;
      if (store.down) store.forget();
      changedAt.push(clock.now());
    }
    const now = clock.now();
    const asking = workers.flatMap((worker) =>
      Array.from({ length: run.takes[step % run.takes.length] as number }, () =>
        worker.take('key', shared(run.rate), now),
      ),
    );
    for (const { granted } of await Promise.all(asking)) if (granted) grants.push(now);
    await clock.advance(run.stepsMs[step % run.stepsMs.length] as number);
  }
  await stop();
  return { grants, changedAt };
}

const CHANGE_LASTS_MS = 1_500;

it('grants no sliding minute more than the limit and the stated burst, once more at each change of Redis', async () => {
  const run = fc.record({
    rate: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 300, max: 10_000 })),
    workers: fc.integer({ min: 1, max: 4 }),
    stepsMs: fc.array(fc.integer({ min: 20, max: 300 }), { minLength: 1, maxLength: 10 }),
    takes: fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 1, maxLength: 10 }),
    changes: fc.uniqueArray(fc.integer({ min: 20, max: 500 }), { maxLength: 4 }),
  });
  await fc.assert(
    fc.asyncProperty(run, async (run) => {
      const { grants, changedAt } = await simulate(run);
      const burst = burstOf(run.rate, run.workers);
      const overfull = overfullMinute(grants, (start, end) => {
        const changes = changedAt.filter((at) => at + CHANGE_LASTS_MS >= start && at < end).length;
        return run.rate + burst * (1 + changes);
      });
      expect(overfull).toBeNull();
    }),
    { numRuns: 25 },
  );
}, 60_000);

it('grants nearly all of the limit to who takes it, with few commands', async () => {
  const { clock, store, workers, stop } = await startWorkers(2);
  const start = store.commands;
  let granted = 0;
  for (const end = clock.now() + MINUTE_MS; clock.now() < end; await clock.advance(10)) {
    for (const worker of workers) {
      for (let take = 0; take < 5; take += 1) {
        if ((await worker.take('key', shared(24_000), clock.now())).granted) granted += 1;
      }
    }
  }
  await stop();
  expect(granted).toBeGreaterThan(24_000 * 0.95);
  expect(store.commands - start).toBeLessThan(granted / 5);
});

it('asks once for all who ask at once', async () => {
  const { clock, store, workers, stop } = await startWorkers(1);
  const before = store.commands;
  const taken = await Promise.all(
    Array.from({ length: 50 }, () => (workers[0] as RedisLimits).take('key', shared(6_000), clock.now())),
  );
  expect(taken.filter(({ granted }) => granted)).toHaveLength(25);
  expect(store.commands - before).toBe(1);
  await stop();
});

it('leaves the tokens of a quiet worker to the others', async () => {
  const { clock, workers, stop } = await startWorkers(2);
  const [busy, quiet] = workers as [RedisLimits, RedisLimits];
  let granted = 0;
  for (const end = clock.now() + MINUTE_MS; clock.now() < end; await clock.advance(10)) {
    if (clock.now() % 1_000 === 0) await quiet.take('key', shared(2_400), clock.now());
    while ((await busy.take('key', shared(2_400), clock.now())).granted) granted += 1;
  }
  await stop();
  expect(granted).toBeGreaterThan(2_400 * 0.9);
});

it('goes on by share when Redis fails, and comes back when it has answered twice', async () => {
  const { clock, store, telemetry, workers, stop } = await startWorkers(1);
  const [worker] = workers as [RedisLimits];
  expect(worker.mode()).toBe('redis');
  store.down = true;
  expect(await worker.take('key', shared(600), clock.now())).toEqual({ granted: true });
  expect(worker.mode()).toBe('share');
  await clock.advance(5_000);
  expect(worker.mode()).toBe('share');
  store.down = false;
  await clock.advance(600);
  expect(worker.mode()).toBe('share');
  await clock.advance(500);
  await settled();
  expect(worker.mode()).toBe('redis');
  expect(telemetry.sum('postlane_limiter_mode_changes_total')).toBe(3);
  await stop();
});

it('starts without Redis', async () => {
  const clock = new VirtualClock();
  const store = new FakeWindowStore(clock);
  store.down = true;
  const telemetry = new RecordingTelemetry();
  const starting = RedisLimits.start({ store, insurance: new ShareLimits(), clock, telemetry });
  await clock.advance(1_000);
  const worker = await starting;
  expect(worker.mode()).toBe('share');
  expect(telemetry.logged.map(({ level }) => level)).toEqual(['warn']);
  await worker.stop();
});

it('gives back what it took in vain', async () => {
  const { clock, workers, stop } = await startWorkers(1);
  const [worker] = workers as [RedisLimits];
  const free = { key: 'free', limit: shared(240) };
  const full = { key: 'full', limit: { ratePerMinute: 1, sharedBy: [] } };
  expect((await worker.takeAll([free, full], clock.now())).granted).toBe(true);
  await clock.advance(300);
  expect((await worker.takeAll([free, full], clock.now())).granted).toBe(false);
  expect((await worker.take('free', free.limit, clock.now())).granted).toBe(true);
  expect((await worker.take('free', free.limit, clock.now())).granted).toBe(false);
  await stop();
});
