import fc from 'fast-check';
import { hasControlCharacter } from '../../../src/domain/address.ts';
import { compileTemplate, joinPieces, renderTemplate } from '../../../src/templates/index.ts';

const OWN = { recipient: 'ada@inbox.example', unsubscribe_url: null, view_url: null };

/** One placeholder per place that a value can get to. */
const template = (() => {
  const result = compileTemplate({
    from: '{{ sender }} <news@shop.example>',
    replyTo: '{{ replyName }} <{{ reply }}>',
    subject: '{{ subject }}',
    html: '<p title="{{ attribute }}" style="color: {{ style }}">{{ text }}</p><a href="{{ link }}">x</a>',
    text: '{{ text }}',
    unsubscribeLink: '{{ unsubscribe }}',
    oneClick: false,
    headers: [{ name: 'X-Tag', value: '{{ header }}' }],
  });
  if (!result.ok) throw new Error(result.fault.detail);
  return result.template;
})();

const GOOD = {
  sender: 'Shop',
  replyName: 'Help',
  reply: 'help@shop.example',
  subject: 'News',
  attribute: 'a',
  style: '#fff',
  text: 'Hello',
  link: 'https://shop.example/',
  unsubscribe: 'https://shop.example/u',
  header: 'tag',
};
type Field = keyof typeof GOOD;

const render = (data: Readonly<Record<string, string>>) =>
  renderTemplate(
    template,
    Object.entries(data).map(([name, value]) => ({ name, value })),
    OWN,
  );
const htmlOf = (data: Readonly<Record<string, string>>): string => {
  const result = render(data);
  if (!result.ok) throw new Error(JSON.stringify(result.fault));
  return joinPieces(result.mail.html ?? []);
};

/** Twenty things that somebody may try, whatever the field. */
const MALICIOUS: readonly string[] = [
  'a\r\nBcc: victim@inbox.example',
  'a\nX-Injected: 1',
  'a\rb',
  'a\r\n.\r\nMAIL FROM:<x@y.example>',
  'a\u0000b',
  'a\u2028b',
  'a\u0085b',
  'a\u001bb',
  'x'.repeat(600_000),
  '"><script>alert(1)</script>',
  "' onmouseover='alert(1)",
  '</p></body></html>',
  '<!--',
  '{{ text }}{% if true %}',
  'javascript:alert(1)',
  'data:text/html;base64,PHNjcmlwdD4=',
  'file:///etc/passwd',
  'http://169.254.169.254/latest" onload="x',
  'red; background: url(https://evil.example/)',
  'x" <evil@evil.example>, "y',
  '=?utf-8?q?=0D=0ABcc:_x@y.example?=',
  '\ud800',
];

/** What a structure is made of, apart from what stands in it. */
const structure = (html: string): readonly string[] =>
  [...html.matchAll(/<(\/?[a-z]+)((?:\s+[a-z]+="[^"]*")*)\s*>/g)].map(([, tag, attributes = '']) =>
    [tag, ...[...attributes.matchAll(/\s+([a-z]+)="[^"]*"/g)].map(([, name]) => name)].join(' '),
  );

describe('a malicious value', () => {
  const cases = (Object.keys(GOOD) as Field[]).flatMap((field) => MALICIOUS.map((value) => [field, value] as const));

  it.each(cases)('in %s is refused by name, or stays a value: %#', (field, value) => {
    const result = render({ ...GOOD, [field]: value });
    if (!result.ok) {
      expect(result.fault.detail).not.toBe('');
      expect(result.fault.field).toMatch(/^(?:mergeData|from|replyTo|subject|html|text|headers|unsubscribeLink)/);
      return;
    }
    const { from, replyTo, subject, headers, unsubscribeLink } = result.mail;
    const lines = [from.name, replyTo?.name, subject, unsubscribeLink, ...headers.map((header) => header.value)];
    for (const line of lines) expect(hasControlCharacter(line ?? '')).toBe(false);
    expect(from.mailbox).toMatchObject({ local: 'news', domain: 'shop.example' });
    const html = joinPieces(result.mail.html ?? []);
    expect(structure(html)).toEqual(structure(htmlOf(GOOD)));
    expect(html.match(/</g)).toHaveLength(4);
    expect(/href="(?:https?|mailto|tel|cid):|href="#|href=""/.test(html)).toBe(true);
    expect(html).not.toMatch(/style="[^"]*url\(/);
  });

  it('refuses what no header can hold', () => {
    for (const value of MALICIOUS.slice(0, 9)) {
      for (const field of ['sender', 'replyName', 'reply', 'subject', 'header', 'unsubscribe'] as const) {
        expect([field, render({ ...GOOD, [field]: value }).ok]).toEqual([field, false]);
      }
    }
  });

  it.each(['__proto__', 'constructor', 'a.__proto__.b', 'prototype', 'a b', '', 'a..b', 'a.b.c.d.e', 'a-b', '1a'])(
    'cannot be called %j',
    (name) => {
      const result = renderTemplate(template, [{ name, value: 'x' }], OWN);
      expect(result).toMatchObject({ ok: false, fault: { problem: 'name-invalid' } });
      expect(({} as Record<string, unknown>).b).toBeUndefined();
    },
  );

  it('reaches nothing that objects have by themselves', () => {
    for (const name of ['constructor', 'toString', '__proto__', 'hasOwnProperty', 'text.constructor', 'text.length']) {
      const made = compileTemplate({
        from: 'a@b.example',
        replyTo: null,
        subject: `{{ ${name} }}`,
        html: null,
        text: 'x',
        unsubscribeLink: null,
        oneClick: false,
        headers: [],
      });
      if (!made.ok) continue;
      const result = renderTemplate(made.template, [{ name: 'text', value: 'x' }], OWN);
      // A text's own length is no secret.
      if (name === 'text.length') expect(result).toMatchObject({ ok: true, mail: { subject: '1' } });
      else expect([name, result]).toMatchObject([name, { ok: false, fault: { problem: 'variable-missing' } }]);
    }
  });

  it('changes no structure, whatever it is', () => {
    const value = fc.string({
      unit: fc.oneof(
        fc.constantFrom(...'<>"\'`&=/!- \t{}%|abc'.split('')),
        fc.constantFrom('<!--', '-->', '</p>', '">', "'>", '{{', '&lt;', '&#34;', 'https://', 'javascript:'),
      ),
      maxLength: 60,
    });
    const before = structure(htmlOf(GOOD));
    fc.assert(
      fc.property(value, value, (text, attribute) => {
        const html = htmlOf({ ...GOOD, text, attribute, link: `https://x.example/${text}` });
        expect(structure(html)).toEqual(before);
        expect(html.match(/</g)).toHaveLength(4);
      }),
      { numRuns: 500 },
    );
  });
});
