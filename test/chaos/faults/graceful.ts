import { EMAIL_TYPES } from '../../../src/domain/policy.ts';
import { load } from '../../support/load.ts';
import type { Pipeline } from '../../support/pipeline.ts';
import { Random } from '../../support/random.ts';

const SEED = 20;
const JOBS = 900;

/** FAULTS.md 20: members come and go gracefully, while mails are on their way. */
export function gracefulChanges(pipeline: () => Pipeline): void {
  describe('members that come and go under load', () => {
    it('lose and double nothing: two workers become three, then one, and the router is replaced', async () => {
      const prefix = 'graceful-';
      await using first = await pipeline().start('worker');
      await using second = await pipeline().start('worker');
      const random = new Random(SEED);
      const jobs = load({
        prefix,
        count: JOBS,
        types: EMAIL_TYPES,
        random,
        mailbox: (_, chance) => (chance.next() < 0.4 ? `slow-${chance.between(100, 4_000)}` : 'ada'),
      });
      const streaming = pipeline().stream(jobs);
      await pipeline().progressed(prefix, JOBS * 0.1);
      await using third = await pipeline().start('worker');
      await pipeline().progressed(prefix, JOBS * 0.3);
      await using router = await pipeline().start('router');
      await pipeline().progressed(prefix, JOBS * 0.4);
      expect(await second.stop()).toMatchObject({ status: 0 });
      await pipeline().progressed(prefix, JOBS * 0.6);
      expect(await router.stop()).toMatchObject({ status: 0 });
      expect(await first.stop()).toMatchObject({ status: 0 });
      await streaming;

      const verdict = await pipeline().judged(prefix, { duplicatesMax: 0 });
      expect(verdict).toMatchObject({ accepted: JOBS, endings: { sent: JOBS }, lost: 0, duplicates: 0, uncertain: 0 });
      expect(third.exit).toBeNull();
    }, 300_000);
  });
}
