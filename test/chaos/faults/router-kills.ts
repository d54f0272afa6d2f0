import type { EmailJob } from '../../../src/contracts/generated.ts';
import { type Topic, topics } from '../../../src/contracts/topic.ts';
import { EMAIL_TYPES, PROVIDERS, QUEUES } from '../../../src/domain/policy.ts';
import { collect } from '../../support/collect.ts';
import { readWithJava } from '../../support/java-clients.ts';
import { load } from '../../support/load.ts';
import type { Pipeline } from '../../support/pipeline.ts';
import { Random } from '../../support/random.ts';
import type { RoleProcess } from '../../support/role-process.ts';

const STAGES = [
  { failpoint: 'transaction-sent:2', where: 'with its outputs sent and the position not' },
  { failpoint: 'transaction-moved:3', where: 'before the end of its transaction' },
  { failpoint: 'transaction-ended:3', where: 'when its transaction has ended' },
  { failpoint: 'transaction-sent:1', where: 'in the first transaction of its life' },
];
const JOBS = 200;
const WAVE = 30;
const SEED = 2;
const PREFIX = 'router';

/** FAULTS.md 2: a router dies within a transaction, and another one takes over. */
export function routerKills(pipeline: () => Pipeline): void {
  describe('a router that is killed', () => {
    let heir: RoleProcess;
    beforeAll(async () => {
      heir = await pipeline().start(['worker', 'router']);
    }, 120_000);
    afterAll(() => pipeline().stop(heir));

    it.each(STAGES)(
      '$where routes every job once ($failpoint)',
      async ({ failpoint }) => {
        const prefix = `${PREFIX}-${failpoint.replace(':', '-')}-`;
        const armed = await pipeline().start('router', { environment: { POSTLANE_FAILPOINT: failpoint } });
        const jobs = load({ prefix, count: JOBS, types: EMAIL_TYPES, random: new Random(SEED) });
        // Little by little: what comes at once shares a transaction.
        for (let at = 0; at < JOBS; at += WAVE) await pipeline().publish(jobs.slice(at, at + WAVE));
        expect(await armed.died()).toMatchObject({ signal: 'SIGKILL' });
        // A client that did not hear of its success sends again: the successor must know what its predecessor let through.
        await pipeline().publish(jobs.filter((_, n) => n % 3 === 0));

        const verdict = await pipeline().judged(prefix, { duplicatesMax: 0 });
        expect(verdict).toMatchObject({
          accepted: JOBS,
          endings: { sent: JOBS },
          lost: 0,
          duplicates: 0,
          uncertain: 0,
        });
      },
      180_000,
    );

    it('leaves in lanes and results what it has committed and nothing else, as Kafka’s own client sees it', async () => {
      const { kafka, codec, infra } = pipeline();
      const lanes = QUEUES.flatMap((queue) => PROVIDERS.map((provider) => topics.send({ queue, provider })));
      const routed: string[] = [];
      for (const lane of lanes) {
        for (const { value } of await collect<EmailJob>(kafka, codec, lane)) routed.push(value.id);
      }
      const mine = routed.filter((id) => id.startsWith(PREFIX));
      expect(mine).toHaveLength(STAGES.length * JOBS);
      expect(new Set(mine).size).toBe(mine.length);

      const [broker = ''] = infra.brokers;
      const lane = topics.send({ queue: 'transactional', provider: 'other' });
      const [ofLane, ofResults, uncommitted] = await Promise.all([
        readWithJava(broker, lane.name),
        readWithJava(broker, topics.results('transactional').name),
        readWithJava(broker, lane.name, 'read_uncommitted'),
      ]);
      const place = (partition: number, offset: number) => `${partition}@${offset}`;
      const seen = (records: typeof ofLane) => records.map((one) => place(one.partition, one.offset)).sort();
      const ours = async <V>(topic: Topic<V>) =>
        (await collect(kafka, codec, topic)).map(({ partition, record }) => place(partition, record.offset)).sort();
      expect(seen(ofLane)).toEqual(await ours(lane));
      expect(seen(ofResults)).toEqual(await ours(topics.results('transactional')));
      // Or there was nothing to be hidden, and this test shows nothing.
      expect(uncommitted.length).toBeGreaterThan(ofLane.length);
    }, 120_000);
  });
}
