import { createResolver, type Resolver } from '../../src/dns/resolver.ts';
import { type MemoryRecord, MemoryResolver } from '../../src/testing/memory-resolver.ts';
import { NameServer } from '../support/name-server.ts';

const LONG = 'x'.repeat(700);
const RECORDS: readonly MemoryRecord[] = [
  { name: 'a.test', type: 'TXT', value: 'one' },
  { name: 'a.test', type: 'TXT', value: LONG },
  { name: 'a.test', type: 'MX', value: '10 mx1.a.test' },
  { name: 'a.test', type: 'MX', value: '20 mx2.a.test' },
  { name: 'null.test', type: 'MX', value: '0 ' },
  { name: 'mx1.a.test', type: 'A', value: '192.0.2.1' },
  { name: 'mx1.a.test', type: 'AAAA', value: '2001:db8::1' },
  { name: 'alias.test', type: 'CNAME', value: 'mx1.a.test' },
  { name: '1.2.0.192.in-addr.arpa', type: 'PTR', value: 'mx1.a.test' },
  { name: `${[...'20010db8000000000000000000000001'].reverse().join('.')}.ip6.arpa`, type: 'PTR', value: 'mx1.a.test' },
];

let server: NameServer;
beforeAll(async () => {
  server = await NameServer.start(RECORDS);
});
afterAll(() => server.stop());

/** Every implementation of the resolver port, over the same records. */
describe.each<readonly [string, () => Resolver]>([
  ['in memory', () => new MemoryResolver(RECORDS)],
  ['over a name server', () => createResolver({ servers: [server.address], timeoutMs: 5_000 })],
])('a resolver %s', (_, make) => {
  it('joins the strings of a text', async () => {
    const found = await make().txt('a.test');
    expect(found.kind === 'found' && [...found.records].sort()).toEqual(['one', LONG]);
  });

  it('gives exchangers with their preference, and the null one as an empty name', async () => {
    const found = await make().mx('a.test');
    expect(found.kind === 'found' && found.records).toEqual(
      expect.arrayContaining([
        { exchange: 'mx1.a.test', preference: 10 },
        { exchange: 'mx2.a.test', preference: 20 },
      ]),
    );
    expect(await make().mx('null.test')).toEqual({ kind: 'found', records: [{ exchange: '', preference: 0 }] });
  });

  it('gives addresses of both families, and follows aliases to them', async () => {
    expect(await make().a('mx1.a.test')).toEqual({ kind: 'found', records: ['192.0.2.1'] });
    expect(await make().aaaa('mx1.a.test')).toEqual({ kind: 'found', records: ['2001:db8::1'] });
    expect(await make().a('alias.test')).toEqual({ kind: 'found', records: ['192.0.2.1'] });
    expect(await make().cname('alias.test')).toEqual({ kind: 'found', records: ['mx1.a.test'] });
  });

  it('names addresses of both families', async () => {
    expect(await make().ptr('192.0.2.1')).toEqual({ kind: 'found', records: ['mx1.a.test'] });
    expect(await make().ptr('2001:db8::1')).toEqual({ kind: 'found', records: ['mx1.a.test'] });
    expect(await make().ptr('127.0.0.1')).toEqual({ kind: 'no-such-name' });
  });

  it('tells a name without such a record from one that does not exist', async () => {
    expect(await make().mx('mx1.a.test')).toEqual({ kind: 'none' });
    expect(await make().txt('gone.test')).toEqual({ kind: 'no-such-name' });
  });

  it('says that it does not know what is no address', async () => {
    expect((await make().ptr('a.test')).kind).toBe('unknown');
  });
});
