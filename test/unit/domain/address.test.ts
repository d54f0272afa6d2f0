import fc from 'fast-check';
import {
  addressOf,
  foldAddress,
  hasControlCharacter,
  type Mailbox,
  needsSmtputf8,
  parseMailbox,
  parseNamedMailbox,
  toAsciiDomain,
} from '../../../src/domain/address.ts';
import { anyCharacter } from '../../support/any-text.ts';

const mailbox = (written: string): Mailbox => {
  const parsed = parseMailbox(written);
  if (!parsed.ok) throw new Error(`${written}: ${parsed.fault}`);
  return parsed.value;
};
const faultOf = (written: string) => {
  const parsed = parseMailbox(written);
  return parsed.ok ? null : parsed.fault;
};

describe('parseMailbox', () => {
  it.each([
    ['a@example.com', 'a@example.com'],
    ['First.Last+tag@Example.COM', 'First.Last+tag@example.com'],
    ["o'neill!#$%&*/=?^_`{|}~-@example.com", "o'neill!#$%&*/=?^_`{|}~-@example.com"],
    ['"john doe"@example.com', '"john doe"@example.com'],
    ['"a@b"@example.com', '"a@b"@example.com'],
    ['"plain"@example.com', 'plain@example.com'],
    ['"q\\"q"@example.com', '"q\\"q"@example.com'],
    ['user@bücher.example', 'user@xn--bcher-kva.example'],
    ['user@BÜCHER.example', 'user@xn--bcher-kva.example'],
    ['user@例え。テスト', 'user@xn--r8jz45g.xn--zckzah'],
    ['user@xn--bcher-kva.example', 'user@xn--bcher-kva.example'],
    ['用户@example.com', '用户@example.com'],
    ['user@localhost', 'user@localhost'],
  ])('reads %s as %s', (written, expected) => {
    expect(addressOf(mailbox(written))).toBe(expected);
  });

  it.each([
    ['', 'empty'],
    ['example.com', 'no-at'],
    ['@example.com', 'bad-local'],
    ['a..b@example.com', 'bad-local'],
    ['.a@example.com', 'bad-local'],
    ['a b@example.com', 'bad-local'],
    ['a<b@example.com', 'bad-local'],
    ['""@example.com', 'bad-local'],
    ['a@', 'bad-domain'],
    ['a@-example.com', 'bad-domain'],
    ['a@example..com', 'bad-domain'],
    ['a@example.com.', 'bad-domain'],
    ['a@[127.0.0.1]', 'bad-domain'],
    ['a@127.0.0.1', 'bad-domain'],
    ['a@exa mple.com', 'bad-domain'],
    ['a@ex%41mple.com', 'bad-domain'],
    ['a@b/c.example', 'bad-domain'],
    ['a@ü:8080', 'bad-domain'],
    [`a@${'x'.repeat(64)}.example`, 'bad-domain'],
    [`${'x'.repeat(65)}@example.com`, 'too-long'],
    [`${'ü'.repeat(33)}@example.com`, 'too-long'],
    [`${'x'.repeat(64)}@${'y'.repeat(61)}.${'z'.repeat(61)}.${'w'.repeat(61)}.example`, 'too-long'],
    ['a\r\nb@example.com', 'control-character'],
    ['a\u0000@example.com', 'control-character'],
    ['a@example.com\n', 'control-character'],
    ['a\u2028@example.com', 'control-character'],
    ['a\u0085@example.com', 'control-character'],
    ['a\ud800@example.com', 'control-character'],
  ])('refuses %j: %s', (written, fault) => {
    expect(faultOf(written)).toBe(fault);
  });

  it('accepts a local part of 64 octets and an address of 254', () => {
    const domain = `${'y'.repeat(63)}.${'z'.repeat(63)}.${'w'.repeat(61)}`;
    expect(faultOf(`${'x'.repeat(64)}@${domain}`)).toBeNull();
    expect(faultOf(`${'x'.repeat(64)}@${domain}v`)).toBe('too-long');
  });

  it('never lets anything into an envelope that ends a command or a path', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: anyCharacter, maxLength: 80 }),
        fc.constantFrom('@example.com', '@ü.example', ''),
        (a, b) => {
          const parsed = parseMailbox(a + b);
          if (!parsed.ok) return;
          const written = addressOf(parsed.value);
          expect(hasControlCharacter(written)).toBe(false);
          expect(Buffer.byteLength(written)).toBeLessThanOrEqual(254);
          expect(/^[a-z0-9.-]+$/.test(parsed.value.domain)).toBe(true);
          // Outside of quotes no bracket, and no space.
          if (!parsed.value.local.startsWith('"')) expect(parsed.value.local).not.toMatch(/[<>\s"\\]/);
        },
      ),
    );
  });

  it('reads what it writes as the same mailbox', () => {
    fc.assert(
      fc.property(fc.emailAddress(), (written) => {
        const first = parseMailbox(written);
        if (!first.ok) return;
        expect(mailbox(addressOf(first.value))).toEqual(first.value);
      }),
    );
  });
});

