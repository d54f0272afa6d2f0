import { burstOf } from '../../src/domain/slots.ts';
import { SECOND_MS } from '../../src/domain/time.ts';
import { RedisLimits } from '../../src/limits/redis-limits.ts';
import { RedisWindows } from '../../src/limits/redis-windows.ts';
import { ShareLimits } from '../../src/limits/share-limits.ts';
import { startLimits } from '../../src/limits/start.ts';
import type { RateLimit, RateLimits } from '../../src/runtime/limits-port.ts';
import type { Clock } from '../../src/runtime/ports.ts';
import { RecordingTelemetry } from '../../src/testing/recording-telemetry.ts';
import { RedisServer } from '../support/redis-server.ts';

const LANE = 'transactional.google';
const COMMAND_TIMEOUT_MS = 250;
const shared = (ratePerMinute: number): RateLimit => ({ ratePerMinute, sharedBy: [LANE] });

const clock: Clock = {
  now: Date.now,
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      signal?.addEventListener('abort', () => {
        clearTimeout(timer);
        resolve();
      });
    }),
};

let redis: RedisServer;
const started: RateLimits[] = [];

beforeAll(async () => {
  redis = await RedisServer.start();
});
afterEach(async () => {
  redis.resume();
  await Promise.all(started.splice(0).map((limits) => limits.stop()));
});
afterAll(() => redis.kill());

let prefixes = 0;
/** Workers that share one count; a fresh one per call. */
async function workers(kind: 'share' | 'redis', count: number): Promise<RateLimits[]> {
  prefixes += 1;
  const options = { url: redis.url, keyPrefix: `test-${prefixes}:`, commandTimeoutMs: COMMAND_TIMEOUT_MS };
  const telemetry = new RecordingTelemetry();
  const all: RateLimits[] = [];
  for (let index = 0; index < count; index += 1) {
    const limits = await startLimits({ redis: kind === 'redis' ? options : null, clock, telemetry });
    limits.setShare(LANE, 1 / count);
    started.push(limits);
    all.push(limits);
  }
  return all;
}

/** Condition with a deadline. */
async function until(condition: () => boolean, what: string): Promise<void> {
  for (const deadline = Date.now() + 10 * SECOND_MS; !condition(); await clock.sleep(20)) {
    if (Date.now() > deadline) throw new Error(`never happened: ${what}`);
  }
}

describe.each(['share', 'redis'] as const)('RateLimits (%s)', (kind) => {
  it('says where the count is kept', async () => {
    const [limits] = await workers(kind, 1);
    expect(limits?.mode()).toBe(kind);
  });

  it('grants what a window holds, and says how long to wait for more', async () => {
    const [limits] = (await workers(kind, 1)) as [RateLimits];
    expect(await limits.take('one', shared(60), clock.now())).toEqual({ granted: true });
    const refused = await limits.take('one', shared(60), clock.now());
    expect(refused.granted).toBe(false);
    const { retryAfterMs } = refused as { readonly retryAfterMs: number };
    expect(retryAfterMs).toBeGreaterThan(0);
    expect(retryAfterMs).toBeLessThanOrEqual(SECOND_MS);
    await clock.sleep(retryAfterMs + 5);
    expect(await limits.take('one', shared(60), clock.now())).toEqual({ granted: true });
  });

  it('keeps keys apart', async () => {
    const [limits] = (await workers(kind, 1)) as [RateLimits];
    expect((await limits.take('a', shared(1), clock.now())).granted).toBe(true);
    expect((await limits.take('b', shared(1), clock.now())).granted).toBe(true);
    expect((await limits.take('a', shared(1), clock.now())).granted).toBe(false);
  });

  it('takes all or none', async () => {
    const [limits] = (await workers(kind, 1)) as [RateLimits];
    const demands = [
      { key: 'plenty', limit: shared(60_000) },
      { key: 'scarce', limit: shared(1) },
    ];
    expect((await limits.takeAll(demands, clock.now())).granted).toBe(true);
    for (let attempt = 0; attempt < 1_000; attempt += 1) {
      expect((await limits.takeAll(demands, clock.now())).granted).toBe(false);
    }
    expect((await limits.take('plenty', shared(60_000), clock.now())).granted).toBe(true);
  });

  it('holds the sum over all workers to limit and burst', async () => {
    const rate = 6_000;
    const all = await workers(kind, 3);
    let granted = 0;
    const startedAt = Date.now();
    while (Date.now() - startedAt < 3 * SECOND_MS) {
      for (const limits of all) {
        for (let take = 0; take < 5; take += 1) {
          if ((await limits.take('all', shared(rate), clock.now())).granted) granted += 1;
        }
      }
      await clock.sleep(10);
    }
    const earned = (rate * (Date.now() - startedAt)) / 60_000;
    expect(granted).toBeLessThanOrEqual(earned + burstOf(rate, 3));
    expect(granted).toBeGreaterThan(0);
  });

  it('books slots one after the other', async () => {
    const [limits] = (await workers(kind, 1)) as [RateLimits];
    const now = clock.now();
    const slots = [1, 2, 3].map(() => limits.reserve('slots', shared(60), now) - now);
    expect(slots).toEqual([1_000, 2_000, 3_000]);
  });
});

