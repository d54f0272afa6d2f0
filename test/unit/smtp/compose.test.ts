import fc from 'fast-check';
import { simpleParser } from 'mailparser';
import type { EmailJob, Payload } from '../../../src/contracts/generated.ts';
import { hasControlCharacter } from '../../../src/domain/address.ts';
import { type Composed, compose } from '../../../src/smtp/compose.ts';
import { anyCharacter } from '../../support/any-text.ts';
import { ACCEPTED_AT, attachmentOf, jobOf, OPTIONS } from './support.ts';

const bytesOf = ({ fields, body }: Composed): Buffer =>
  Buffer.concat([Buffer.from(`${fields.map(({ line }) => `${line}\r\n`).join('')}\r\n`), body]);

async function composed(job: EmailJob): Promise<Composed> {
  const made = await compose(job, ACCEPTED_AT, OPTIONS);
  if (!made.ok) throw new Error(made.fault);
  return made;
}
const parsed = async (job: EmailJob) => simpleParser(bytesOf(await composed(job)));
const faultOf = async (job: EmailJob) => {
  const made = await compose(job, ACCEPTED_AT, OPTIONS);
  return made.ok ? null : made.fault;
};
const field = ({ fields }: Composed, name: string): string[] =>
  fields.filter((one) => one.name.toLowerCase() === name.toLowerCase()).map(({ line }) => line);

/** What every message must keep to, whatever the job holds. */
function expectSound(bytes: Buffer): void {
  const text = bytes.toString('latin1');
  expect(text).not.toMatch(/\r(?!\n)|(?<!\r)\n|\0/);
  expect(text.endsWith('\r\n')).toBe(true);
  for (const line of text.split('\r\n')) expect(line.length).toBeLessThanOrEqual(998);
  const header = text.slice(0, text.indexOf('\r\n\r\n'));
  for (const line of header.split('\r\n')) expect(line).toMatch(/^(?:[!-9;-~]+:|[ \t]+\S)/);
}

