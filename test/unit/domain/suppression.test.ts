import { jest } from '@jest/globals';
import fc from 'fast-check';
import type { Evidence, Suppression } from '../../../src/contracts/generated.ts';
import {
  addEvidence,
  EVIDENCE_PER_GROUND_MAX,
  emptySuppression,
  explainSuppression,
  groundFor,
  rowFor,
  suppresses,
  tenantRecipientSubject,
} from '../../../src/domain/suppression.ts';
import { DAY_MS } from '../../../src/domain/time.ts';
import { anEvidence } from '../../../src/testing/builders.ts';

// A bound against hanging, not a promise: the machine may be busy with other suites.
jest.setTimeout(60_000);

const SEVERITY: Partial<Record<Evidence['kind'], Evidence['severity']>> = {
  bounced: 'hard_bounce',
  complained: 'complaint',
  unsubscribed: 'unsubscribe',
  suppression_added: 'manual',
};
const evidence = (kind: Evidence['kind'], at: number, over: Partial<Evidence> = {}): Evidence =>
  anEvidence({
    eventId: `${kind}-${at}`,
    kind,
    at,
    class: kind === 'bounced' ? 'invalid-recipient' : null,
    ruleVersion: kind === 'bounced' ? '1' : null,
    severity: SEVERITY[kind] ?? 'unknown',
    ...over,
  });
