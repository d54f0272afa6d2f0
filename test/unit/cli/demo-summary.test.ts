import { type DemoMail, demoLoad } from '../../../src/cli/demo/load.ts';
import { type DemoFacts as Facts, isConserved, summarise } from '../../../src/cli/demo/summary.ts';
import type { DeliveryResult, EndingSymbol } from '../../../src/contracts/generated.ts';

const AT = 1_000_000;
const MEANT: Readonly<Record<DemoMail['fate'], EndingSymbol | null>> = {
  good: 'sent',
  bouncing: 'bounced',
  deferring: 'sent',
  suppressed: 'suppressed',
  scheduled: 'sent',
  expired: 'expired',
  invalid: 'dead_lettered',
  malformed: null,
  'published-twice': 'sent',
};

const ending = (jobId: string, symbol: EndingSymbol): DeliveryResult =>
  ({ jobId, kind: 'ending', ending: symbol, uncertain: false }) as DeliveryResult;

/** A hundred mails, all of which came to what they were meant to. */
function calm(): Facts {
  const mails = demoLoad(100, 'run', AT);
  const results = mails.flatMap(({ id, fate }) => {
    const symbol = MEANT[fate];
    return symbol === null ? [] : [ending(id, symbol)];
  });
  return {
    mails,
    publishedAt: new Map(mails.map(({ id }) => [id, AT])),
    results,
    undecodable: mails.filter(({ job }) => job === null).length,
    journal: results.filter((each) => each.ending === 'sent').map(({ jobId }) => ({ jobId, at: AT + 10 })),
    startedAt: AT,
    endedAt: AT + 1_000,
  };
}

const firstOf = ({ mails }: Facts, fate: DemoMail['fate']): string =>
  mails.find((mail) => mail.fate === fate)?.id as string;

describe('the account of a demo', () => {
  it('is in order where each mail came to what it was meant to', () => {
    const summary = summarise(calm());
    expect(summary).toMatchObject({ accepted: 98, lost: 0, duplicates: 0, endedTwice: 0, otherwise: 0 });
    expect(summary.endings).toMatchObject({ bounced: 6, suppressed: 4, expired: 2, deadLettered: 2, sent: 84 });
    expect(isConserved(summary)).toBe(true);
  });

  const broken: readonly (readonly [string, (facts: Facts) => Facts])[] = [
    [
      'a suppressed mail that was sent',
      (facts) => {
        const id = firstOf(facts, 'suppressed');
        const results = facts.results.map((each) => (each.jobId === id ? ending(id, 'sent') : each));
        return { ...facts, results, journal: [...facts.journal, { jobId: id, at: AT }] };
      },
    ],
    ['a mail without an ending', (facts) => ({ ...facts, results: facts.results.slice(1) })],
    [
      'a mail with two endings',
      (facts) => ({ ...facts, results: [...facts.results, facts.results[0] as DeliveryResult] }),
    ],
    [
      'a copy too many',
      (facts) => ({ ...facts, journal: [...facts.journal, facts.journal[0] as Facts['journal'][0]] }),
    ],
    ['a mail that is sent and nowhere', (facts) => ({ ...facts, journal: facts.journal.slice(1) })],
    ['a malformed record without a dead letter', (facts) => ({ ...facts, undecodable: 0 })],
  ];

  it.each(broken)('is not in order with %s', (_, change) => {
    expect(isConserved(summarise(change(calm())))).toBe(false);
  });

  it('lets a copy go that the results call uncertain', () => {
    const facts = calm();
    const id = firstOf(facts, 'good');
    const results = facts.results.map((each) => (each.jobId === id ? { ...each, uncertain: true } : each));
    const journal = [...facts.journal, { jobId: id, at: AT + 20 }];
    expect(isConserved(summarise({ ...facts, results, journal }))).toBe(true);
  });
});
