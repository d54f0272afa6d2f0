import { hash } from 'node:crypto';
import fc from 'fast-check';
import { simpleParser } from 'mailparser';
import type { Template } from '../../../src/contracts/generated.ts';
import { type Composed, compose } from '../../../src/smtp/compose.ts';
import { relaxedBody } from '../../../src/smtp/dkim-canonical.ts';
import { compileTemplate, type FindTemplate, NO_OWN_LINKS } from '../../../src/templates/index.ts';
import { ACCEPTED_AT, jobOf, OPTIONS } from './support.ts';

const contentOf = (rest: Partial<Template> = {}) => ({
  from: '{{ shop }} <news@shop.example>',
  replyTo: null,
  subject: 'News for {{ name }}',
  html: '<p>Dear {{ name }},</p>\n<p>see <a href="{{ link }}">this</a>.</p>',
  text: null,
  unsubscribeLink: null,
  oneClick: false,
  headers: [],
  ...rest,
});

function finding(rest: Partial<Template> = {}): FindTemplate {
  const compiled = compileTemplate(contentOf(rest));
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.fault));
  return () => ({ kind: 'found', version: 3, template: compiled.template });
}

const VALUES = { shop: 'Shop', name: 'Ada', link: 'https://shop.example/a?b=1&c=2' };

const made = async (values: Readonly<Record<string, string>>, rest: Partial<Template> = {}) => {
  const mergeData = Object.entries({ ...VALUES, ...values }).map(([name, value]) => ({ name, value }));
  const job = jobOf(null, { templateId: 'news', mergeData });
  return compose(job, ACCEPTED_AT, { ...OPTIONS, templates: { find: finding(rest), links: NO_OWN_LINKS } });
};

const bytesOf = ({ fields, body }: Composed): Buffer =>
  Buffer.concat([Buffer.from(`${fields.map(({ line }) => `${line}\r\n`).join('')}\r\n`), body]);

const good = async (...given: Parameters<typeof made>): Promise<Composed> => {
  const composed = await made(...given);
  if (!composed.ok) throw new Error(`${composed.fault}: ${composed.detail}`);
  return composed;
};

/** Characters that mean something to some layer below. */
const nasty = fc.string({
  unit: fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...'<>&"\'`=.-_ \t\n\r;:/{}%|@\\'.split('')) },
    { weight: 1, arbitrary: fc.string({ minLength: 1, maxLength: 1, unit: 'grapheme' }) },
    fc.constantFrom('\r\n.\r\n', '--=_', '=\r\n', '</p>', '{{ name }}', '{% if x %}', '<!--', 'é', '中', '\u2028'),
  ),
  maxLength: 200,
});

const lines = (text: string): string => text.replace(/\r\n?|\n/g, '\n');

describe('the body of a mail that was made of a template', () => {
  it('says what the template says, with the values in it', async () => {
    const parsed = await simpleParser(bytesOf(await good({})));
    expect(parsed.subject).toBe('News for Ada');
    expect(parsed.from?.text).toBe('"Shop" <news@shop.example>');
    expect(parsed.html).toBe('<p>Dear Ada,</p>\n<p>see <a href="https://shop.example/a?b=1&amp;c=2">this</a>.</p>\n');
    expect(parsed.text).toBe('Dear Ada,\n\nsee this (https://shop.example/a?b=1&c=2).\n\n');
  });

  it('is signed as if it had been hashed whole, and has no line that is too long', async () => {
    await fc.assert(
      fc.asyncProperty(
        nasty,
        fc.constantFrom('', 'ü', '中'.repeat(40), ' \t ', 'x'.repeat(300)),
        async (name, more) => {
          const composed = await good(
            { name },
            { subject: 'News', html: `<p>${more}{{ name }}\n${more}</p>`, text: `${more}{{ name }}${more}` },
          );
          expect(composed.bodyHash?.()).toBe(hash('sha256', relaxedBody(composed.body), 'base64'));
          const text = composed.body.toString('latin1');
          expect(Math.max(...text.split('\r\n').map((line) => line.length))).toBeLessThanOrEqual(100);
          expect(/[^\t\r\n -~]/.test(text)).toBe(false);
          expect(text.replaceAll('\r\n', '').match(/[\r\n]/)).toBeNull();
        },
      ),
    );
  });

  it('gives back every value as it was, and nothing of it as structure', async () => {
    await fc.assert(
      fc.asyncProperty(nasty, async (name) => {
        const rest = { subject: 'News', html: '<p title="{{ name }}">{{ name }}</p><b>end</b>', text: '[{{ name }}]' };
        const plain = await simpleParser(bytesOf(await good({ name: 'x' }, rest)));
        const parsed = await simpleParser(bytesOf(await good({ name }, rest)));
        expect([...parsed.headers.keys()]).toEqual([...plain.headers.keys()]);
        expect(parsed.attachments).toEqual([]);
        expect(lines(parsed.text ?? '')).toBe(`[${lines(name.toWellFormed())}]\n`);
        const tags = (html: string | false | undefined): string[] =>
          (html || '').match(/<[^>]*>/g)?.map((tag) => tag.slice(0, 3)) ?? [];
        expect(tags(parsed.html)).toEqual(tags(plain.html));
      }),
    );
  });

  it('takes base64 where most of the template is written in another alphabet', async () => {
    const composed = await good({ name: 'Мария' }, { html: `<p>${'Новости для вас. '.repeat(50)}{{ name }}</p>` });
    const parsed = await simpleParser(bytesOf(composed));
    expect(parsed.html).toContain('Мария</p>');
    expect(composed.body.toString()).toContain('Content-Transfer-Encoding: base64');
    expect(composed.bodyHash?.()).toBe(hash('sha256', relaxedBody(composed.body), 'base64'));
  });

  it('needs no HTML', async () => {
    const composed = await good({}, { html: null, text: 'Hello {{ name }}' });
    expect(composed.bodyHash?.()).toBe(hash('sha256', relaxedBody(composed.body), 'base64'));
    expect((await simpleParser(bytesOf(composed))).text).toBe('Hello Ada\n');
  });

  it('refuses what cannot be made, and says why', async () => {
    expect(await made({ name: 'a\r\nBcc: x@y.example' })).toMatchObject({ ok: false, fault: 'text-forbidden' });
    expect(await made({ link: 'javascript:alert(1)' })).toMatchObject({ ok: false, fault: 'link-forbidden' });
    const unknown = { ...OPTIONS, templates: { find: () => ({ kind: 'unknown' }) as const, links: NO_OWN_LINKS } };
    const job = jobOf(null, { templateId: 'news' });
    expect(await compose(job, ACCEPTED_AT, unknown)).toMatchObject({ ok: false, fault: 'template-unknown' });
    expect(await compose(job, ACCEPTED_AT, OPTIONS)).toMatchObject({ ok: false, fault: 'template-unknown' });
  });

  it('is the same for the same job, whichever mail was made first', async () => {
    const find = finding();
    const options = { ...OPTIONS, templates: { find, links: NO_OWN_LINKS } };
    const job = (name: string) =>
      jobOf(null, {
        templateId: 'news',
        mergeData: Object.entries({ ...VALUES, name }).map(([n, value]) => ({ name: n, value })),
      });
    const first = (await compose(job('Ada'), ACCEPTED_AT, options)) as Composed;
    await compose(job('Bob'), ACCEPTED_AT, options);
    const again = (await compose(job('Ada'), ACCEPTED_AT, options)) as Composed;
    expect(bytesOf(again).equals(bytesOf(first))).toBe(true);
  });
});
