import fc from 'fast-check';
import { mayReach, parseAddress, parseNetwork } from '../../../src/domain/ip-address.ts';
import { destinationRules, urlProblem } from '../../../src/webhooks/destination.ts';

const STRICT = destinationRules({ allowHttp: false, allowedNetworks: [] });

describe('where webhooks may go', () => {
  it.each([
    'https://shop.example/hooks',
    'https://shop.example:8443/hooks?a=b',
    'https://93.184.216.34/',
    'https://[2606:2800:220:1:248:1893:25c8:1946]/',
    'https://bücher.example/',
  ])('takes %s', (url) => {
    expect(urlProblem(url, STRICT)).toBeNull();
  });

  it.each([
    'http://shop.example/',
    'ftp://shop.example/',
    'file:///etc/passwd',
    'javascript:alert(1)',
    'data:text/plain,x',
    'shop.example',
    '',
    'https://user@shop.example/',
    'https://user:password@shop.example/',
    'https://shop.example/#fragment',
    'https://shop.example/\r\nx-injected: yes',
    'https://shop.example/\u0000',
    'https://shop.example/ a',
    'https:\\\\127.0.0.1\\',
    'https://localhost/',
    'https://LOCALHOST./',
    'https://printer.local/',
    'https://metadata.google.internal/',
    'https://127.0.0.1/',
    'https://127.1/',
    'https://2130706433/',
    'https://0x7f000001/',
    'https://0177.0.0.1/',
    'https://１２７.０.０.１/',
    'https://10.1.2.3/',
    'https://172.31.0.1/',
    'https://192.168.1.1/',
    'https://169.254.169.254/latest/meta-data/',
    'https://100.64.0.1/',
    'https://0.0.0.0/',
    'https://224.0.0.1/',
    'https://255.255.255.255/',
    'https://[::1]/',
    'https://[::]/',
    'https://[::ffff:127.0.0.1]/',
    'https://[::ffff:a9fe:a9fe]/',
    'https://[64:ff9b::7f00:1]/',
    'https://[fe80::1]/',
    'https://[fc00::1]/',
    'https://[2002:7f00:1::]/',
    'https://[2001:db8::1]/',
    `https://shop.example/${'a'.repeat(3_000)}`,
  ])('refuses %j', (url) => {
    expect(urlProblem(url, STRICT)).toEqual(expect.any(String));
  });

  it('takes what the operator allows, and nothing else', () => {
    const rules = destinationRules({ allowHttp: true, allowedNetworks: ['10.1.0.0/16', 'fd00::/8'] });
    expect(urlProblem('http://10.1.2.3/', rules)).toBeNull();
    expect(urlProblem('http://[fd12::1]/', rules)).toBeNull();
    expect(urlProblem('http://[::ffff:10.1.2.3]/', rules)).toBeNull();
    expect(urlProblem('http://10.2.0.1/', rules)).not.toBeNull();
  });

  it('reads every IPv6 address as it reads its longest form', () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const bytes = parseAddress(text);
        expect(bytes).toHaveLength(16);
        const long = Array.from({ length: 8 }, (_, n) => {
          const [high = 0, low = 0] = (bytes ?? []).slice(n * 2, n * 2 + 2);
          return (high * 256 + low).toString(16);
        }).join(':');
        expect(parseAddress(long)).toEqual(bytes);
        expect(new URL(`http://[${text}]/`).hostname).toBe(new URL(`http://[${long}]/`).hostname);
      }),
    );
  });

  it('knows every IPv4 address outside of the special ranges, and no other, for public', () => {
    fc.assert(
      fc.property(fc.ipV4(), (text) => {
        const [a = 0, b = 0] = text.split('.').map(Number);
        const isPrivate = a === 10 || a === 127 || a === 0 || a >= 224 || (a === 172 && b >= 16 && b < 32);
        if (isPrivate) expect(mayReach(text, [])).toBe(false);
        expect(mayReach(`::ffff:${text}`, [])).toBe(mayReach(text, []));
      }),
    );
  });

  it.each(['1.2.3', '1.2.3.4.5', '256.1.1.1', '01.2.3.4', '::1::', ':::', '1:2:3', 'fe80::1%eth0', '', 'x'])(
    'takes %j for no address',
    (text) => {
      expect(parseAddress(text)).toBeNull();
      expect(mayReach(text, [])).toBe(false);
    },
  );

  it.each(['10.0.0.0/33', '10.0.0.0', '::/129', 'x/8'])('takes %j for no network', (text) => {
    expect(parseNetwork(text)).toBeNull();
  });
});
