import type { Pipeline } from '../../support/pipeline.ts';
import { Random } from '../../support/random.ts';
import { type Blow, weather } from './storm.ts';

const SEED = 5;
const JOBS = 5_000;
const BLOWS: readonly Blow[] = [...Array<Blow>(5).fill('kill-worker'), ...Array<Blow>(3).fill('kill-router')];

/** Workers and the router die at random moments of one long load, and are replaced. */
export function randomKills(pipeline: () => Pipeline): void {
  describe('five workers and three routers that are killed at random moments', () => {
    it(`lose nothing of ${JOBS} jobs, and every second copy is named; none is under hold`, async () => {
      const blows = new Random(SEED).shuffled(BLOWS);
      const verdict = await weather(pipeline(), { prefix: 'kills-', seed: SEED, jobs: JOBS, blows });
      expect(verdict).toMatchObject({ accepted: JOBS, lost: 0, violations: [] });
      expect(verdict.duplicates).toBeLessThanOrEqual(verdict.uncertain);
      // Or no kill has hit anything, and this test shows nothing.
      expect(verdict.uncertain).toBeGreaterThan(0);
    }, 600_000);
  });
}
