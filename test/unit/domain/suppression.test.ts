import { jest } from '@jest/globals';
import fc from 'fast-check';
import type { Evidence, Suppression } from '../../../src/contracts/generated.ts';
import {
  addEvidence,
  EVIDENCE_PER_SEVERITY_MAX,
  emptySuppression,
  explainSuppression,
  suppresses,
} from '../../../src/domain/suppression.ts';

// A bound against hanging, not a promise: the machine may be busy with other suites.
jest.setTimeout(60_000);

const evidence = (kind: Evidence['kind'], at: number, eventId = `${kind}-${at}`): Evidence => ({
  eventId,
  kind,
  at,
  class: kind === 'bounced' ? 'invalid-recipient' : null,
  ruleVersion: kind === 'bounced' ? '1' : null,
  who: null,
  why: null,
});
const EMPTY = emptySuppression('recipient:a@x.example');
const fold = (...all: Evidence[]): Suppression => all.reduce(addEvidence, EMPTY);

describe('merging evidence about a recipient', () => {
  const anyEvidence = fc
    .record({
      kind: fc.constantFrom<Evidence['kind'][]>(
        'bounced',
        'complained',
        'unsubscribed',
        'suppression_added',
        'suppression_removed',
        'delivered',
      ),
      at: fc.integer({ min: 1, max: 12 }),
      id: fc.integer({ min: 0, max: 3 }),
    })
    .map(({ kind, at, id }) => evidence(kind, at, `${kind}-${at}-${id}`));

  it('gives the same row in any order and with any duplicates', () => {
    fc.assert(
      fc.property(
        fc
          .array(anyEvidence, { maxLength: 40 })
          .chain((events) =>
            fc.tuple(fc.constant(events), fc.shuffledSubarray([...events, ...events], { minLength: events.length })),
          ),
        ([events, shuffled]) => {
          // Whatever the shuffle left out is appended, so that both hold the same set.
          const complete = [...shuffled, ...events];
          expect(JSON.stringify(fold(...complete))).toBe(JSON.stringify(fold(...events)));
          expect(JSON.stringify(fold(...[...events].reverse()))).toBe(JSON.stringify(fold(...events)));
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('is active exactly where something happened after the last removal', () => {
    fc.assert(
      fc.property(fc.array(anyEvidence, { maxLength: 40 }), (events) => {
        const removedAt = Math.max(0, ...events.filter((e) => e.kind === 'suppression_removed').map((e) => e.at));
        const expected = events.some((e) => !['suppression_removed', 'delivered'].includes(e.kind) && e.at > removedAt);
        expect(fold(...events).active).toBe(expected);
      }),
      { numRuns: 500 },
    );
  });

  it('stays bounded', () => {
    const many = Array.from({ length: 200 }, (_, at) => evidence('bounced', at + 1));
    expect(fold(...many).evidence).toHaveLength(EVIDENCE_PER_SEVERITY_MAX);
  });

  it('lets nothing weaker or later erase what is stronger', () => {
    const row = fold(evidence('complained', 1), evidence('bounced', 2), evidence('unsubscribed', 3));
    expect(row).toMatchObject({ active: true, severity: 'complaint', since: 1 });
  });

  it('takes back by a removal what happened before it, and no more', () => {
    expect(fold(evidence('bounced', 2), evidence('suppression_removed', 5)).active).toBe(false);
    expect(fold(evidence('suppression_removed', 5), evidence('bounced', 5)).active).toBe(false);
    expect(fold(evidence('suppression_removed', 5), evidence('bounced', 6))).toMatchObject({ active: true, since: 6 });
  });
});

describe('a suppression', () => {
  const row = { ...fold(evidence('bounced', 10)), until: null };

  it('binds everyone unless it names a tenant, a type or an end', () => {
    expect(suppresses(row, 'default', 'marketing', 20)).toBe(true);
    expect(suppresses({ ...row, tenant: 'other' }, 'default', 'marketing', 20)).toBe(false);
    expect(suppresses({ ...row, type: 'marketing' }, 'default', 'transactional', 20)).toBe(false);
    expect(suppresses({ ...row, type: 'marketing' }, 'default', 'marketing', 20)).toBe(true);
    expect(suppresses({ ...row, until: 20 }, 'default', 'marketing', 20)).toBe(false);
    expect(suppresses({ ...row, active: false }, 'default', 'marketing', 20)).toBe(false);
  });

  it('says why', () => {
    expect(explainSuppression(row)).toBe(
      'hard_bounce: bounced 1970-01-01T00:00:00.010Z, class invalid-recipient, rules 1, event bounced-10',
    );
  });
});
