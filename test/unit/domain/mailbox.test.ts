import fc from 'fast-check';
import { foldMailbox, parseDomain, parseMailbox, parseNamedMailbox } from '../../../src/domain/mailbox.ts';

describe('one address', () => {
  it.each([
    ['ada@inbox.example', 'ada@inbox.example'],
    ['Ada.Lovelace+tag@INBOX.Example', 'Ada.Lovelace+tag@inbox.example'],
    ['"a b"@x.example', '"a b"@x.example'],
    ['"a@b"@x.example', '"a@b"@x.example'],
    ['ädä@x.example', 'ädä@x.example'],
    ['ada@bücher.example', 'ada@xn--bcher-kva.example'],
    ['ada@BÜCHER.example', 'ada@xn--bcher-kva.example'],
    ['ada@xn--bcher-kva.example', 'ada@xn--bcher-kva.example'],
    [`${'l'.repeat(64)}@x.example`, `${'l'.repeat(64)}@x.example`],
  ])('%s is %s', (raw, mailbox) => {
    expect(parseMailbox(raw)).toMatchObject({ ok: true, mailbox });
  });

  it.each([
    ['', 'no-at'],
    ['ada', 'no-at'],
    ['@x.example', 'no-at'],
    ['ada@', 'bad-domain'],
    ['ada@localhost', 'bad-domain'],
    ['ada@x..example', 'bad-domain'],
    ['ada@-x.example', 'bad-domain'],
    ['ada@x_y.example', 'bad-domain'],
    ['ada@[192.0.2.1]', 'bad-domain'],
    ['ada@192.0.2.1', 'bad-domain'],
    ['ada@x.example ', 'bad-domain'],
    ['ada@ü/x.example', 'bad-domain'],
    ['ada@１９２.0.2.1', 'bad-domain'],
    ['a b@x.example', 'bad-local-part'],
    ['.a@x.example', 'bad-local-part'],
    ['a..b@x.example', 'bad-local-part'],
    ['a@b@x.example', 'bad-local-part'],
    ['a\r\nRCPT TO:<b@x.example>@x.example', 'bad-local-part'],
    ['"a\nb"@x.example', 'bad-local-part'],
    ['a\u0000@x.example', 'bad-local-part'],
    ['a\u2028b@x.example', 'bad-local-part'],
    ['a\u200bb@x.example', 'bad-local-part'],
    ['a>b@x.example', 'bad-local-part'],
    ['Ada <ada@x.example>', 'bad-local-part'],
    [`${'l'.repeat(65)}@x.example`, 'too-long'],
    [`${'ä'.repeat(33)}@x.example`, 'too-long'],
  ])('%j is refused: %s', (raw, problem) => {
    expect(parseMailbox(raw)).toEqual({ ok: false, problem });
  });

  it('never lets a character through that could end an SMTP command', () => {
    const piece = fc.constantFrom(
      'a',
      '.',
      '@',
      '"',
      '\\',
      '<',
      '>',
      ' ',
      '\r',
      '\n',
      '\0',
      '\u2028',
      'ü',
      'x.example',
      '@x.example',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const parsed = parseMailbox(pieces.join(''));
        if (!parsed.ok) return;
        // biome-ignore lint/suspicious/noControlCharactersInRegex: these characters are what it looks for
        expect(parsed.mailbox).not.toMatch(/[\u0000-\u001f\u007f\u2028\u2029]/);
        expect(parsed.domain).toMatch(/^[a-z0-9.-]+$/);
        expect(parseMailbox(parsed.mailbox)).toEqual(parsed);
      }),
      { numRuns: 5_000 },
    );
  });

  it('folds case for suppressions', () => {
    const parsed = parseMailbox('Ada@X.Example');
    expect(parsed.ok && foldMailbox(parsed.mailbox)).toBe('ada@x.example');
  });

  it('knows a domain when it sees one', () => {
    expect(parseDomain('Shop.Example')).toBe('shop.example');
    expect(parseDomain(`${'a'.repeat(64)}.example`)).toBeNull();
    expect(parseDomain(`${'a.'.repeat(130)}example`)).toBeNull();
  });
});

describe('a mailbox with a display name', () => {
  it.each([
    ['news@shop.example', '', 'news@shop.example'],
    ['Shop <news@shop.example>', 'Shop', 'news@shop.example'],
    ['"Shop, Inc." <news@shop.example>', 'Shop, Inc.', 'news@shop.example'],
    ['"The \\"Shop\\"" <news@shop.example>', 'The "Shop"', 'news@shop.example'],
    ['Bücher & Co. <news@shop.example>', 'Bücher & Co.', 'news@shop.example'],
    ['<news@shop.example>', '', 'news@shop.example'],
  ])('%s', (raw, name, mailbox) => {
    expect(parseNamedMailbox(raw)).toMatchObject({ name, mailbox });
  });

  it.each([
    ['a@x.example, b@x.example'],
    ['Shop, Inc. <news@shop.example>'],
    ['a@x.example <b@x.example>'],
    ['Shop <news@shop.example> <b@x.example>'],
    ['group: a@x.example;'],
    ['"open <news@shop.example>'],
    ['Shop (comment) <news@shop.example>'],
    [`${'a'.repeat(700)} <news@shop.example>`],
    [''],
  ])('%s could be read in two ways, or in none', (raw) => {
    expect(parseNamedMailbox(raw)).toBeNull();
  });
});