const EMPTY = emptySuppression('recipient:a@x.example');
const fold = (...all: Evidence[]): Suppression => all.reduce((row, one) => addEvidence(row, one), EMPTY);
const TYPES = ['transactional', 'notification', 'marketing'] as const;

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
      tenant: fc.constantFrom(null, null, 'a', 'b'),
      type: fc.constantFrom(null, null, 'marketing' as const),
      soft: fc.boolean(),
    })
    .map(({ kind, at, id, tenant, type, soft }) => {
      const eventId = `${kind}-${at}-${id}-${tenant}-${type}-${soft}`;
      const severity = kind === 'bounced' && soft ? ({ severity: 'soft_bounces' } as const) : {};
      return evidence(kind, at * DAY_MS, { eventId, tenant, type, ...severity });
    });

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

  it('keeps back exactly what the whole history keeps back', () => {
    fc.assert(
      fc.property(fc.array(anyEvidence, { maxLength: 40 }), fc.constantFrom(...TYPES), (events, type) => {
        const row = fold(...events);
        for (const tenant of ['a', 'b', 'c']) {
          const concerned = events.filter(
            (one) => (one.tenant === null || one.tenant === tenant) && (one.type === null || one.type === type),
          );
          const lifted = concerned.filter(({ kind }) => kind === 'suppression_removed').map(({ at }) => at);
          const expected = concerned.some(
            (one) =>
              !['suppression_removed', 'delivered'].includes(one.kind) &&
              one.severity !== 'soft_bounces' &&
              !(one.kind === 'unsubscribed' && one.type === null && type === 'transactional') &&
              one.at > Math.max(0, ...lifted),
          );
          const ground = groundFor(row, tenant, type, 0);
          expect(ground !== null && ground.severity !== 'soft_bounces').toBe(expected);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('stays bounded', () => {
    const many = Array.from({ length: 200 }, (_, at) => evidence('bounced', at + 1));
    expect(fold(...many).evidence).toHaveLength(EVIDENCE_PER_GROUND_MAX);
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
  const row = fold(evidence('bounced', 10));

  it('binds everyone unless it names a tenant, a type or an end', () => {
    expect(suppresses(row, 'default', 'marketing', 20)).toBe(true);
    expect(suppresses({ ...row, tenant: 'other' }, 'default', 'marketing', 20)).toBe(false);
    expect(suppresses({ ...row, type: 'marketing' }, 'default', 'transactional', 20)).toBe(false);
    expect(suppresses({ ...row, type: 'marketing' }, 'default', 'marketing', 20)).toBe(true);
    expect(suppresses({ ...row, until: 20 }, 'default', 'marketing', 20)).toBe(false);
    expect(suppresses({ ...row, active: false }, 'default', 'marketing', 20)).toBe(false);
  });

  it('of one tenant leaves the mail of another alone, whatever else is known', () => {
    const complaint = evidence('complained', 10, { tenant: 'a' });
    const both = fold(complaint, evidence('unsubscribed', 11, { tenant: 'b', type: 'marketing' }));
    expect(both).toMatchObject({ active: true, severity: 'complaint', tenant: null, type: null });
    expect(suppresses(both, 'a', 'transactional', 20)).toBe(true);
    expect(suppresses(both, 'b', 'transactional', 20)).toBe(false);
    expect(suppresses(both, 'b', 'marketing', 20)).toBe(true);
    expect(suppresses(both, 'c', 'marketing', 20)).toBe(false);
    expect(fold(complaint)).toMatchObject({ tenant: 'a', type: null });
  });

  it('by leaving all lists does not reach what somebody waits for', () => {
    const left = fold(evidence('unsubscribed', 10, { tenant: 'a' }));
    expect(TYPES.map((type) => suppresses(left, 'a', type, 20))).toEqual([false, true, true]);
  });

  it('of everyone can be lifted for one tenant', () => {
    const lifted = fold(evidence('bounced', 10), evidence('suppression_removed', 12, { tenant: 'a' }));
    expect(['a', 'b'].map((tenant) => suppresses(lifted, tenant, 'marketing', 20))).toEqual([false, true]);
    const again = addEvidence(lifted, evidence('bounced', 13));
    expect(suppresses(again, 'a', 'marketing', 20)).toBe(true);
  });

  it('is shown to a tenant without what others said, and without what was lifted for it', () => {
    const complaint = evidence('complained', 10, { tenant: 'a' });
    const row = fold(complaint, evidence('bounced', 9), evidence('suppression_removed', 12, { tenant: 'b' }));
    expect(rowFor(row, 'a')).toMatchObject({ active: true, severity: 'complaint' });
    expect(rowFor(row, 'b')).toMatchObject({ active: false, since: 12, evidence: [{ kind: 'suppression_removed' }] });
    expect(rowFor(row, 'c')).toMatchObject({ active: true, severity: 'hard_bounce', evidence: [{ at: 9 }] });
    expect(rowFor(fold(complaint), 'c').evidence).toEqual([]);
  });

  it('under a tenant’s own subject binds that tenant and nobody else, also once it is lifted', () => {
    const empty = emptySuppression(tenantRecipientSubject('a', 'a@x.example'));
    const added = addEvidence(empty, evidence('suppression_added', 10));
    expect(added).toMatchObject({ active: true, tenant: 'a', evidence: [{ tenant: 'a' }] });
    expect(['a', 'b'].map((tenant) => suppresses(added, tenant, 'marketing', 20))).toEqual([true, false]);
    const lifted = addEvidence(added, evidence('suppression_removed', 12, { tenant: 'a' }));
    expect(lifted).toMatchObject({ active: false, tenant: 'a' });
  });

  it('takes several soft bounces, on several days, and ends by itself', () => {
    const soft = (at: number) => evidence('bounced', at, { severity: 'soft_bounces' });
    const days = (...numbers: number[]) => fold(...numbers.map((day, n) => soft(day * DAY_MS + n)));
    expect(days(1, 2, 3, 4)).toMatchObject({ active: false, severity: 'unknown', until: null });
    expect(days(1, 1, 2, 2, 2).active).toBe(false);
    expect(days(1, 10, 20, 30, 40).active).toBe(false);
    const row = days(1, 2, 3, 4, 5);
    const until = 35 * DAY_MS + 4;
    expect(row).toMatchObject({ active: true, severity: 'soft_bounces', until });
    expect([until - 1, until].map((now) => suppresses(row, 'a', 'marketing', now))).toEqual([true, false]);
    expect(addEvidence(row, evidence('complained', 1))).toMatchObject({ severity: 'complaint', until: null });
  });

  it('is known of old rows, which did not name what they are for', () => {
    const old = { ...row, evidence: row.evidence.map((one) => ({ ...one, severity: 'unknown' as const })) };
    expect(suppresses(old, 'default', 'marketing', 20)).toBe(true);
  });

  it('says why', () => {
    expect(explainSuppression(row, 'default', 'marketing', 20)).toBe(
      'hard_bounce: bounced 1970-01-01T00:00:00.010Z, class invalid-recipient, rules 1, event bounced-10',
    );
  });
});
