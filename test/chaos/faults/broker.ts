import { EMAIL_TYPES } from '../../../src/domain/policy.ts';
import { load } from '../../support/load.ts';
import type { Pipeline } from '../../support/pipeline.ts';
import { Random } from '../../support/random.ts';

const SEED = 4;
const JOBS = 600;

/** The broker dies under load and comes back on its data. No process of ours dies, so nothing of ours is in doubt. */
export function brokerRestarts(pipeline: () => Pipeline): void {
  describe('a broker that is killed and started again under load', () => {
    it('costs nothing and doubles nothing', async () => {
      const prefix = 'broker-';
      await using first = await pipeline().start('worker');
      await using second = await pipeline().start('worker');
      const jobs = load({
        prefix,
        count: JOBS,
        types: EMAIL_TYPES,
        random: new Random(SEED),
        mailbox: (_, chance) => (chance.next() < 0.3 ? `slow-${chance.between(100, 3_000)}` : 'ada'),
      });
      const streaming = pipeline().stream(jobs);
      await pipeline().progressed(prefix, JOBS * 0.3);
      await pipeline().infra.killBroker('SIGKILL');
      await pipeline().infra.startBroker();
      await streaming;

      const verdict = await pipeline().judged(prefix, { duplicatesMax: 0 });
      expect(verdict).toMatchObject({ accepted: JOBS, endings: { sent: JOBS }, lost: 0, duplicates: 0, uncertain: 0 });
      expect([first.exit, second.exit]).toEqual([null, null]);
    }, 300_000);
  });
}
