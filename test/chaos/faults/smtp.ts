import { load } from '../../support/load.ts';
import type { Pipeline } from '../../support/pipeline.ts';
import { Random } from '../../support/random.ts';

const SEED = 9;
/** Six seconds after the final dot, three for a reply to RCPT, a third of a second to connect. */
const PATIENCE_FACTOR = 0.01;
const RETRIES_MAX = 2;

/** What a mailbox does, and how its mail must end under `hold`. How each fault is classified, byte by byte, is the courier's own suite. */
const FAULTS = [
  { mailbox: 'reject-550-5.1.1', ending: 'bounced', doubt: false },
  { mailbox: 'reject-data-554-5.7.1', ending: 'bounced', doubt: false },
  { mailbox: 'reject-dot-554-5.6.0', ending: 'bounced', doubt: false },
  { mailbox: 'defer-2', ending: 'sent', doubt: false },
  { mailbox: 'defer-1-dot-450-4.2.1', ending: 'sent', doubt: false },
  { mailbox: 'long-2000-dot', ending: 'sent', doubt: false },
  { mailbox: 'hang-rcpt', ending: 'bounced', doubt: false },
  { mailbox: 'hang-data', ending: 'bounced', doubt: false },
  { mailbox: 'cut-data', ending: 'bounced', doubt: false },
  { mailbox: 'reset-data', ending: 'bounced', doubt: false },
  { mailbox: 'garbage', ending: 'bounced', doubt: false },
  { mailbox: 'tarpit', ending: 'bounced', doubt: false },
  { mailbox: 'hang-dot', ending: 'unknown', doubt: true },
  { mailbox: 'hang-dot-taken', ending: 'unknown', doubt: true },
  { mailbox: 'cut-dot', ending: 'unknown', doubt: true },
  { mailbox: 'cut-dot-taken', ending: 'unknown', doubt: true },
  { mailbox: 'reset-dot', ending: 'unknown', doubt: true },
  { mailbox: 'reset-dot-taken', ending: 'unknown', doubt: true },
  { mailbox: 'cut-reply', ending: 'unknown', doubt: true },
  { mailbox: 'garbage-dot', ending: 'unknown', doubt: true },
  { mailbox: 'cut-accepted', ending: 'sent', doubt: false },
  { mailbox: 'reset-accepted', ending: 'sent', doubt: false },
] as const;
const GOOD = 200;

/** FAULTS.md 9: servers that do what they should not, while others do what they should. */
export function smtpFaults(pipeline: () => Pipeline): void {
  describe('mail servers that break', () => {
    it('bring each mail to its right end and hold nobody else’s up', async () => {
      const settings = { patienceFactor: PATIENCE_FACTOR, retriesMax: RETRIES_MAX };
      await using worker = await pipeline().start('worker', { settings });
      const random = new Random(SEED);
      // Each fault has a site of its own, or the circuits would make them wait for each other.
      const bad = FAULTS.flatMap(({ mailbox }, n) =>
        load({
          prefix: `smtp-bad-${n}-`,
          count: 2,
          types: ['marketing'],
          random,
          mailbox: () => mailbox,
          sites: [`broken-${n}.example`],
        }),
      );
      const good = load({ prefix: 'smtp-good-', count: GOOD, types: ['marketing'], random });
      const [first, ...later] = [good.slice(0, GOOD / 2), bad, good.slice(GOOD / 2)];
      await pipeline().publish(first as typeof good);
      for (const jobs of later) await pipeline().publish(jobs);
      await pipeline().progressed('smtp-good-', GOOD);
      // They hang, and have hung for less than their patience: nobody has waited for them.
      expect(pipeline().endedOf('smtp-bad-')).toBeLessThan(bad.length);

      const verdict = await pipeline().judged('smtp-', { duplicatesMax: 0 });
      const ends = new Map<string, { ending: unknown; doubt: boolean }>();
      for (const result of pipeline().results) {
        if (result.kind === 'ending') ends.set(result.jobId, { ending: result.ending, doubt: result.uncertain });
      }
      const seen = FAULTS.map(({ mailbox }, n) => ({ mailbox, ...ends.get(`smtp-bad-${n}-0`) }));
      expect(seen).toEqual(FAULTS);
      expect(verdict).toMatchObject({
        lost: 0,
        duplicates: 0,
        uncertain: 2 * FAULTS.filter(({ doubt }) => doubt).length,
      });
      const goodEnds = good.map(({ id }) => ends.get(id as string)?.ending);
      expect(goodEnds.filter((ending) => ending !== 'sent')).toEqual([]);
      expect(worker.exit).toBeNull();
    }, 240_000);

    it('are waited for while they are shut, and no attempt is used up', async () => {
      const { simulator } = pipeline();
      await using worker = await pipeline().start('worker', {
        settings: { patienceFactor: PATIENCE_FACTOR, retriesMax: 1 },
      });
      await simulator.setSite('shut.example', { mode: '421-rcpt-4.7.28' });
      const random = new Random(SEED);
      const jobs = load({ prefix: 'smtp-shut-', count: 40, types: ['transactional'], random, sites: ['shut.example'] });
      const others = load({
        prefix: 'smtp-open-',
        count: 100,
        types: ['transactional'],
        random,
        sites: ['open.example'],
      });
      await pipeline().publish([...jobs, ...others]);
      await pipeline().progressed('smtp-open-', others.length);
      expect(pipeline().endedOf('smtp-shut-')).toBe(0);
      await simulator.setSite('shut.example', null);
      const verdict = await pipeline().judged('smtp-shut-', { duplicatesMax: 0 });
      expect(verdict).toMatchObject({ endings: { sent: jobs.length }, lost: 0, duplicates: 0, uncertain: 0 });

      // The whole relay, and nothing but the relay, is away: every mail waits, none is touched.
      await simulator.setSite('*', { mode: 'refuse-connections' });
      const refused = load({ prefix: 'smtp-refused-', count: 60, types: ['transactional'], random });
      await pipeline().publish(refused);
      const circuits = () => worker.metric('postlane_circuits_open', { source: 'transactional-1' });
      await pipeline().waitFor('the circuit of the relay to open', async () => (await circuits()) > 0);
      await simulator.setSite('*', null);
      const after = await pipeline().judged('smtp-refused-', { duplicatesMax: 0 });
      expect(after).toMatchObject({ endings: { sent: refused.length }, lost: 0, duplicates: 0, uncertain: 0 });
      expect(worker.exit).toBeNull();
    }, 240_000);
  });
}
