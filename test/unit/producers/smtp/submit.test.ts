import { submit } from '../../../../producers/smtp/submit.ts';
import type { EmailJob } from '../../../../src/contracts/generated.ts';
import { JOB_RULES_DEFAULT } from '../../../../src/domain/job.ts';
import { type Composed, compose } from '../../../../src/smtp/compose.ts';
import { unfolded } from '../../../../src/smtp/whole-message.ts';
import { callerOf, memoryIntake, NOW } from '../../../support/submission-intake.ts';
import { OPTIONS } from '../../smtp/support.ts';

type Headers = Readonly<Record<string, string>>;
const HEADERS: Headers = {
  From: 'The Shop <orders@shop.example>',
  To: 'Ada <ada@inbox.example>',
  Subject: 'Your order',
  'Content-Type': 'text/plain; charset=utf-8',
};
const messageOf = (headers: Headers = {}, body = 'Thank you.\r\n'): string =>
  `${Object.entries({ ...HEADERS, ...headers })
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}\r\n${body}`;
const mailOf = (message: string | Buffer, recipients = ['ada@inbox.example']) => ({
  recipients,
  bytes: Buffer.from(message as string, 'utf8'),
});

const composed = async (job: EmailJob): Promise<Composed> => {
  const made = await compose(job, NOW, OPTIONS);
  if (!made.ok) throw new Error(made.fault);
  return made;
};

