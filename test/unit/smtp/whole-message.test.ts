import fc from 'fast-check';
import { type Composed, compose } from '../../../src/smtp/compose.ts';
import { readMessage, unfolded } from '../../../src/smtp/whole-message.ts';
import { ACCEPTED_AT, jobOf, OPTIONS } from './support.ts';

const whole = (text: string | Buffer) => jobOf({ mime: Buffer.from(text as string, 'utf8') });
const composed = async (text: string | Buffer): Promise<Composed> => {
  const made = await compose(whole(text), ACCEPTED_AT, OPTIONS);
  if (!made.ok) throw new Error(made.fault);
  return made;
};
const faultOf = async (text: string | Buffer) => {
  const made = await compose(whole(text), ACCEPTED_AT, OPTIONS);
  return made.ok ? null : made.fault;
};
const lines = ({ fields }: Composed): string[] => fields.map(({ line }) => line);

describe('a whole message', () => {
  it('keeps its body and its harmless fields; the rest is withheld or written anew', async () => {
    const made = await composed(
      [
        'Received: from evil by good',
        'Return-Path: <x@y.example>',
        'DKIM-Signature: v=1; b=abc',
        'ARC-Seal: i=1',
        'Authentication-Results: good; dkim=pass',
        'Bcc: secret@y.example',
        'Sender: boss@y.example',
        'Resent-To: z@y.example',
        'X-Entity-Ref-ID: planted',
        'Feedback-ID: planted:a:b:c',
        'Message-ID: <planted@y.example>',
        'Date: Mon, 1 Jan 2001 00:00:00 +0000',
        'MIME-Version: 1.0 (planted)',
        'from : "Ann, A." <Ann@Shop.Example>',
        'To: many@y.example,',
        '\tothers@y.example',
        'Subject: hello',
        'Content-Type: text/plain; charset=utf-8',
        'X-Mine: yes',
        '',
        '.dot',
        'body: kept  ',
        '',
        '',
      ].join('\r\n'),
    );
    expect(lines(made)).toEqual([
      'From: "Ann, A." <Ann@shop.example>',
      'Date: Tue, 24 Nov 2026 09:05:07 +0000',
      `Message-ID: ${made.messageId}`,
      'MIME-Version: 1.0',
      'To: many@y.example, others@y.example',
      'Subject: hello',
      'Content-Type: text/plain; charset=utf-8',
      'X-Mine: yes',
      'X-Entity-Ref-ID: order-1',
      'Feedback-ID: none:transactional:default:postlane',
    ]);
    expect(made.body.toString()).toBe('.dot\r\nbody: kept  \r\n\r\n');
    expect([made.eightBit, made.smtputf8]).toEqual([false, false]);
  });

  it('may come with the line ends of text tools', async () => {
    const made = await composed('From: a@shop.example\nSubject: a\n b\n\nbody\n.\n');
    expect(lines(made)).toContain('Subject: a b');
    expect(made.body.toString()).toBe('body\r\n.\r\n');
  });

  it('may lack the end of its last line, or its body', async () => {
    expect((await composed('From: a@shop.example\r\n\r\nbody')).body.toString()).toBe('body\r\n');
    expect((await composed('From: a@shop.example')).body.toString()).toBe('');
  });

  it('says what it needs of the server', async () => {
    expect(await composed('From: a@shop.example\r\n\r\nGrüße\r\n')).toMatchObject({ eightBit: true, smtputf8: false });
    expect(await composed('From: a@shop.example\r\nReferences: <ü@x>\r\n\r\n')).toMatchObject({ smtputf8: true });
    expect(await composed('From: a@shop.example\r\nX-A: ü\r\n\r\n')).toMatchObject({ smtputf8: false });
    expect(await composed('From: ü@shop.example\r\n\r\n')).toMatchObject({ smtputf8: true });
    // Old software writes subjects so; they can be encoded.
    const old = await composed('From: a@shop.example\r\nSubject: Grüße\r\n\r\n');
    expect(old.smtputf8).toBe(false);
    expect(lines(old)).toContain('Subject: =?UTF-8?Q?Gr=C3=BC=C3=9Fe?=');
  });

  it('keeps a name in encoded words as it is', async () => {
    const made = await composed('From: =?utf-8?q?=C3=84nne?= <a@shop.example>\r\n\r\n');
    expect(lines(made)[0]).toBe('From: =?utf-8?q?=C3=84nne?= <a@shop.example>');
  });

  it('is offered one click where its link is ours', async () => {
    const from = 'From: a@shop.example\r\n';
    const post = 'List-Unsubscribe-Post: List-Unsubscribe=One-Click';
    expect(lines(await composed(`${from}List-Unsubscribe: <https://u.postlane.example/t>\r\n\r\n`))).toContain(post);
    expect(lines(await composed(`${from}\r\n`))).not.toContain(post);
    expect(lines(await composed(`${from}List-Unsubscribe: <https://x.example/t>\r\n\r\n`))).not.toContain(post);
  });

  it.each([
    ['bad-from', 'Subject: a\r\n\r\n'],
    ['bad-from', 'From: a@b.example, c@d.example\r\n\r\n'],
    ['bad-from', 'From: a@b.example (<c@d.example>)\r\n\r\n'],
    ['duplicate-header', 'From: a@b.example\r\nfrom: c@d.example\r\n\r\n'],
    ['duplicate-header', 'From: a@b.example\r\nSubject: a\r\nSubject: b\r\n\r\n'],
    ['bare-line-break', 'From: a@b.example\r\n\r\na\nb\r\n'],
    ['bare-line-break', 'From: a@b.example\r\n\r\na\rb\r\n'],
    ['bare-line-break', 'From: a@b.example\r\n\r\na\n.\r\nMAIL FROM:<x@y.example>\r\n'],
    ['bare-line-break', 'From: a@b.example\r\n\r\na\r\n.\rQUIT\r\n'],
    ['nul', 'From: a@b.example\r\n\r\na\0b\r\n'],
    ['nul', 'From: a@b.example\r\nX: \0\r\n\r\n'],
    ['line-too-long', `From: a@b.example\r\n\r\n${'x'.repeat(999)}\r\n`],
    ['line-too-long', `From: a@b.example\r\nX: ${'x'.repeat(999)}\r\n\r\n`],
    ['bad-header', 'From: a@b.example\r\nno colon\r\n\r\n'],
    ['bad-header', ' continued: nothing\r\nFrom: a@b.example\r\n\r\n'],
    ['bad-header', 'From: a@b.example\r\nX: a\r\n \r\n b\r\n\r\n'],
    ['bad-header', 'From: a@b.example\r\nX: \u0007\r\n\r\n'],
    ['bad-header', 'From: a@b.example\r\nX: \u2028\r\n\r\n'],
    [
      'bad-header',
      Buffer.concat([Buffer.from('From: a@b.example\r\nX: '), Buffer.from([0xff]), Buffer.from('\r\n\r\n')]),
    ],
    ['bad-header', `From: a@b.example\r\n${'X: y\r\n'.repeat(1_001)}\r\n`],
  ])('is refused: %s', async (fault, text) => {
    expect(await faultOf(text)).toBe(fault);
  });

  it('of any bytes is sound or refused, and is read back as it is', () => {
    const piece = fc.constantFrom(
      '\r\n',
      '\n',
      '\r',
      ':',
      ' ',
      'From: a@b.example\r\n',
      'X-A: b',
      '\0',
      '.',
      'ü',
      '\r\n\r\n',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(piece).map((parts) => Buffer.from(parts.join(''))),
          fc.uint8Array().map(Buffer.from),
        ),
        (bytes) => {
          const read = readMessage(bytes);
          if (!read.ok) return;
          const again = Buffer.concat([
            Buffer.from(`${read.fields.map(({ line }) => `${line}\r\n`).join('')}\r\n`),
            read.body,
          ]);
          expect(again.toString('latin1')).not.toMatch(/\r(?!\n)|(?<!\r)\n/);
          expect(readMessage(again)).toEqual(read);
          for (const one of read.fields) expect(unfolded(one)).not.toMatch(/[\r\n]/);
        },
      ),
    );
  });
});
