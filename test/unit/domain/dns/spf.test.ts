import fc from 'fast-check';
import { answer } from '../../../../src/dns/answer.ts';
import { ResolverLookUps } from '../../../../src/dns/look-ups.ts';
import { parseAddress } from '../../../../src/domain/dns/ip.ts';
import type { Answer, Asking, Lookup } from '../../../../src/domain/dns/lookup.ts';
import { evaluateSpf } from '../../../../src/domain/dns/spf-evaluate.ts';
import { expandMacros } from '../../../../src/domain/dns/spf-macro.ts';
import { parseSpf } from '../../../../src/domain/dns/spf-record.ts';
import { type MemoryRecord, MemoryResolver } from '../../../../src/testing/memory-resolver.ts';

const txt = (name: string, value: string): MemoryRecord => ({ name, type: 'TXT', value });
const identity = (address: string) => ({
  address: parseAddress(address) as readonly number[],
  helo: 'mail.example.org',
  local: 'strong-bad',
  domain: 'email.example.com',
});

async function result(records: readonly MemoryRecord[], address: string, domain = 'example.com') {
  const lookUps = new ResolverLookUps({ resolver: new MemoryResolver(records) });
  return (await answer(lookUps, evaluateSpf(domain, identity(address)))).result;
}

/** The zone of RFC 7208 appendix A. */
const ZONE: readonly MemoryRecord[] = [
  { name: 'example.com', type: 'A', value: '192.0.2.10' },
  { name: 'example.com', type: 'A', value: '192.0.2.11' },
  { name: 'example.com', type: 'MX', value: '10 mail-a.example.com' },
  { name: 'example.com', type: 'MX', value: '20 mail-b.example.com' },
  { name: 'mail-a.example.com', type: 'A', value: '192.0.2.129' },
  { name: 'mail-b.example.com', type: 'A', value: '192.0.2.130' },
  { name: 'example.org', type: 'MX', value: '10 mail-c.example.org' },
  { name: 'mail-c.example.org', type: 'A', value: '192.0.2.140' },
  { name: '10.2.0.192.in-addr.arpa', type: 'PTR', value: 'example.com' },
  { name: '65.2.0.192.in-addr.arpa', type: 'PTR', value: 'amy.example.com' },
  { name: 'amy.example.com', type: 'A', value: '192.0.2.65' },
  { name: '140.2.0.192.in-addr.arpa', type: 'PTR', value: 'mail-c.example.org' },
];

describe('SPF, as RFC 7208 appendix A has it', () => {
  it.each([
    ['v=spf1 +all', '203.0.113.1', 'pass'],
    ['v=spf1 a -all', '192.0.2.10', 'pass'],
    ['v=spf1 a -all', '192.0.2.12', 'fail'],
    ['v=spf1 a:example.org -all', '192.0.2.10', 'fail'],
    ['v=spf1 mx -all', '192.0.2.130', 'pass'],
    ['v=spf1 mx:example.org -all', '192.0.2.140', 'pass'],
    ['v=spf1 mx mx:example.org -all', '192.0.2.140', 'pass'],
    ['v=spf1 mx/30 mx:example.org/30 -all', '192.0.2.131', 'pass'],
    ['v=spf1 mx/30 mx:example.org/30 -all', '192.0.2.143', 'pass'],
    ['v=spf1 mx/30 -all', '192.0.2.132', 'fail'],
    ['v=spf1 ptr -all', '192.0.2.65', 'pass'],
    ['v=spf1 ptr -all', '192.0.2.140', 'fail'],
    ['v=spf1 ip4:192.0.2.128/28 -all', '192.0.2.140', 'pass'],
    ['v=spf1 ip4:192.0.2.128/28 -all', '192.0.2.65', 'fail'],
    ['v=spf1 ip6:2001:db8::/32 ~all', '2001:db8::cb01', 'pass'],
    ['v=spf1 ip6:2001:db8::/32 ~all', '2001:db9::1', 'softfail'],
    ['v=spf1 ?all', '192.0.2.1', 'neutral'],
    ['v=spf1', '192.0.2.1', 'neutral'],
  ])('%s says of %s: %s', async (record, address, expected) => {
    expect(await result([...ZONE, txt('example.com', record)], address)).toBe(expected);
  });

  it('looks on where redirect leads, and fails where nothing is there', async () => {
    const there = [
      txt('example.com', 'v=spf1 redirect=_spf.example.com'),
      txt('_spf.example.com', 'v=spf1 ip4:192.0.2.1 -all'),
    ];
    expect(await result(there, '192.0.2.1')).toBe('pass');
    expect(await result(there.slice(0, 1), '192.0.2.1')).toBe('permerror');
  });

  it('takes no fault of an included record for a match', async () => {
    expect(
      await result([txt('example.com', 'v=spf1 include:b.example -all'), txt('b.example', 'v=spf1 -all')], '192.0.2.1'),
    ).toBe('fail');
    expect(await result([txt('example.com', 'v=spf1 include:b.example -all')], '192.0.2.1')).toBe('permerror');
  });

  it('gives up at the eleventh look-up and not at the tenth', async () => {
    const includes = (count: number): readonly MemoryRecord[] => [
      txt('example.com', `v=spf1 ${Array.from({ length: count }, (_, n) => `include:i${n}.example`).join(' ')} +all`),
      ...Array.from({ length: count }, (_, n) => txt(`i${n}.example`, 'v=spf1 -all')),
    ];
    expect(await result(includes(10), '192.0.2.1')).toBe('pass');
    expect(await result(includes(11), '192.0.2.1')).toBe('permerror');
  });

  it('gives up at the third void look-up and not at the second', async () => {
    expect(await result([txt('example.com', 'v=spf1 a:x.example a:y.example +all')], '192.0.2.1')).toBe('pass');
    expect(await result([txt('example.com', 'v=spf1 a:x.example a:y.example a:z.example +all')], '192.0.2.1')).toBe(
      'permerror',
    );
  });

  it('finds several records, and words that are none', async () => {
    expect(await result([txt('example.com', 'v=spf1 +all'), txt('example.com', 'v=spf1 -all')], '192.0.2.1')).toBe(
      'permerror',
    );
    expect(await result([txt('example.com', 'v=spf10 +all')], '192.0.2.1')).toBe('none');
    expect(await result([txt('example.com', 'v=spf1 ip4:192.0.2.300 +all')], '192.0.2.1')).toBe('permerror');
  });

  it('says that it does not know where a look-up fails', () => {
    const asking = evaluateSpf('example.com', identity('192.0.2.1'));
    asking.next();
    const found = asking.next({ kind: 'failed', fault: 'timeout' });
    expect(found).toEqual({ done: true, value: expect.objectContaining({ result: 'temperror' }) });
  });
});

