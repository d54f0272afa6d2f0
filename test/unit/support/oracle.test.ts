import type { DeliveryResult } from '../../../src/contracts/generated.ts';
import { type Bounds, type Facts, judge, mostInWindow, report, uphold } from '../../support/oracle.ts';

const result = (over: Partial<DeliveryResult>): DeliveryResult => ({
  jobId: 'a',
  tenant: 'default',
  type: 'transactional',
  recipient: 'ada@inbox.example',
  kind: 'ending',
  ending: 'sent',
  annotation: null,
  attempt: 1,
  at: 1_000,
  source: 's-1',
  site: 'inbox.example',
  smtpCode: 250,
  enhancedCode: null,
  reply: null,
  class: null,
  reason: null,
  messageId: '<1@shop.example>',
  uncertain: false,
  until: null,
  campaign: null,
  tags: [],
  metadata: [],
  ...over,
});
const copy = (jobId: string, at = 900) => ({ jobId, recipient: 'ada@inbox.example', at });
const commit = (offset: number, generation = 1) => ({
  group: 'postlane.router',
  topic: 'email.ingest.marketing',
  partition: 0,
  offset,
  metadata: `g${generation};`,
  generation,
});
const calm = (over: Partial<Facts> = {}): Facts => ({
  accepted: new Set(['a']),
  copies: [copy('a')],
  results: [result({})],
  ...over,
});
const found = (facts: Facts, bounds: Bounds = { duplicatesMax: 0 }) =>
  judge(facts, bounds).violations.map(({ invariant, what }) => `${invariant} ${what}`);

describe('the oracle', () => {
  it('has nothing to say of a job that was sent once', () => {
    expect(found(calm())).toEqual([]);
    expect(uphold(calm(), { duplicatesMax: 0 })).toMatchObject({
      accepted: 1,
      endings: { sent: 1 },
      lost: 0,
      duplicates: 0,
    });
  });

  it('misses a job that was lost', () => {
    expect(found(calm({ copies: [], results: [] }))).toEqual(['I1 it was accepted and has no ending']);
    expect(found(calm({ results: [result({ kind: 'attempt', ending: null })] }))).toEqual([
      'I1 it was accepted and has no ending',
    ]);
  });

  it('misses no second ending, not even the same one', () => {
    expect(found(calm({ results: [result({}), result({})] }))).toEqual(['I1 it has 2 endings']);
  });

  it('asks nothing of a job in doubt, but never takes two endings', () => {
    const inDoubt = { accepted: new Set<string>(), inDoubt: new Set(['a']) };
    expect(found(calm({ ...inDoubt, copies: [], results: [] }))).toEqual([]);
    expect(found(calm(inDoubt))).toEqual([]);
    expect(found(calm({ ...inDoubt, results: [result({}), result({})] }))).toEqual(['I1 it has 2 endings']);
  });

  it('sees a result and a copy of what nobody published', () => {
    expect(found(calm({ results: [result({}), result({ jobId: 'b', kind: 'attempt', ending: null })] }))).toEqual([
      'I2 nobody published it',
    ]);
    expect(found(calm({ copies: [copy('a'), copy('b')] }))).toEqual(['I2 nobody published it']);
  });

  it('counts copies, and wants each job with two of them named', () => {
    const doubled = { copies: [copy('a'), copy('a', 1_100)] };
    expect(found(calm(doubled))).toEqual([
      'I3 2 copies, and its results call it certain',
      'I3 1 copies beyond the first, and 0 are allowed',
    ]);
    expect(found(calm(doubled), { duplicatesMax: 1 })).toEqual(['I3 2 copies, and its results call it certain']);
    const named = calm({ ...doubled, results: [result({ uncertain: true })] });
    expect(found(named, { duplicatesMax: 1 })).toEqual([]);
    expect(found(named, { duplicatesMax: 1, held: new Set(['transactional']) })).toEqual(['I3 2 copies under hold']);
  });

  it('does not believe that something was sent, or was not', () => {
    expect(found(calm({ copies: [] }))).toEqual(['I4 it is called sent, and the sink has no copy']);
    expect(found(calm({ results: [result({ ending: 'bounced' })] }))).toEqual([
      'I4 the sink has a copy, and its ending is bounced with no word of doubt',
    ]);
    expect(found(calm({ results: [result({ ending: 'unknown', uncertain: true })] }))).toEqual([]);
  });

  it('sees mail to the suppressed', () => {
    const suppressedAt = new Map([['ada@inbox.example', 500]]);
    expect(found(calm({ suppressedAt }), { duplicatesMax: 0, propagationMs: 300 })).toEqual([
      'I5 sent 400 ms after its suppression',
    ]);
    expect(found(calm({ suppressedAt }), { duplicatesMax: 0, propagationMs: 500 })).toEqual([]);
  });

  it('sees positions and generations that go back', () => {
    expect(found(calm({ commits: [commit(5), commit(5), commit(9, 2)] }))).toEqual([]);
    expect(found(calm({ commits: [commit(9), commit(5)] }))).toEqual([
      'I6 postlane.router email.ingest.marketing/0: position 9 was followed by 5',
    ]);
    expect(found(calm({ commits: [commit(5, 3), commit(6, 2)] }))).toEqual([
      'I6 postlane.router email.ingest.marketing/0: generation 3 was followed by 2 at 6',
    ]);
  });

  it('tells the whole story of a job that went wrong', () => {
    const facts = calm({ copies: [copy('a'), copy('a', 1_100)] });
    const text = report(facts, judge(facts, { duplicatesMax: 1 }));
    expect(text.split('\n').map((line) => line.trim())).toEqual([
      expect.stringContaining('1 violations'),
      'I3 a: 2 copies, and its results call it certain',
      '1970-01-01T00:00:00.900Z the sink accepted a copy',
      '1970-01-01T00:00:01.000Z ending, sent, attempt 1, s-1',
      '1970-01-01T00:00:01.100Z the sink accepted a copy',
      // The copies are told once more, whether or not a violation named the job.
      'jobs with more than one copy:',
      'a',
      '1970-01-01T00:00:00.900Z the sink accepted a copy',
      '1970-01-01T00:00:01.000Z ending, sent, attempt 1, s-1',
      '1970-01-01T00:00:01.100Z the sink accepted a copy',
    ]);
    expect(() => uphold(facts, { duplicatesMax: 1 })).toThrow(/its results call it certain/);
  });
});

describe('the most in a sliding window', () => {
  it('is that of the worst moment', () => {
    expect(mostInWindow([], 1_000)).toBe(0);
    expect(mostInWindow([0, 400, 999, 1_000, 1_001], 1_000)).toBe(4);
    expect(mostInWindow([0, 1_000, 2_000], 1_000)).toBe(1);
  });
});