describe('a mail that is handed in by SMTP', () => {
  it('becomes a job per recipient, for the caller’s tenant', async () => {
    const { intake, jobs, records } = memoryIntake();
    const answer = await submit(
      intake,
      callerOf({ tenant: 'shop' }),
      mailOf(messageOf(), ['ada@inbox.example', 'bob@x.example']),
    );
    expect(answer).toEqual({ code: 250, text: '2.6.0 accepted: new-1 new-2' });
    expect(jobs()).toMatchObject([
      { id: 'new-1', tenant: 'shop', type: 'transactional', recipient: 'ada@inbox.example' },
      { id: 'new-2', tenant: 'shop', type: 'transactional', recipient: 'bob@x.example' },
    ]);
    expect(records.map(({ topic, key }) => [topic, key])).toEqual([
      ['email.ingest.transactional', 'new-1'],
      ['email.ingest.transactional', 'new-2'],
    ]);
    expect(jobs()[0]?.payload).toMatchObject({ from: 'orders@shop.example', html: null });
  });

  it('is sent as its fields say, which go no further', async () => {
    const { intake, jobs, records } = memoryIntake();
    const message = messageOf({
      'X-Postlane-Type': 'Marketing',
      'X-Postlane-Tag': 'spring, =?utf-8?q?gr=C3=BCn?=',
      'x-postlane-tag': 'b',
      'X-Postlane-Campaign': 'spring-sale',
      'X-Postlane-Metadata': 'order=47=11',
      'X-Postlane-Send-At': '2027-01-16T08:00:00+01:00',
      'X-Postlane-Expires-At': 'Sun, 17 Jan 2027 08:00:00 +0000',
      'X-Postlane-Priority': 'high',
      'X-Postlane-Region': 'eu',
      Bcc: 'secret@x.example',
      Received: 'from somewhere',
      'X-Mine': 'yes',
    });
    expect(await submit(intake, callerOf(), mailOf(message))).toMatchObject({ code: 250 });
    expect(records[0]?.topic).toBe('email.ingest.marketing');
    const [job] = jobs() as [EmailJob];
    expect(job).toMatchObject({
      type: 'marketing',
      tags: ['spring', 'grün', 'b'],
      campaign: 'spring-sale',
      metadata: [{ name: 'order', value: '47=11' }],
      sendAt: Date.parse('2027-01-16T07:00:00Z'),
      expiresAt: Date.parse('2027-01-17T08:00:00Z'),
      priority: 'high',
      region: 'eu',
    });
    expect(job.payload?.mime?.toString()).toBe(
      'From: The Shop <orders@shop.example>\r\nTo: Ada <ada@inbox.example>\r\nSubject: Your order\r\n' +
        'Content-Type: text/plain; charset=utf-8\r\nX-Mine: yes\r\n\r\nThank you.\r\n',
    );
  });

  it.each<[Headers, RegExp]>([
    [{ 'X-Postlane-Type': 'urgent' }, /X-Postlane-Type: must be one of transactional/],
    [{ 'X-Postlane-Typo': 'x' }, /X-Postlane-Typo: there is no such field/],
    [{ 'X-Postlane-Campaign': 'a', 'x-postlane-campaign': 'b' }, /x-postlane-campaign: may stand once/],
    [{ 'X-Postlane-Campaign': 'a'.repeat(129) }, /X-Postlane-Campaign: is too long/],
    [{ 'X-Postlane-Tag': 'a,,b' }, /X-Postlane-Tag/],
    [{ 'X-Postlane-Tag': Array.from({ length: 51 }, (_, n) => n).join(',') }, /X-Postlane-Tag: has too many/],
    [{ 'X-Postlane-Metadata': 'order' }, /X-Postlane-Metadata: must be name=value/],
    [{ 'X-Postlane-Metadata': '__proto__=x' }, /X-Postlane-Metadata/],
    [{ 'X-Postlane-Send-At': 'tomorrow' }, /X-Postlane-Send-At: must be a time/],
    [{ 'X-Postlane-Send-At': '2027-01-16T08:00:00' }, /X-Postlane-Send-At: must be a time with its zone/],
    [{ 'X-Postlane-Send-At': '2027-13-46T08:00:00Z' }, /X-Postlane-Send-At/],
    [{ 'X-Postlane-Send-At': '2099-01-01T00:00:00Z' }, /X-Postlane-Send-At: lies too far ahead/],
    [{ 'X-Postlane-Priority': 'urgent' }, /X-Postlane-Priority/],
    [{ 'X-Postlane-Idempotency-Key': 'ü' }, /X-Postlane-Idempotency-Key/],
    [{ 'X-Postlane-Region': '' }, /X-Postlane-Region: must not be empty/],
  ])('is refused where a field of ours is wrong: %j', async (headers, text) => {
    const { intake, records } = memoryIntake();
    const answer = await submit(intake, callerOf(), mailOf(messageOf(headers)));
    expect(answer).toEqual({ code: 550, text: expect.stringMatching(text) });
    expect(answer.text).toMatch(/^5\.6\.0 [ -~]{1,200}$/);
    expect(records).toEqual([]);
  });

  it('is refused where it is for another region than the one that this door is in', async () => {
    const { intake, records } = memoryIntake({ rules: { ...JOB_RULES_DEFAULT, region: 'eu' } });
    const at = (region: string) => submit(intake, callerOf(), mailOf(messageOf({ 'X-Postlane-Region': region })));
    expect(await at('us')).toEqual({
      code: 550,
      text: '5.6.0 X-Postlane-Region: it is for us, and this is eu: hand it in there',
    });
    expect(records).toEqual([]);
    expect(await at('eu')).toMatchObject({ code: 250 });
    expect(records).toHaveLength(1);
  });

  it('counts against the daily quota, all recipients or none', async () => {
    const { intake, records } = memoryIntake();
    const caller = callerOf({ mailsPerDay: 3 });
    const two = ['ada@inbox.example', 'bob@x.example'];
    expect(await submit(intake, caller, mailOf(messageOf(), two))).toMatchObject({ code: 250 });
    expect(await submit(intake, caller, mailOf(messageOf(), two))).toMatchObject({
      code: 452,
      text: expect.stringContaining('quota of 3'),
    });
    expect(await submit(intake, caller, mailOf(messageOf()))).toMatchObject({ code: 250 });
    expect(records).toHaveLength(3);
  });

  it('is answered 451 where the log does not take it, and 552 where no job can hold it', async () => {
    const failing = memoryIntake({ appender: { append: () => Promise.reject(new Error('away')) } });
    expect(await submit(failing.intake, callerOf(), mailOf(messageOf()))).toMatchObject({ code: 451 });
    const hanging = memoryIntake({ appender: { append: () => new Promise(() => undefined) } });
    const answer = submit(hanging.intake, callerOf(), mailOf(messageOf()));
    while (hanging.clock.nextWake() === null) await new Promise(setImmediate);
    await hanging.clock.advanceTo(NOW + 1_000);
    expect(await answer).toMatchObject({ code: 451 });
    const { intake } = memoryIntake();
    const large = messageOf({}, `${'x'.repeat(900)}\r\n`.repeat(6_000));
    expect(await submit(intake, callerOf(), mailOf(large))).toMatchObject({ code: 552 });
  });

  it('holds few copies of a large message at a time', async () => {
    const { intake, records } = memoryIntake();
    const calls: number[] = [];
    const appender = {
      append: (more: Parameters<typeof intake.appender.append>[0]) => {
        calls.push(more.length);
        return intake.appender.append(more);
      },
    };
    const recipients = Array.from({ length: 10 }, (_, n) => `a${n}@x.example`);
    const large = messageOf({}, `${'x'.repeat(900)}\r\n`.repeat(5_000));
    expect(await submit({ ...intake, appender }, callerOf(), mailOf(large, recipients))).toMatchObject({ code: 250 });
    expect(calls).toEqual([2, 2, 2, 2, 2, 0]);
    expect(records).toHaveLength(10);
  });
});