describe('the header', () => {
  it('says who, to whom, when, and which job it is', async () => {
    const made = await composed(
      jobOf({ replyTo: 'Help <help@shop.example>' }, { id: 'order-1', tenant: 'acme', campaign: 'spring sale' }),
    );
    const header = bytesOf(made).toString().split('\r\n\r\n')[0]?.split('\r\n');
    expect(header).toEqual([
      'From: Shop <hello@shop.example>',
      'To: user@google.test',
      'Reply-To: Help <help@shop.example>',
      'Subject: Your order',
      'Date: Tue, 24 Nov 2026 09:05:07 +0000',
      `Message-ID: ${made.messageId}`,
      'MIME-Version: 1.0',
      'Content-Type: text/plain; charset=utf-8',
      'Content-Transfer-Encoding: 7bit',
      'X-Entity-Ref-ID: order-1',
      'Feedback-ID: spring_sale:transactional:acme:postlane',
    ]);
    expect(made.messageId).toMatch(/^<[a-z2-7]{26}@shop\.example>$/);
  });

  it('gives the same job the same bytes, and other jobs other Message-IDs', async () => {
    const job = () => jobOf({ text: 'a', html: '<b>ä</b>', attachments: [attachmentOf()] });
    expect(bytesOf(await composed(job())).equals(bytesOf(await composed(job())))).toBe(true);
    const ids = await Promise.all(
      [jobOf(), jobOf({}, { id: 'order-2' }), jobOf({}, { tenant: 'acme' })].map(
        async (one) => (await composed(one)).messageId,
      ),
    );
    expect(new Set(ids).size).toBe(3);
  });

  it.each([
    ['Grüße an dich', 'Grüße an dich'],
    ['=?utf-8?q?not_encoded?=', '=?utf-8?q?not_encoded?='],
    ['😀 '.repeat(60).trim(), '😀 '.repeat(60).trim()],
    ['x'.repeat(2_000), 'x'.repeat(2_000)],
    [`${'word '.repeat(300)}end`, `${'word '.repeat(300)}end`],
    ['two  spaces', 'two  spaces'],
  ])('carries the subject %j', async (subject, expected) => {
    const made = await composed(jobOf({ subject }));
    expectSound(bytesOf(made));
    expect((await simpleParser(bytesOf(made))).subject).toBe(expected);
  });

  it.each([
    ['Ann Example <a@shop.example>', 'Ann Example'],
    ['"Example, Ann" <a@shop.example>', 'Example, Ann'],
    ['Ann "A" Example <a@shop.example>', null],
    ['"Ann \\"A\\" Example" <a@shop.example>', 'Ann "A" Example'],
    ['Änne Müller <a@shop.example>', 'Änne Müller'],
    ['"<b@evil.example>" <a@shop.example>', '<b@evil.example>'],
    [`${'Ä'.repeat(200)} <a@shop.example>`, 'Ä'.repeat(200)],
  ])('carries From: %s', async (from, name) => {
    if (name === null) return expect(await faultOf(jobOf({ from }))).toBe('bad-from');
    const made = await composed(jobOf({ from }));
    expectSound(bytesOf(made));
    expect((await simpleParser(bytesOf(made))).from?.value).toEqual([{ address: 'a@shop.example', name }]);
  });

  it('writes domains as A-labels, and asks for SMTPUTF8 only for local parts', async () => {
    const idn = await composed(jobOf({ from: 'a@bücher.example' }, { recipient: 'u@bücher.example' }));
    expect([field(idn, 'From'), field(idn, 'To')]).toEqual([
      ['From: a@xn--bcher-kva.example'],
      ['To: u@xn--bcher-kva.example'],
    ]);
    expect(idn.smtputf8).toBe(false);
    expect((await composed(jobOf({}, { recipient: 'ü@google.test' }))).smtputf8).toBe(true);
    expect((await composed(jobOf({ replyTo: 'ü@shop.example' }))).smtputf8).toBe(true);
  });

  it.each([
    ['no link', { unsubscribeLink: null, oneClick: true }, [], false],
    [
      'a link of theirs',
      { unsubscribeLink: 'https://shop.example/u' },
      ['List-Unsubscribe: <https://shop.example/u>'],
      false,
    ],
    [
      'a link that takes POST',
      { unsubscribeLink: 'https://shop.example/u', oneClick: true },
      ['List-Unsubscribe: <https://shop.example/u>'],
      true,
    ],
    [
      'a mailbox',
      { unsubscribeLink: 'mailto:u@shop.example', oneClick: true },
      ['List-Unsubscribe: <mailto:u@shop.example>'],
      false,
    ],
    [
      'a link of ours',
      { unsubscribeLink: 'https://u.postlane.example/t' },
      ['List-Unsubscribe: <https://u.postlane.example/t>'],
      true,
    ],
  ])('offers to unsubscribe: %s', async (_, payload, list, oneClick) => {
    const made = await composed(jobOf(payload));
    expect(field(made, 'List-Unsubscribe')).toEqual(list);
    expect(field(made, 'List-Unsubscribe-Post')).toEqual(
      oneClick ? ['List-Unsubscribe-Post: List-Unsubscribe=One-Click'] : [],
    );
  });

  it.each<[string, Partial<Payload>, EmailJob['type'], boolean]>([
    ['a newsletter that brings no link', {}, 'marketing', true],
    ['a notification', {}, 'notification', true],
    ['a password reset', {}, 'transactional', false],
    ['a transactional mail that asks for it', { oneClick: true }, 'transactional', true],
    ['a mail that wants none', { unsubscribeLink: '' }, 'marketing', false],
    ['a mail that brings its own', { unsubscribeLink: 'https://shop.example/u' }, 'marketing', false],
    ['a whole message', { mime: Buffer.from('From: a@shop.example\r\n\r\nHello\r\n') }, 'marketing', true],
    [
      'a whole message that brings its own',
      { mime: Buffer.from('From: a@shop.example\r\nList-Unsubscribe: <https://shop.example/u>\r\n\r\nHello\r\n') },
      'marketing',
      false,
    ],
  ])('gives a link of ours to %s: %#', async (_, payload, type, isGiven) => {
    const link = 'https://u.postlane.example/job-7';
    const options = { ...OPTIONS, unsubscribeLinkOf: ({ id }: EmailJob) => `https://u.postlane.example/${id}` };
    const made = await compose(jobOf(payload, { type, id: 'job-7' }), ACCEPTED_AT, options);
    if (!made.ok) throw new Error(made.fault);
    expect(field(made, 'List-Unsubscribe').includes(`List-Unsubscribe: <${link}>`)).toBe(isGiven);
    expect(field(made, 'List-Unsubscribe-Post')).toHaveLength(isGiven ? 1 : 0);
    expectSound(bytesOf(made));
  });

  it('takes further fields from the list, and no others', async () => {
    const names = ['X-Campaign', 'In-Reply-To', 'References', 'Auto-Submitted', 'Precedence', 'List-Id'];
    const withheld = [
      ...['From', 'to', 'BCC', 'Sender', 'Received', 'Return-Path', 'DKIM-Signature', 'Message-ID', 'Date', 'Subject'],
      ...[
        'Content-Type',
        'MIME-Version',
        'X-Entity-Ref-ID',
        'Feedback-ID',
        'List-Unsubscribe',
        'ARC-Seal',
        'X-Bad Name',
        'X-A:b',
      ],
    ];
    const headers = [...names, ...withheld].map((name) => ({ name, value: 'planted' }));
    const made = await composed(jobOf({ headers }));
    const planted = made.fields.filter(({ line }) => line.includes('planted')).map(({ name }) => name);
    expect(planted).toEqual(names);
  });
});

