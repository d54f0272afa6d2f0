import { answer } from '../../../../src/dns/answer.ts';
import { ResolverLookUps } from '../../../../src/dns/look-ups.ts';
import { checkDmarc } from '../../../../src/domain/dns/check-dmarc.ts';
import { parseDmarc, reportDomain } from '../../../../src/domain/dns/dmarc-record.ts';
import { rulingOf, walkDmarc, walkNames } from '../../../../src/domain/dns/dmarc-walk.ts';
import { type MemoryRecord, MemoryResolver } from '../../../../src/testing/memory-resolver.ts';

const at = (domain: string, value: string): MemoryRecord => ({ name: `_dmarc.${domain}`, type: 'TXT', value });
const lookUps = (records: readonly MemoryRecord[]) => new ResolverLookUps({ resolver: new MemoryResolver(records) });
const walk = (domain: string, ...records: readonly MemoryRecord[]) => answer(lookUps(records), walkDmarc(domain));

describe('the tree walk of DMARC (RFC 9989 section 4.10)', () => {
  it('asks at the domain and at every label above it', () => {
    expect(walkNames('a.mail.example.com')).toEqual(['a.mail.example.com', 'mail.example.com', 'example.com', 'com']);
  });

  it('asks eight times at most, leaving out what lies between', () => {
    expect(walkNames('a.b.c.d.e.f.g.h.i.j.mail.example.com')).toEqual([
      'a.b.c.d.e.f.g.h.i.j.mail.example.com',
      'g.h.i.j.mail.example.com',
      'h.i.j.mail.example.com',
      'i.j.mail.example.com',
      'j.mail.example.com',
      'mail.example.com',
      'example.com',
      'com',
    ]);
  });

  it('takes the record with the fewest labels for the organization', async () => {
    const found = await walk(
      'a.mail.example.com',
      at('mail.example.com', 'v=DMARC1; p=none'),
      at('example.com', 'v=DMARC1; p=reject'),
    );
    expect(found.organizational).toBe('example.com');
  });

  it('ends at a domain that says it is no suffix', async () => {
    const found = await walk(
      'a.mail.example.com',
      at('mail.example.com', 'v=DMARC1; p=none; psd=n'),
      at('example.com', 'v=DMARC1; p=reject'),
    );
    expect(found.organizational).toBe('mail.example.com');
  });

  it('takes the domain one below a public suffix', async () => {
    const found = await walk('a.mail.bank.example', at('bank.example', 'v=DMARC1; p=reject; psd=y'));
    expect(found.organizational).toBe('mail.bank.example');
    expect(rulingOf('a.mail.bank.example', found)?.domain).toBe('bank.example');
  });

  it('is the domain itself where there are no records', async () => {
    expect((await walk('a.example.com')).organizational).toBe('a.example.com');
  });

  it('passes over several records at one name', async () => {
    const found = await walk(
      'a.example.com',
      at('a.example.com', 'v=DMARC1; p=none'),
      at('a.example.com', 'v=DMARC1; p=reject'),
      at('example.com', 'v=DMARC1; p=quarantine'),
    );
    expect(rulingOf('a.example.com', found)?.domain).toBe('example.com');
  });
});

describe('a DMARC record', () => {
  it('without p asks for nothing', () => {
    expect(parseDmarc('v=DMARC1; rua=mailto:a@b.example')).toMatchObject({ policy: 'none' });
  });

  it('is void where v does not come first, or a policy is none', () => {
    expect(parseDmarc('p=none; v=DMARC1')).toEqual(expect.any(String));
    expect(parseDmarc('v=DMARC1; p=drop')).toEqual(expect.any(String));
  });

  it.each([
    ['mailto:a@b.example', 'b.example'],
    ['mailto:a@B.example!10m', 'b.example'],
    ['https://b.example/', null],
    ['mailto:nobody', null],
  ])('sends reports to %s: %s', (uri, domain) => {
    expect(reportDomain(uri)).toBe(domain);
  });
});

describe('alignment of what we really send', () => {
  const check = (records: readonly MemoryRecord[], returnPathDomain: string, signingDomains: readonly string[]) =>
    answer(
      lookUps(records),
      checkDmarc({ domain: 'mail.example.com', record: null, returnPathDomain, signingDomains }),
    );
  const org = at('example.com', 'v=DMARC1; p=reject');

  it.each([
    ['the same organization, relaxed', 'bounce.example.com', ['mail.example.com'], []],
    ['a relay that signs for itself', 'bounce.esp.example', ['esp.example'], ['dmarc-not-aligned']],
    ['our own signature alone', 'bounce.esp.example', ['mail.example.com'], ['dmarc-spf-not-aligned']],
    ['an aligned return path, and no signature', 'bounce.example.com', [], []],
  ])('%s', async (_, returnPathDomain, signingDomains, codes) => {
    expect((await check([org], returnPathDomain, signingDomains)).map(({ code }) => code)).toEqual(codes);
  });
});