describe('the idempotency key', () => {
  const KEYED = { 'X-Postlane-Idempotency-Key': 'order-4711' };

  it('makes the same mail one mail, with the same ids, also where all is forgotten', async () => {
    const first = memoryIntake();
    const answer = await submit(first.intake, callerOf(), mailOf(messageOf(KEYED), ['a@x.example', 'b@x.example']));
    // Another order of recipients is the same mail.
    const again = await submit(first.intake, callerOf(), mailOf(messageOf(KEYED), ['b@x.example', 'a@x.example']));
    expect([answer.code, again.code]).toEqual([250, 250]);
    expect(first.records).toHaveLength(2);
    const second = memoryIntake();
    await submit(second.intake, callerOf(), mailOf(messageOf(KEYED), ['a@x.example', 'b@x.example']));
    expect(second.records).toEqual(first.records);
    const foreign = memoryIntake();
    await submit(foreign.intake, callerOf({ tenant: 'other' }), mailOf(messageOf(KEYED), ['a@x.example']));
    expect(first.records.map(({ key }) => key)).not.toContain(foreign.records[0]?.key);
  });

  it.each<[string, Headers, string[]]>([
    ['another subject', { Subject: 'Another' }, ['ada@inbox.example']],
    ['other recipients', {}, ['bob@x.example']],
    ['other tags', { 'X-Postlane-Tag': 'b' }, ['ada@inbox.example']],
  ])('names one mail: %s is refused', async (_, headers, recipients) => {
    const { intake, records } = memoryIntake();
    await submit(intake, callerOf(), mailOf(messageOf(KEYED)));
    const answer = await submit(intake, callerOf(), mailOf(messageOf({ ...KEYED, ...headers }), recipients));
    expect(answer).toMatchObject({ code: 554, text: expect.stringContaining('another mail') });
    expect(records).toHaveLength(1);
  });

  it('may be tried again after a failure', async () => {
    const { intake, records } = memoryIntake();
    const appender = { append: () => Promise.reject(new Error('away')) };
    expect(await submit({ ...intake, appender }, callerOf(), mailOf(messageOf(KEYED)))).toMatchObject({ code: 451 });
    expect(await submit(intake, callerOf(), mailOf(messageOf(KEYED)))).toMatchObject({ code: 250 });
    expect(records).toHaveLength(1);
  });
});

const raw = (...octets: number[]): string => Buffer.from(octets).toString('latin1');
/** Text whose characters stand for octets; the others are refused for what their UTF-8 is. */
const OCTETS = new Set(['not UTF-8', 'half a surrogate pair']);
const MALICIOUS: readonly (readonly [string, string])[] = [
  ['bare LF', 'a\nBcc: evil@x.example'],
  ['bare CR', 'a\rBcc: evil@x.example'],
  ['NUL', 'a\0b'],
  ['line separator', 'a\u2028Bcc: evil@x.example'],
  ['paragraph separator', 'a\u2029b'],
  ['next line', 'a\u0085b'],
  ['vertical tab', 'a\u000bb'],
  ['form feed', 'a\u000cb'],
  ['escape', 'a\u001b[31mb'],
  ['delete', 'a\u007fb'],
  ['backspace', 'a\u0008b'],
  ['not UTF-8', `a${raw(0xff, 0xfe)}b`],
  ['half a surrogate pair', `a${raw(0xed, 0xa0, 0x80)}b`],
  ['a giant word', 'x'.repeat(1_200)],
  ['a giant value', 'xyz\r\n '.repeat(50_000)],
  ['a fold of nothing', 'a\r\n \r\n b'],
  ['a line that is no field', 'a\r\nnothing'],
  ['end of data', 'a\r\n.\r\nMAIL FROM:<evil@x.example>'],
  ['end of data by LF', 'a\n.\nMAIL FROM:<evil@x.example>'],
  ['end of data by CR', 'a\r.\rMAIL FROM:<evil@x.example>'],
  ['a line break in encoded words', '=?utf-8?q?a=0D=0ABcc:_evil@x.example?='],
  ['NUL in encoded words', '=?utf-8?b?YQBi?='],
];
/** Harmless as text; refused where something else than text is expected. */
const REFERENCES = [
  'file:///etc/passwd',
  'data:text/html;base64,PGI+',
  'http://169.254.169.254/latest/meta-data/',
  '__proto__',
  'constructor',
  '{"__proto__":{"admin":true}}',
  '\u0024{jndi:ldap://127.0.0.1/a}',
  '../../../../etc/passwd',
];
const TEXT_FIELDS = ['Subject', 'X-Mine', 'Comments', 'Keywords', 'Organization', 'References'];
const FIELDS = [
  ...TEXT_FIELDS,
  ...['From', 'To', 'Cc', 'Reply-To', 'List-Unsubscribe', 'Content-Type'],
  ...['Type', 'Tag', 'Campaign', 'Metadata', 'Send-At', 'Expires-At', 'Priority', 'Region', 'Idempotency-Key'].map(
    (name) => `X-Postlane-${name}`,
  ),
];