describe('macros of SPF', () => {
  it.each([
    ['%{s}', 'strong-bad@email.example.com'],
    ['%{d4}', 'email.example.com'],
    ['%{d2}', 'example.com'],
    ['%{d1}', 'com'],
    ['%{dr}', 'com.example.email'],
    ['%{d2r}', 'example.email'],
    ['%{l}', 'strong-bad'],
    ['%{l-}', 'strong.bad'],
    ['%{lr-}', 'bad.strong'],
    ['%{l1r-}', 'strong'],
    ['%{ir}.%{v}._spf.%{d2}', '3.2.0.192.in-addr._spf.example.com'],
    ['%{lr-}.lp._spf.%{d2}', 'bad.strong.lp._spf.example.com'],
  ])('%s', (text, expected) => {
    expect(expandMacros(text, 'email.example.com', identity('192.0.2.3'))).toBe(expected);
  });

  it('writes IPv6 in nibbles', () => {
    expect(expandMacros('%{ir}.%{v}', 'x.example', identity('2001:db8::cb01'))).toBe(
      '1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6',
    );
  });
});

describe('any record at all', () => {
  const word = fc.oneof(
    fc.constantFrom(
      'a',
      'mx',
      'ptr',
      'all',
      '-all',
      'include:a.example',
      'redirect=a.example',
      'exists:%{i}.x.example',
      'ip4:1.2.3.4/8',
      'a:b.example//64',
      'exp=a.example',
      '%',
      'a:%',
      'x=%{',
    ),
    fc.string({ maxLength: 20 }),
  );
  const values = fc.array(
    fc.oneof(
      fc.string({ maxLength: 40 }),
      fc.array(word).map((words) => `v=spf1 ${words.join(' ')}`),
    ),
    { maxLength: 3 },
  );
  const anAnswer: fc.Arbitrary<Answer> = fc.oneof(
    values.filter(({ length }) => length > 0).map((found) => ({ kind: 'records' as const, values: found })),
    fc.boolean().map((exists) => ({ kind: 'none' as const, exists })),
    fc.constant({ kind: 'failed' as const, fault: 'timeout' as const }),
  );

  it('is judged with a bounded number of look-ups, and without an exception', () => {
    fc.assert(
      fc.property(
        fc.array(word, { maxLength: 30 }),
        fc.array(anAnswer, { minLength: 1, maxLength: 10 }),
        (words, answers) => {
          const first: Answer = { kind: 'records', values: [`v=spf1 ${words.join(' ')}`] };
          const asked = drive(evaluateSpf('example.com', identity('192.0.2.1')), (_, n) =>
            n === 0 ? first : (answers[n % answers.length] as Answer),
          );
          // Ten terms of at most ten hosts each, and their records.
          return asked <= 1 + 10 * 22;
        },
      ),
    );
  });

  it('has only terms that it was written with', () => {
    fc.assert(
      fc.property(fc.array(word), (words) => {
        const { mechanisms, badTerms } = parseSpf(`v=spf1 ${words.join(' ')}`);
        const written = words.join(' ').split(' ');
        return [...mechanisms.map(({ text }) => text), ...badTerms].every((term) => written.includes(term));
      }),
    );
  });

  function drive<T>(asking: Asking<T>, reply: (lookup: Lookup, n: number) => Answer): number {
    let count = 0;
    for (let step = asking.next(); !step.done; count++) step = asking.next(reply(step.value, count));
    return count;
  }
});
