import { MailExchangers, type MailExchangersOptions } from '../../../src/dns/mail-exchangers.ts';
import type { Lookup, MxRecord, Resolver } from '../../../src/dns/resolver.ts';
import { SITE_RULES } from '../../../src/domain/site-rules.ts';
import { DAY_MS, MINUTE_MS } from '../../../src/domain/time.ts';

const found = (...hosts: string[]): Lookup<MxRecord> => ({
  kind: 'found',
  records: hosts.map((exchange, n) => ({ exchange, preference: n })),
});

function world(mx: Readonly<Record<string, Lookup<MxRecord>>>, rest: Partial<MailExchangersOptions> = {}) {
  const asked: string[] = [];
  const time = { now: 1_000 };
  const a: Record<string, Lookup<string>> = {};
  const resolver = {
    async mx(name: string) {
      asked.push(name);
      return mx[name] ?? { kind: 'no-such-name' };
    },
    a: async (name: string) => a[name] ?? { kind: 'none' },
    aaaa: async () => ({ kind: 'found', records: ['2a00::1'] }),
  } as unknown as Resolver;
  const exchangers = new MailExchangers({
    resolver,
    rules: SITE_RULES,
    allowPrivateAddresses: false,
    now: () => time.now,
    chance: () => 0,
    ...rest,
  });
  return { exchangers, asked, time, a };
}

describe('who takes a domain’s mail', () => {
  it('is known by the whole set of exchangers', async () => {
    const { exchangers } = world({
      'a.example': found('mx1.hoster.example', 'mx2.hoster.example'),
      'b.example': found('mx2.hoster.example', 'mx1.hoster.example'),
      'shop.example': found('aspmx.l.google.com', 'alt1.aspmx.l.google.com'),
    });
    const a = await exchangers.of('a.example');
    expect(a).toMatchObject({
      kind: 'found',
      site: '(mx1|mx2).hoster.example',
      provider: 'other',
      tls: 'opportunistic',
    });
    expect(await exchangers.of('b.example')).toMatchObject({ site: '(mx1|mx2).hoster.example' });
    expect(await exchangers.of('shop.example')).toMatchObject({ site: 'google', provider: 'google', tls: 'required' });
  });

  it('is the domain itself where it has no MX record, and nobody by a null MX', async () => {
    const { exchangers } = world({ 'bare.example': { kind: 'none' }, 'no.example': found('') });
    expect(await exchangers.of('bare.example')).toMatchObject({ kind: 'found', site: 'bare.example' });
    expect(await exchangers.of('no.example')).toEqual({ kind: 'null-mx' });
    expect(await exchangers.of('nowhere.example')).toEqual({ kind: 'no-such-domain' });
  });

  it('is asked for once at a time and remembered: for long what is there, shortly what is not', async () => {
    const { exchangers, asked, time } = world({
      'a.example': found('mx.a.example'),
      'broken.example': { kind: 'unknown', code: 'ESERVFAIL' },
    });
    await Promise.all([exchangers.of('a.example'), exchangers.of('a.example')]);
    await exchangers.of('a.example');
    expect(asked).toEqual(['a.example']);
    time.now += 16 * MINUTE_MS;
    expect(exchangers.known('a.example')).toBeUndefined();
    await exchangers.of('a.example');
    expect(asked).toEqual(['a.example', 'a.example']);
    expect(await exchangers.of('broken.example')).toEqual({ kind: 'unknown', code: 'ESERVFAIL' });
    await exchangers.of('broken.example');
    expect(asked.length).toBe(3);
    time.now += 6_000;
    await exchangers.of('broken.example');
    expect(asked.length).toBe(4);
  });

  it('is told once a day', async () => {
    const { exchangers, time } = world({ 'a.example': found('mx.a.example') });
    expect(exchangers.news('a.example')).toBeNull();
    await exchangers.of('a.example');
    const news = { domain: 'a.example', provider: 'other', site: 'mx.a.example' };
    expect([exchangers.news('a.example'), exchangers.news('a.example')]).toEqual([news, null]);
    time.now += DAY_MS;
    await exchangers.of('a.example');
    expect(exchangers.news('a.example')).toEqual(news);
  });
});

describe('addresses of exchangers', () => {
  it('are those of the source’s family that are not private', async () => {
    const { exchangers, a } = world({});
    a['mixed.example'] = { kind: 'found', records: ['10.0.0.1', '8.8.8.8'] };
    a['inside.example'] = { kind: 'found', records: ['127.0.0.1', '192.168.0.1'] };
    expect(await exchangers.addresses('mixed.example', 4)).toEqual({ kind: 'found', addresses: ['8.8.8.8'] });
    expect(await exchangers.addresses('inside.example', 4)).toEqual({ kind: 'private' });
    expect(await exchangers.addresses('none.example', 4)).toEqual({ kind: 'none' });
    expect(await exchangers.addresses('inside.example', 6)).toEqual({ kind: 'found', addresses: ['2a00::1'] });
  });

  it('may be private where the configuration says so', async () => {
    const { exchangers, a } = world({}, { allowPrivateAddresses: true });
    a['inside.example'] = { kind: 'found', records: ['127.0.0.1'] };
    expect(await exchangers.addresses('inside.example', 4)).toEqual({ kind: 'found', addresses: ['127.0.0.1'] });
  });
});
