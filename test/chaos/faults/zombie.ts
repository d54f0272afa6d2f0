import { load } from '../../support/load.ts';
import type { Pipeline } from '../../support/pipeline.ts';
import { IN_FLIGHT_MAX } from '../../support/pipeline-config.ts';
import { Random } from '../../support/random.ts';

const SEED = 3;
const JOBS = 150;
/** Replies take long enough for a worker to be stopped with many of them outstanding. */
const SLOW = 'slow-6000';

/** FAULTS.md 3: a worker stops for longer than its session, its successor takes over, and it wakes up again. */
export function zombies(pipeline: () => Pipeline): void {
  describe('a worker that is stopped past its session and continued', () => {
    it('lets go: what it has to say late is dropped, and its successor stays the owner', async () => {
      const prefix = 'zombie-';
      await using heir = await pipeline().start('worker');
      await using zombie = await pipeline().start('worker');
      const random = new Random(SEED);
      const jobs = load({
        prefix,
        count: JOBS,
        types: ['transactional', 'marketing'],
        random,
        mailbox: (n) => (n % 3 === 0 ? SLOW : 'ada'),
      });
      await pipeline().publish(jobs);
      // The sink journals such a mail before it answers: about half of these are the zombie's, and wait for their reply.
      const slow = () =>
        pipeline()
          .simulator.journal()
          .filter(({ recipient }) => recipient.startsWith(SLOW)).length;
      await pipeline().waitFor('mails whose reply is outstanding', () => slow() >= 20);
      zombie.signal('SIGSTOP');
      const doubted = () => heir.metric('postlane_uncertain_units_total');
      await pipeline().waitFor('the successor to take over', async () => (await doubted()) > 3);
      zombie.signal('SIGCONT');

      const verdict = await pipeline().judged(prefix, { duplicatesMax: 2 * IN_FLIGHT_MAX });
      expect(verdict).toMatchObject({ accepted: JOBS, lost: 0 });
      // Its late commits were refused, or it had no chance to try: in no case did the successor have to give anything up.
      expect(await heir.metric('postlane_tasks_migrated_total')).toBe(0);
      expect(zombie.exit).toBeNull();

      // Both go on as members of one group, and nothing is in doubt any more.
      const before = await doubted();
      await zombie.ready();
      await pipeline().publish(
        load({ prefix: 'after-zombie-', count: JOBS, types: ['transactional', 'marketing'], random }),
      );
      const after = await pipeline().judged('after-zombie-', { duplicatesMax: 0 });
      expect(after).toMatchObject({ endings: { sent: JOBS }, uncertain: 0 });
      expect(await doubted()).toBe(before);
    }, 240_000);
  });
}