describe('malicious input', () => {
  const bytesOf = (name: string, message: string): Buffer => Buffer.from(message, OCTETS.has(name) ? 'latin1' : 'utf8');

  it.each(FIELDS)('in %s is refused with a clear error, and changes no other mail', async (field) => {
    const { intake, jobs, records } = memoryIntake({ newId: () => 'always-the-same' });
    const recipients = ['ada@inbox.example'];
    await submit(intake, callerOf(), mailOf(messageOf()));
    for (const [name, value] of MALICIOUS) {
      const answer = await submit(intake, callerOf(), {
        recipients,
        bytes: bytesOf(name, messageOf({ [field]: value })),
      });
      expect({ name, ...answer }).toEqual({
        name,
        code: expect.any(Number),
        text: expect.stringMatching(/^5\.\d\.\d [ -~]{5,200}$/),
      });
      expect(answer.code).toBeGreaterThanOrEqual(550);
    }
    expect(records).toHaveLength(1);
    await submit(intake, callerOf(), mailOf(messageOf()));
    const [before, after] = await Promise.all(jobs().map(composed));
    expect(after).toEqual(before);
  });

  it.each(MALICIOUS)('in the name of a field is refused: %s', async (name, value) => {
    const { intake, records } = memoryIntake();
    const bytes = bytesOf(name, `${value.replaceAll(':', '')}: x\r\n${messageOf()}`);
    const answer = await submit(intake, callerOf(), { recipients: ['ada@inbox.example'], bytes });
    // As a name, encoded words are a name; they stand for nothing.
    if (!value.startsWith('=?')) expect(answer.code).toBeGreaterThanOrEqual(550);
    expect(records).toHaveLength(value.startsWith('=?') ? 1 : 0);
  });

  it.each(FIELDS)('that refers to something in %s is text there, or refused; nobody follows it', async (field) => {
    for (const value of REFERENCES) {
      const { intake, jobs } = memoryIntake();
      const answer = await submit(intake, callerOf(), mailOf(messageOf({ [field]: value })));
      if (answer.code !== 250) {
        expect(answer.text).toMatch(/^5\.6\.0 [ -~]{5,200}$/);
        continue;
      }
      const [job] = jobs() as [EmailJob];
      const { fields, body } = await composed(job);
      expect(body.toString()).toBe('Thank you.\r\n');
      const found = fields.find(({ name }) => name === field);
      if (found) expect(unfolded(found)).toBe(value);
      else if (/Campaign|Region/.test(field)) expect([job.campaign, job.region]).toContain(value);
    }
    if (TEXT_FIELDS.includes(field)) return;
    const { intake } = memoryIntake();
    const answer = await submit(intake, callerOf(), mailOf(messageOf({ [field]: 'file:///etc/passwd' })));
    const isLabel = /Tag|Campaign|Region|Key/.test(field);
    expect(answer.code === 250).toBe(isLabel || field === 'Content-Type');
  });

  it.each([
    ['<a@x.example>, evil@y.example', 'bad-from'],
    ['"a" <a@x.example>, <evil@y.example>', 'bad-from'],
    ['"=?utf-8?q?x?= <evil@y.example>," <a@x.example>', null],
    ['a@x.example (evil@y.example)', 'bad-from'],
    ['undisclosed-recipients:;', 'bad-from'],
  ])('From %s names one sender to every reader', async (from, fault) => {
    const { intake, jobs } = memoryIntake();
    const answer = await submit(intake, callerOf(), mailOf(messageOf({ From: from })));
    if (fault !== null) return expect(answer).toMatchObject({ code: 554, text: '5.6.0 From must be one mailbox' });
    const { fields } = await composed((jobs() as [EmailJob])[0]);
    const written = fields.filter(({ name }) => name === 'From').map(unfolded);
    // Only the one address stands outside of quotes and encoded words.
    expect(written).toHaveLength(1);
    expect(written[0]?.match(/@/g)).toHaveLength(1);
    expect(written[0]).toMatch(/<a@x\.example>$/);
  });
});