describe('the body', () => {
  it.each([
    ['ASCII', 'Hello\nthere\n', '7bit'],
    ['other line ends', 'a\rb\r\nc\n', '7bit'],
    ['a few other characters', `Grüße ${'aus dem Werk '.repeat(20)}`, 'quoted-printable'],
    ['many other characters', 'привет мир', 'base64'],
    ['a long line', 'x'.repeat(1_000), 'quoted-printable'],
    ['a line as long as may be', 'x'.repeat(998), '7bit'],
    ['control characters', 'a\u0000b\u0007', 'quoted-printable'],
    ['dots and From', '.\n..\nFrom here\n', '7bit'],
    ['nothing', '', '7bit'],
  ])('of %s survives', async (_, text, encoding) => {
    const made = await composed(jobOf({ text }));
    expect(field(made, 'Content-Transfer-Encoding')).toEqual([`Content-Transfer-Encoding: ${encoding}`]);
    expectSound(bytesOf(made));
    const read = (await simpleParser(bytesOf(made))).text ?? '';
    expect(read.trimEnd()).toBe(text.replace(/\r\n?/g, '\n').trimEnd());
  });

  it('of text and HTML is an alternative', async () => {
    const mail = await parsed(jobOf({ text: 'plain ä', html: '<b>ä</b>' }));
    expect([mail.text?.trim(), typeof mail.html === 'string' && mail.html.trim()]).toEqual(['plain ä', '<b>ä</b>']);
  });

  it('of HTML alone stays alone', async () => {
    const made = await composed(jobOf({ text: null, html: '<b>hello</b>' }));
    expect(field(made, 'Content-Type')).toEqual(['Content-Type: text/html; charset=utf-8']);
  });

  it('carries files, and pictures of the HTML', async () => {
    const content = Buffer.from(Array.from({ length: 3_000 }, (_, index) => index % 256));
    const made = await composed(
      jobOf({
        html: '<img src="cid:logo@shop">',
        attachments: [
          attachmentOf({ filename: 'Rechnung für "dich".pdf', content }),
          attachmentOf({ filename: 'logo.png', contentType: 'image/png', contentId: 'logo@shop' }),
          attachmentOf({ filename: 'mail.eml', contentType: 'message/rfc822', content: Buffer.from('a\nb\rc\u0000') }),
        ],
      }),
    );
    expectSound(bytesOf(made));
    const { attachments } = await simpleParser(bytesOf(made), { skipImageLinks: true });
    expect(
      attachments.map(({ filename, contentType, cid, related }) => ({
        filename,
        contentType,
        cid,
        related: !!related,
      })),
    ).toEqual([
      { filename: 'logo.png', contentType: 'image/png', cid: 'logo@shop', related: true },
      { filename: 'Rechnung für "dich".pdf', contentType: 'application/pdf', cid: undefined, related: false },
      { filename: 'mail.eml', contentType: 'message/rfc822', cid: undefined, related: false },
    ]);
    expect(attachments.map((one) => one.content.length)).toEqual([8, 3_000, 6]);
    // A mail as a file must not be encoded under its own type; so it is no mail to who transports it.
    expect(bytesOf(made).toString()).not.toContain('message/rfc822');
  });
});

