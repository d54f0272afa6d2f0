import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { dkimVerify } from 'mailauth/lib/dkim/verify.js';
import type { EmailJob } from '../../../src/contracts/generated.ts';
import { dkimRecord, generateDkimKey, signingKey } from '../../../src/smtp/dkim.ts';
import { relaxedBody, relaxedField } from '../../../src/smtp/dkim-canonical.ts';
import { createMailMaker, type MailMaker } from '../../../src/smtp/mail-maker.ts';
import { VerpSigner } from '../../../src/smtp/verp-signer.ts';
import { MemorySecrets } from '../../../src/testing/memory-secrets.ts';
import { RecordingTelemetry } from '../../../src/testing/recording-telemetry.ts';
import { ACCEPTED_AT, attachmentOf, jobOf, OPTIONS } from './support.ts';

const secrets = new Map<string, string>();
const records = new Map<string, string>();
let maker: MailMaker;
const senderOf = (domain: string) => ({
  domain,
  returnPathDomain: `bounce.${domain}`,
  dkim: [
    { selector: 'rsa', algorithm: 'rsa-sha256' as const, privateKey: 'file:rsa' },
    { selector: 'ed', algorithm: 'ed25519-sha256' as const, privateKey: 'file:ed' },
  ],
});
const makerWith = (mode: 'lenient' | 'strict') =>
  createMailMaker({
    ...OPTIONS,
    senders: { mode, list: [senderOf('shop.example'), senderOf('xn--bcher-kva.example')] },
    verp: { current: new VerpSigner([Buffer.alloc(32, 1)]) },
    secrets: new MemorySecrets(Object.fromEntries(secrets)),
    telemetry: new RecordingTelemetry(),
  });

beforeAll(async () => {
  for (const [selector, algorithm] of [
    ['rsa', 'rsa-sha256'],
    ['ed', 'ed25519-sha256'],
  ] as const) {
    const { privateKey, record } = await generateDkimKey(algorithm);
    secrets.set(`file:${selector}`, privateKey);
    for (const domain of ['shop.example', 'xn--bcher-kva.example'])
      records.set(`${selector}._domainkey.${domain}`, record);
  }
  maker = await makerWith('lenient');
});

const messageOf = async (job: EmailJob): Promise<Buffer> => {
  const made = await maker.make(job, ACCEPTED_AT);
  if (!made.ok) throw new Error(made.fault);
  return made.mail.message;
};

async function verified(message: Buffer): Promise<string[]> {
  const resolver = async (name: string) => {
    const record = records.get(name);
    if (record === undefined) throw Object.assign(new Error('no record'), { code: 'ENOTFOUND' });
    return [[record]];
  };
  const { results } = await dkimVerify(message, { resolver });
  return results.map(({ selector, signingDomain, status }) => `${selector} ${signingDomain} ${status.result}`);
}
const BOTH = ['rsa shop.example pass', 'ed shop.example pass'];

describe('signatures', () => {
  it.each<[string, Parameters<typeof jobOf>[0]]>([
    ['plain text', { text: 'Hello\n' }],
    ['spaces, tabs and empty lines', { text: ' a\t\tb  \n\n \t \n\n c \n\n\n' }],
    ['no body', { text: '' }],
    ['only empty lines', { text: '\n\n\n' }],
    [
      'other characters',
      {
        subject: 'Grüße an alle und viele mehr, die in eine Zeile nicht passen würden',
        text: 'Grüße',
        html: '<b>привет</b>',
      },
    ],
    ['files', { attachments: [attachmentOf({ content: Buffer.alloc(10_000, 3) })] }],
    [
      'unsubscribing',
      { unsubscribeLink: 'https://u.postlane.example/x', headers: [{ name: 'List-Id', value: '<a.shop.example>' }] },
    ],
    [
      'a whole message',
      {
        mime: Buffer.from(
          'From: a@shop.example\r\nTo: x@y.example,\r\n\t z@y.example\r\nSubject:  a \t b\r\n\r\nhi  \r\n',
        ),
      },
    ],
    ['a whole message without a subject', { mime: Buffer.from('From: a@shop.example\r\n\r\nhi\r\n') }],
  ])('verify: %s', async (_, payload) => {
    expect(await verified(await messageOf(jobOf(payload)))).toEqual(BOTH);
  });

  it('verify for a domain of other characters', async () => {
    const message = await messageOf(jobOf({ from: 'a@bücher.example' }));
    expect(await verified(message)).toEqual(['rsa xn--bcher-kva.example pass', 'ed xn--bcher-kva.example pass']);
  });

  it('verify for any text', async () => {
    const text = fc.array(fc.constantFrom(' ', '\t', '\n', 'a', 'ü', '.', '=', '\r\n', ' \n'), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(text, fc.string({ unit: 'grapheme', maxLength: 100 }), async (body, subject) => {
        const made = await maker.make(jobOf({ text: body.join(''), subject }), ACCEPTED_AT);
        if (made.ok) expect(await verified(made.mail.message)).toEqual(BOTH);
      }),
      { numRuns: 40 },
    );
  }, 60_000);

  it('of the same job are the same', async () => {
    expect((await messageOf(jobOf())).equals(await messageOf(jobOf()))).toBe(true);
  });

  it('fail wherever a bit is flipped in what they cover', async () => {
    const message = await messageOf(jobOf({ unsubscribeLink: 'https://u.postlane.example/x' }));
    const covered = [
      'Your order',
      'user@google',
      'Hello\r',
      'order-1',
      'List-Unsubscribe=One',
      'none:trans',
      'text/plain',
      '24 Nov',
    ];
    for (const text of covered) {
      const flipped = Buffer.from(message);
      const at = flipped.lastIndexOf(text);
      flipped[at] = (flipped[at] as number) ^ 1;
      expect([text, await verified(flipped)]).not.toEqual([
        text,
        expect.arrayContaining([expect.stringContaining('pass')]),
      ]);
    }
  });

  it.each(['From: x@evil.example', 'Subject: other', 'To: y@evil.example'])('fail where %s is added', async (line) => {
    const message = await messageOf(jobOf());
    const added = Buffer.concat([Buffer.from(`${line}\r\n`), message]);
    for (const result of await verified(added)) expect(result).not.toContain('pass');
  });

  it('keep lines short', async () => {
    const header = (await messageOf(jobOf())).toString().split('\r\n\r\n')[0] ?? '';
    for (const line of header.split('\r\n')) expect(line.length).toBeLessThanOrEqual(78);
  });
});