describe('Redis', () => {
  it('that is stopped does not hold a mail for longer than the time-out, and is used again when it goes on', async () => {
    const [limits] = (await workers('redis', 1)) as [RateLimits];
    redis.suspend();
    const taken = await Promise.all(
      Array.from({ length: 20 }, (_, index) => limits.take(`stopped-${index}`, shared(60), clock.now())),
    );
    expect(taken.every(({ granted }) => granted)).toBe(true);
    expect(limits.mode()).toBe('share');
    redis.resume();
    await until(() => limits.mode() === 'redis', 'back to Redis');
    expect((await limits.take('after', shared(60), clock.now())).granted).toBe(true);
  });

  it('that is killed and started again costs one burst at most', async () => {
    const rate = 1_200;
    const all = await workers('redis', 2);
    const grants: number[] = [];
    let running = true;
    const taking = all.map(async (limits) => {
      while (running) {
        if ((await limits.take('kill', shared(rate), clock.now())).granted) grants.push(Date.now());
        await clock.sleep(2);
      }
    });
    const startedAt = Date.now();
    await until(() => grants.length > 10, 'some were granted');
    await redis.kill();
    await until(() => all.every((limits) => limits.mode() === 'share'), 'all went on alone');
    const alone = grants.length;
    await until(() => grants.length > alone + 20, 'some were granted without Redis');
    await redis.start();
    await until(() => all.every((limits) => limits.mode() === 'redis'), 'all came back');
    const together = grants.length;
    await until(() => grants.length > together + 20, 'some were granted after the return');
    running = false;
    await Promise.all(taking);
    const earned = (rate * (Date.now() - startedAt)) / 60_000;
    expect(grants.length).toBeLessThanOrEqual(earned + 3 * burstOf(rate, 2));
  });

  it('that never was there is no reason not to start, nor to stop', async () => {
    const store = new RedisWindows({ url: 'redis://127.0.0.1:1', keyPrefix: '', commandTimeoutMs: COMMAND_TIMEOUT_MS });
    const insurance = new ShareLimits();
    const limits = await RedisLimits.start({ store, insurance, clock, telemetry: new RecordingTelemetry() });
    limits.setShare(LANE, 1);
    expect(limits.mode()).toBe('share');
    expect((await limits.take('none', shared(60), clock.now())).granted).toBe(true);
    await limits.stop();
    await limits.stop();
  });

  it('keeps no key for longer than its window', async () => {
    const store = new RedisWindows({ url: redis.url, keyPrefix: 'expiry:', commandTimeoutMs: COMMAND_TIMEOUT_MS });
    const window = { points: 2, windowMs: 300 };
    await store.probe();
    expect(await store.consume('key', window, 1)).toEqual({ granted: 1, remainingMs: 300 });
    expect((await store.consume('key', window, 3)).granted).toBe(1);
    const { granted, remainingMs } = await store.consume('key', window, 1);
    expect(granted).toBe(0);
    await clock.sleep(remainingMs + 5);
    expect(await store.consume('key', window, 2)).toEqual({ granted: 2, remainingMs: 300 });
    await store.close();
  });
});