describe('a job that cannot become a mail', () => {
  it.each<[string, Partial<Payload> | null, Partial<EmailJob>]>([
    ['no-payload', null, {}],
    ['bad-recipient', {}, { recipient: 'nobody' }],
    ['bad-recipient', {}, { recipient: 'a@b.example\r\nRCPT TO:<c@d.example>' }],
    ['bad-from', { from: '' }, {}],
    ['bad-from', { from: 'a@b.example, c@d.example' }, {}],
    ['bad-from', { from: 'A\r\nBcc: x@y.example <a@b.example>' }, {}],
    ['bad-reply-to', { replyTo: 'x' }, {}],
    ['bad-subject', { subject: 'a\nBcc: x@y.example' }, {}],
    ['bad-subject', { subject: 'a\u2028b' }, {}],
    ['bad-job-id', {}, { id: 'a\r\nb' }],
    ['bad-header', { headers: [{ name: 'X-A', value: 'a\r\n\r\nbody' }] }, {}],
    ['bad-unsubscribe-link', { unsubscribeLink: 'javascript:alert(1)' }, {}],
    ['bad-unsubscribe-link', { unsubscribeLink: 'https://a.example/> x' }, {}],
    ['bad-unsubscribe-link', { unsubscribeLink: 'https://a.example/\r\nX: y' }, {}],
    ['bad-attachment', { attachments: [attachmentOf({ filename: 'a\r\nb' })] }, {}],
    ['bad-attachment', { attachments: [attachmentOf({ contentType: 'text' })] }, {}],
    ['bad-attachment', { attachments: [attachmentOf({ contentType: 'text/plain\r\nX: y' })] }, {}],
    ['bad-attachment', { attachments: [attachmentOf({ contentId: 'a>b' })] }, {}],
    ['bad-attachment', { attachments: Array(101).fill(attachmentOf()) }, {}],
    ['header-too-long', { unsubscribeLink: `https://a.example/${'x'.repeat(1_000)}` }, {}],
  ])('is told why: %s', async (fault, payload, rest) => {
    expect(await faultOf(jobOf(payload, rest))).toBe(fault);
  });
});

describe('whatever a job holds', () => {
  const text = fc.oneof(
    { weight: 8, arbitrary: fc.string({ unit: 'grapheme', maxLength: 60 }) },
    {
      weight: 4,
      arbitrary: fc.string({
        unit: fc.constantFrom(' ', '.', ':', '<', '>', '"', '=', '?', ';', ',', '(', '\\', 'a', 'ü'),
      }),
    },
    { weight: 1, arbitrary: fc.string({ unit: anyCharacter, maxLength: 60 }) },
    {
      weight: 1,
      arbitrary: fc.string({ unit: fc.constantFrom('\r', '\n', '\0', '\u2028', ' ', ':', 'a'), maxLength: 20 }),
    },
  );
  const body = fc.oneof(
    text,
    fc.string({ unit: fc.constantFrom('\r', '\n', '\r\n', '.', ' ', '\t', 'a', 'ü', '\0', '--') }),
  );
  const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null });
  const often = <T>(value: T, arbitrary: fc.Arbitrary<T>) =>
    fc.oneof({ weight: 6, arbitrary: fc.constant(value) }, { weight: 1, arbitrary });
  const payloads = fc.record({
    from: fc.oneof(
      { weight: 1, arbitrary: text },
      { weight: 9, arbitrary: text.map((name) => `${name} <a@shop.example>`) },
    ),
    replyTo: often<string | null>('r@shop.example', maybe(text)),
    subject: text,
    html: maybe(body),
    text: maybe(body),
    unsubscribeLink: often<string | null>(
      null,
      text.map((tail) => `https://u.postlane.example/${tail}`),
    ),
    headers: fc.array(fc.record({ name: often('X-Any', text), value: text }), { maxLength: 2 }),
    attachments: fc.array(
      fc.record({
        filename: text,
        contentType: often('text/plain', text),
        contentId: often<string | null>(null, text),
        content: body.map((content) => Buffer.from(content)),
      }),
      { maxLength: 2 },
    ),
  });

  it('a message is sound, or there is none, and nobody else is named in its header', async () => {
    let messages = 0;
    await fc.assert(
      fc.asyncProperty(payloads, often('order-1', text), often('user', text), async (payload, id, local) => {
        const job = jobOf(payload, { id, tenant: id, campaign: id, recipient: `${local}@google.test` });
        const made = await compose(job, ACCEPTED_AT, OPTIONS);
        if (!made.ok) return;
        messages += 1;
        expectSound(bytesOf(made));
        const names = made.fields.map(({ name }) => name.toLowerCase());
        for (const name of ['from', 'to', 'subject', 'message-id', 'date', 'content-type']) {
          expect(names.filter((other) => other === name)).toHaveLength(1);
        }
        expect(names).not.toContain('bcc');
        for (const { line } of made.fields) expect(hasControlCharacter(line.replaceAll('\r\n', ''))).toBe(false);
      }),
      { numRuns: 200 },
    );
    expect(messages).toBeGreaterThan(40);
  }, 60_000);
});