describe('senders', () => {
  it('that are not configured go unsigned under their own return path, or are refused', async () => {
    const job = jobOf({ from: 'a@other.example' });
    const lenient = await maker.make(job, ACCEPTED_AT);
    expect(lenient).toMatchObject({ ok: true, signed: false, mail: { from: { local: 'a', domain: 'other.example' } } });
    expect(await (await makerWith('strict')).make(job, ACCEPTED_AT)).toMatchObject({
      ok: false,
      fault: 'unknown-sender',
    });
  });

  it('that are configured get a return path of their own', async () => {
    const made = await maker.make(jobOf(), ACCEPTED_AT);
    expect(made).toMatchObject({
      ok: true,
      signed: true,
      mail: { from: { local: expect.stringMatching(/^b\+[a-z2-7]+$/), domain: 'bounce.shop.example' } },
    });
  });
});

describe('keys', () => {
  it('are published as their public half', async () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 });
    const spki = rsa.publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
    const pem = rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    expect(dkimRecord(pem)).toBe(`v=DKIM1; k=rsa; p=${spki}`);
    expect(dkimRecord(rsa.privateKey)).toBe(dkimRecord(rsa.publicKey));
    const ed = createPublicKey(createPrivateKey(secrets.get('file:ed') ?? ''));
    expect(dkimRecord(ed)).toMatch(/^v=DKIM1; k=ed25519; p=[A-Za-z0-9+/]{43}=$/);
  });

  const pemOf = (modulusLength: number): string =>
    generateKeyPairSync('rsa', { modulusLength }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const edPem = (): string => secrets.get('file:ed') ?? '';

  it.each([
    ['no key', 'rsa-sha256', (): string => 'hello'],
    ['another kind', 'rsa-sha256', edPem],
    ['too short', 'rsa-sha256', (): string => pemOf(512)],
  ] as const)('are refused at the start: %s', (_, algorithm, pem) => {
    expect(() => signingKey('s', algorithm, pem())).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });
});

describe('relaxed form', () => {
  it('is that of the example in RFC 6376', () => {
    expect(relaxedField('A', 'A: X')).toBe('a:X');
    expect(relaxedField('B', 'B : Y\t\r\n\tZ  ')).toBe('b:Y Z');
    expect(relaxedBody(Buffer.from(' C \r\nD \t E\r\n\r\n\r\n')).toString()).toBe(' C\r\nD E\r\n');
  });

  it.each([
    ['', ''],
    ['\r\n\r\n', ''],
    [' \r\n \r\n', ''],
    ['a', 'a\r\n'],
    ['a \t', 'a\r\n'],
    ['\r\na\r\n\r\nb \r\n', '\r\na\r\n\r\nb\r\n'],
    ['a\rb\r\n', 'a\rb\r\n'],
  ])('of %j is %j', (body, expected) => {
    expect(relaxedBody(Buffer.from(body)).toString()).toBe(expected);
  });
});
