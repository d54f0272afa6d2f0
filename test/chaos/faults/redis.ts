import { load } from '../../support/load.ts';
import { mostInWindow } from '../../support/oracle.ts';
import type { Pipeline } from '../../support/pipeline.ts';
import { Random } from '../../support/random.ts';

const SEED = 7;
const RATE_PER_MINUTE = 300;
const MINUTE_MS = 60_000;
const WINDOWS_MS = [10_000, 20_000, MINUTE_MS];
const WORKERS = 2;
/** The limits' own promise (docs/configuration.md): a second's worth, one mail, and one per worker. */
const BURST = RATE_PER_MINUTE / 60 + 1 + WORKERS;
/** Redis goes and comes: the burst once more for each. */
const CHANGES = 2;
const JOBS = 160;
const SITE = 'limited.example';

/** FAULTS.md I8: limits hold at the sink with Redis, without it, and while it comes and goes. */
export function redisRestarts(pipeline: () => Pipeline): void {
  describe('Redis that is killed and started again under two workers', () => {
    it('costs no mail, and no site more than the stated bursts', async () => {
      const prefix = 'redis-';
      const settings = { ratePerMinute: RATE_PER_MINUTE };
      await using first = await pipeline().start('worker', { settings });
      await using second = await pipeline().start('worker', { settings });
      const modes = (mode: string) =>
        Promise.all([first, second].map((one) => one.metric('postlane_limiter_mode', { mode })));
      const jobs = load({ prefix, count: JOBS, types: ['transactional'], random: new Random(SEED), sites: [SITE] });
      await pipeline().publish(jobs);
      await pipeline().progressed(prefix, JOBS * 0.25);
      await pipeline().waitFor('counting in Redis', async () => String(await modes('redis')) === '1,1');
      await pipeline().infra.killRedis('SIGKILL');
      await pipeline().progressed(prefix, JOBS * 0.6);
      await pipeline().waitFor('counting by share', async () => String(await modes('share')) === '1,1');
      await pipeline().infra.startRedis();

      const verdict = await pipeline().judged(prefix, { duplicatesMax: 0 });
      expect(verdict).toMatchObject({ accepted: JOBS, endings: { sent: JOBS }, lost: 0, duplicates: 0, uncertain: 0 });
      const { copies } = await pipeline().facts(prefix);
      const times = copies.map(({ at }) => at);
      const allowed = (windowMs: number) => (RATE_PER_MINUTE * windowMs) / MINUTE_MS + BURST * (1 + CHANGES);
      // A minute is longer than the load; the same promise holds for the shorter windows, where it bites.
      const excess = WINDOWS_MS.map((windowMs) => ({ windowMs, most: mostInWindow(times, windowMs) })).filter(
        ({ windowMs, most }) => most > allowed(windowMs),
      );
      expect(excess).toEqual([]);
      const pair = pipeline()
        .simulator.stats()
        .pairs.find(({ site }) => site === SITE);
      expect(pair?.messagesPerMinuteMax).toBeLessThanOrEqual(allowed(MINUTE_MS));
    }, 300_000);
  });
}