describe('foldAddress', () => {
  it('is the same for every way of writing an address', () => {
    expect(foldAddress(mailbox('USER@EXAMPLE.com'))).toBe('user@example.com');
    expect(foldAddress(mailbox('"user"@example.com'))).toBe('user@example.com');
    expect(foldAddress(mailbox('JOSE\u0301@Bücher.example'))).toBe(foldAddress(mailbox('josé@xn--bcher-kva.example')));
  });
});

describe('needsSmtputf8', () => {
  it('is about the local part; a domain can be written in ASCII', () => {
    expect(needsSmtputf8(mailbox('ü@example.com'))).toBe(true);
    expect(needsSmtputf8(mailbox('u@ü.example'))).toBe(false);
  });
});

describe('toAsciiDomain', () => {
  it('answers null for what the URL parser would read as something else', () => {
    for (const written of ['ü@x', 'ü/x', 'ü?x', 'ü#x', 'ü:80', '１.２.３.４', 'ü x', '\u2100', 'xn--']) {
      expect([written, toAsciiDomain(written)]).toEqual([written, null]);
    }
  });
});

describe('parseNamedMailbox', () => {
  const named = (written: string) => {
    const parsed = parseNamedMailbox(written);
    return parsed.ok ? [parsed.value.name, addressOf(parsed.value.mailbox)] : parsed.fault;
  };

  it.each([
    ['a@example.com', ['', 'a@example.com']],
    [' <a@example.com> ', ['', 'a@example.com']],
    ['Ann Example <a@example.com>', ['Ann Example', 'a@example.com']],
    ['Ann B. Example <a@example.com>', ['Ann B. Example', 'a@example.com']],
    ['"Example, Ann" <a@example.com>', ['Example, Ann', 'a@example.com']],
    ['"An \\"A\\" \\\\" <a@example.com>', ['An "A" \\', 'a@example.com']],
    ['Änne <a@example.com>', ['Änne', 'a@example.com']],
    ['"<b@evil.example>" <a@example.com>', ['<b@evil.example>', 'a@example.com']],
  ])('reads %s', (written, expected) => {
    expect(named(written)).toEqual(expected);
  });

  it.each([
    ['', 'empty'],
    ['a@example.com, b@example.com', 'bad-local'],
    ['Ann, Bob <a@example.com>', 'bad-name'],
    ['<a@example.com> <b@example.com>', 'bad-name'],
    ['group: a@example.com;', 'bad-local'],
    ['"unfinished <a@example.com>', 'bad-name'],
    ['Ann <a@example.com', 'bad-local'],
    ['Ann\r\nBcc: b@example.com <a@example.com>', 'control-character'],
    ['Ann\u2029 <a@example.com>', 'control-character'],
  ])('refuses %j: %s', (written, fault) => {
    expect(named(written)).toBe(fault);
  });
});
