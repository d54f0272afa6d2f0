import type { EmailType } from '../../../src/domain/policy.ts';
import { load } from '../../support/load.ts';
import type { Pipeline } from '../../support/pipeline.ts';
import { IN_FLIGHT_MAX, ON_UNCERTAIN } from '../../support/pipeline-config.ts';
import { Random } from '../../support/random.ts';
import type { RoleProcess } from '../../support/role-process.ts';

interface Stage {
  /** Where the worker dies; the n-th time it comes there. */
  readonly failpoint: string;
  readonly where: string;
  /** Whether any of its mails can be in doubt: before its first declaration none is, from then on some are. */
  readonly uncertain: 'none' | 'some' | 'any';
  /** Whether the sink must hold second copies under `resend`. */
  readonly copies: 'none' | 'some' | 'any';
  readonly bodyBytes?: number;
}

const LARGE_BYTES = 100_000;

const STAGES: readonly Stage[] = [
  { failpoint: 'before-commit', where: 'before it declares anything', uncertain: 'none', copies: 'none' },
  { failpoint: 'after-commit', where: 'when its first declaration is committed', uncertain: 'some', copies: 'none' },
  { failpoint: 'before-effect:4', where: 'at the start of an attempt', uncertain: 'some', copies: 'any' },
  {
    failpoint: 'smtp-before-dot:2',
    where: 'in the middle of a message',
    uncertain: 'some',
    copies: 'any',
    bodyBytes: LARGE_BYTES,
  },
  { failpoint: 'smtp-after-dot:3', where: 'when the final dot is sent', uncertain: 'some', copies: 'some' },
  { failpoint: 'smtp-answered:3', where: 'when the 250 is read', uncertain: 'some', copies: 'some' },
  {
    failpoint: 'transaction-sent',
    where: 'with results sent and the position not',
    uncertain: 'some',
    copies: 'some',
  },
  { failpoint: 'transaction-moved', where: 'before the end of a transaction', uncertain: 'some', copies: 'some' },
  { failpoint: 'transaction-ended', where: 'when a transaction has ended', uncertain: 'any', copies: 'any' },
];

const TYPES = ['transactional', 'notification', 'marketing'] as const satisfies readonly EmailType[];
const JOBS = 120;
const SEED = 1;

/** FAULTS.md 1: a worker of each policy dies in the midst of its mails, and another one takes over. */
export function workerKills(pipeline: () => Pipeline): void {
  describe('a worker that is killed', () => {
    let heir: RoleProcess;
    beforeAll(async () => {
      heir = await pipeline().start('worker');
    }, 120_000);
    afterAll(() => pipeline().stop(heir));

    it.each(STAGES)(
      '$where loses nothing, and names what is in doubt ($failpoint)',
      async (stage) => {
        const prefix = `worker-${stage.failpoint.replace(':', '-')}-`;
        const environment = { POSTLANE_FAILPOINT: stage.failpoint };
        const armed = await Promise.all(
          TYPES.map((queue) => pipeline().start('worker', { queues: [queue], environment })),
        );
        const random = new Random(SEED);
        await pipeline().publish(load({ prefix, count: JOBS, types: TYPES, random, bodyBytes: stage.bodyBytes }));
        for (const role of armed) expect(await role.died()).toMatchObject({ signal: 'SIGKILL' });

        const verdict = await pipeline().judged(prefix, { duplicatesMax: IN_FLIGHT_MAX });
        expect(verdict).toMatchObject({ accepted: JOBS, lost: 0 });
        const facts = await pipeline().facts(prefix);
        const seen = TYPES.map((type) => {
          const own = facts.results.filter((result) => result.type === type);
          const doubted = new Set(own.filter(({ uncertain }) => uncertain).map(({ jobId }) => jobId)).size;
          return { type, doubted, unknown: own.filter(({ ending }) => ending === 'unknown').length };
        });
        for (const { type, doubted, unknown } of seen) {
          expect({ type, doubted, fits: fits(doubted, stage.uncertain) }).toMatchObject({ type, fits: true });
          expect({ type, unknown }).toEqual({ type, unknown: ON_UNCERTAIN[type] === 'resend' ? 0 : doubted });
        }
        expect({ ...verdict, fits: fits(verdict.duplicates, stage.copies) }).toMatchObject({ fits: true });
      },
      180_000,
    );
  });
}

const fits = (count: number, wanted: Stage['copies']): boolean =>
  wanted === 'any' || (wanted === 'some' ? count > 0 : count === 0);
