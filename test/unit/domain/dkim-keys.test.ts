import fc from 'fast-check';
import type { DkimKeyRow, SenderCheck } from '../../../src/contracts/generated.ts';
import {
  DKIM_TRANSIT_MS,
  newSelector,
  retirementProblem,
  signingKeys,
  standingKeys,
} from '../../../src/domain/dkim-keys.ts';

const CONFIGURED = { selector: 'first', algorithm: 'rsa-sha256', privateKey: 'file:first' } as const;
const row = (selector: string, at: number, until: number | null = null): DkimKeyRow => ({
  selector,
  algorithm: 'rsa-sha256',
  privateKey: `file:${selector}`,
  record: `v=DKIM1; p=${selector}`,
  at,
  until,
});
const shown = (...keys: readonly (readonly [string, number])[]): Pick<SenderCheck, 'keys'> => ({
  keys: keys.map(([selector, since]) => ({ selector, record: `v=DKIM1; p=${selector}`, since })),
});
const states = (
  rows: readonly DkimKeyRow[],
  check: Pick<SenderCheck, 'keys'> | undefined,
  now = 1_000,
  settleMs = 100,
) =>
  Object.fromEntries(
    standingKeys({ configured: [CONFIGURED], rows, check }, now, settleMs).map(({ selector, state }) => [
      selector,
      state,
    ]),
  );

describe('where keys stand', () => {
  it('a key of the configuration signs until a newer one is shown for long enough', () => {
    expect(states([], undefined)).toEqual({ first: 'signing' });
    expect(states([row('next', 500)], undefined)).toEqual({ first: 'signing', next: 'waiting' });
    expect(states([row('next', 500)], shown(['next', 950]))).toEqual({ first: 'signing', next: 'waiting' });
    expect(states([row('next', 500)], shown(['next', 900]))).toEqual({ first: 'overlapping', next: 'signing' });
  });

  it('another key at the selector does not count', () => {
    const other = { keys: [{ selector: 'next', record: 'v=DKIM1; p=other', since: 0 }] };
    expect(states([row('next', 500)], other)).toEqual({ first: 'signing', next: 'waiting' });
  });

  it('the key before signs again where the newest is shown no longer', () => {
    expect(states([row('a', 1), row('b', 2)], shown(['a', 1]))).toEqual({
      first: 'overlapping',
      a: 'signing',
      b: 'waiting',
    });
  });

  it('a retired key never signs, one of the configuration neither', () => {
    expect(states([row('first', 1, 5), row('a', 2)], undefined)).toEqual({ first: 'retired', a: 'waiting' });
  });

  it('may be retired only when nothing that it signed can be on its way', () => {
    const [first] = standingKeys({ configured: [CONFIGURED], rows: [row('a', 1)], check: shown(['a', 1]) }, 1_000, 0);
    if (first === undefined) throw new Error('no key');
    expect(first.state).toBe('overlapping');
    expect(retirementProblem(first, 1_000)).toMatch(/on their way/);
    expect(retirementProblem(first, 1 + DKIM_TRANSIT_MS)).toBeNull();
  });

  it('one key per algorithm signs at most, and none that the DNS does not show', () => {
    const rows = fc.uniqueArray(fc.record({ n: fc.nat(20), at: fc.nat(1_000), until: fc.option(fc.nat(1_000)) }), {
      selector: ({ n }) => n,
      maxLength: 8,
    });
    fc.assert(
      fc.property(
        rows,
        fc.uniqueArray(fc.tuple(fc.nat(20), fc.nat(1_000)), { selector: ([n]) => n }),
        fc.nat(2_000),
        (keys, seen, now) => {
          const made = keys.map(({ n, at, until }) => row(`k${n}`, at, until)).sort((a, b) => a.at - b.at);
          const check = shown(...seen.map(([n, since]) => [`k${n}`, since] as const));
          const signing = signingKeys({ configured: [], rows: made, check }, now, 50);
          return (
            signing.length <= 1 &&
            signing.every(
              ({ selector, retiredAt }) =>
                retiredAt === null && seen.some(([n, since]) => `k${n}` === selector && now - since >= 50),
            )
          );
        },
      ),
    );
  });
});

it('a new selector says when it was made, and is taken by nobody', () => {
  const at = Date.UTC(2026, 10, 24);
  expect(newSelector('rsa-sha256', at, [])).toBe('pl20261124r');
  expect(newSelector('ed25519-sha256', at, ['pl20261124e', 'pl20261124e2'])).toBe('pl20261124e3');
});
