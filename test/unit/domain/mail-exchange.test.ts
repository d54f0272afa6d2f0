import fc from 'fast-check';
import { type Exchanger, inOrder, isNullMx, isPrivateAddress, siteNameOf } from '../../../src/domain/mail-exchange.ts';

const mx = (preference: number, host: string): Exchanger => ({ preference, host });

describe('mail exchangers', () => {
  it('are tried by preference, and equal ones in an order of chance', () => {
    const three = [mx(20, 'c'), mx(10, 'a'), mx(10, 'b')];
    const lots =
      (...numbers: number[]) =>
      () =>
        numbers.shift() ?? 0;
    expect(inOrder(three, lots(0, 0.1, 0.9))).toEqual(['a', 'b', 'c']);
    expect(inOrder(three, lots(0, 0.9, 0.1))).toEqual(['b', 'a', 'c']);
  });

  it('of which there are any number are bounded', () => {
    expect(
      inOrder(
        Array.from({ length: 100 }, (_, n) => mx(n, `h${n}`)),
        () => 0,
      ).length,
    ).toBe(20);
  });

  it('say that a domain takes no mail by an empty name alone', () => {
    expect(isNullMx([mx(0, '')])).toBe(true);
    expect(isNullMx([mx(0, ''), mx(10, 'a.example')])).toBe(false);
    expect(isNullMx([])).toBe(false);
    expect(inOrder([mx(0, ''), mx(10, 'a.example')], () => 0)).toEqual(['a.example']);
  });

  it.each([
    [['mx.a.example'], 'mx.a.example'],
    [['mx2.a.example', 'mx1.a.example'], '(mx1|mx2).a.example'],
    [['MX1.a.example', 'mx1.a.example'], 'mx1.a.example'],
    [['a.co.example', 'b.co.example'], '(a|b).co.example'],
    [['a.x', 'b.y'], '(a.x|b.y)'],
    [['x.example', 'mx.x.example'], '(mx.x|x).example'],
    [[], ''],
  ])('name their site: %j', (hosts, name) => {
    expect(siteNameOf(hosts)).toBe(name);
  });

  it('name one site for one set, and another for another', () => {
    const host = fc.stringMatching(/^[a-c]{1,2}(?:\.[a-c]{1,2}){1,3}$/);
    fc.assert(
      fc.property(
        fc.uniqueArray(host, { minLength: 1, maxLength: 6 }),
        fc.uniqueArray(host, { minLength: 1, maxLength: 6 }),
        (a, b) => {
          const same = [...a].sort().join() === [...b].sort().join();
          expect(siteNameOf(a)).toBe(siteNameOf([...a].reverse()));
          expect(siteNameOf(a) === siteNameOf(b)).toBe(same);
        },
      ),
    );
  });

  it('keep long sets apart within bounds', () => {
    const many = (n: number) =>
      Array.from({ length: 15 }, (_, m) => `host-with-a-long-name-${m === 14 ? 100 + n : m}.number.example`);
    expect(siteNameOf(many(1)).length).toBe(200);
    expect(siteNameOf(many(1))).not.toBe(siteNameOf(many(2)));
  });
});

describe('addresses that no mail exchanger of the internet has', () => {
  it.each([
    '127.0.0.1',
    '10.1.2.3',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
    '224.0.0.1',
    '255.255.255.255',
    '::1',
    '::',
    '::ffff:127.0.0.1',
    '::ffff:a00:1',
    '64:ff9b::10.0.0.1',
    'fe80::1',
    'fec0::1',
    'fd00::1',
    'ff02::1',
    '2002:7f00:1::1',
    '2001:db8::1',
    'fe80::1%eth0',
    'not an address',
    '1.2.3',
    '01.2.3.4',
    '1:2:3:4:5:6:7:8:9',
    '1::2::3',
  ])('%s', (address) => expect(isPrivateAddress(address)).toBe(true));

  it.each([
    '8.8.8.8',
    '172.15.0.1',
    '172.32.0.1',
    '100.63.0.1',
    '100.128.0.1',
    '2a00:1450::1a',
    '::ffff:8.8.8.8',
    '64:ff9b::8.8.8.8',
    '223.255.255.255',
  ])('not %s', (address) => expect(isPrivateAddress(address)).toBe(false));
});
