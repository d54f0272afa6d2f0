import fc from 'fast-check';
import { readNames } from '../../../src/testing/simulator/header-fields.ts';
import { type Simulator, startSimulator } from '../../../src/testing/simulator/index.ts';
import { MessageReader } from '../../../src/testing/simulator/message-reader.ts';
import { greeted, messageOf } from './raw-client.ts';

const SIZE_MAX = 1_000_000;

/** Lines as SMTP carries them, with what readers trip over more often than chance would have it. */
const line = fc.oneof(
  fc.constantFrom('', '.', '..', '.x', ' .', '. ', 'x.', '.QUIT', 'From ', '\0', '\xff\xfe'),
  fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((octet) => String.fromCharCode(octet)), maxLength: 80 }),
);
const message = fc
  .array(line, { maxLength: 40 })
  .map((lines) => lines.map((each) => `${each.replace(/[\r\n]/g, '')}\r\n`).join(''));
const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 200 });

const stuffed = (text: string): string => `${text.replace(/^\./gm, '..')}.\r\n`;

/** Feeds a reader piece by piece; answers how far it read, or -1 where it wants more. */
function feed(reader: MessageReader, octets: string, sizes: readonly number[]): number {
  const bytes = Buffer.from(octets, 'latin1');
  let at = 0;
  for (let piece = 0; at < bytes.length; piece++) {
    const size = sizes[piece] ?? bytes.length;
    const end = reader.read(bytes.subarray(at, at + size), 0);
    if (end >= 0) return at + end;
    at += size;
  }
  return -1;
}

describe('MessageReader', () => {
  it('gives back every message, however it is cut, and leaves what follows', () => {
    const reader = new MessageReader(SIZE_MAX, true);
    fc.assert(
      fc.property(message, cuts, (text, sizes) => {
        reader.reset();
        const octets = stuffed(text);
        expect(feed(reader, `${octets}QUIT\r\n`, sizes)).toBe(octets.length);
        expect(reader.message().toString('latin1')).toBe(text);
        expect(reader.bytes).toBe(text.length);
        expect(reader.defect).toBeNull();
      }),
      { numRuns: 500 },
    );
  });

  it('finds the header block, with and without keeping all', () => {
    fc.assert(
      fc.property(message, cuts, fc.boolean(), (text, sizes, keepsAll) => {
        const reader = new MessageReader(SIZE_MAX, keepsAll);
        feed(reader, stuffed(text), sizes);
        const end = text.startsWith('\r\n') ? 2 : text.indexOf('\r\n\r\n') + 4;
        const header = end < 4 && end !== 2 ? text : text.slice(0, end);
        expect(reader.header()).toBe(header);
      }),
      { numRuns: 500 },
    );
  });

  it('never ends at a bare CR or LF, and says that there was one', () => {
    const glue = fc.constantFrom(
      '\n.\n',
      '\r.\r',
      '\n.\r\n',
      '\r\n.\n',
      '\r\n.\r',
      '\r.\r\n',
      '\r\r\n.\r',
      '\n',
      '\r',
      '\r\n.\rx',
    );
    fc.assert(
      fc.property(message, glue, fc.constantFrom('x', 'MAIL FROM:<a@x.test>'), cuts, (text, between, after, sizes) => {
        const reader = new MessageReader(SIZE_MAX, false);
        const octets = `${stuffed(text).slice(0, -3)}x${between}${after}`;
        expect(feed(reader, octets, sizes)).toBe(-1);
        expect(reader.defect).toBe('bare-cr-or-lf');
        expect(feed(reader, '\r\n.\r\n', sizes)).toBe(5);
      }),
      { numRuns: 500 },
    );
  });

  it('refuses lines of more than 998 octets, and no shorter ones', () => {
    fc.assert(
      fc.property(fc.integer({ min: 990, max: 1_010 }), fc.boolean(), cuts, (length, startsWithDot, sizes) => {
        const reader = new MessageReader(SIZE_MAX, false);
        const text = `${(startsWithDot ? '.' : 'x').repeat(length)}\r\n`;
        feed(reader, stuffed(text), sizes);
        expect(reader.defect).toBe(length > 998 ? 'line-too-long' : null);
      }),
    );
  });

  it('counts what is above its size, and does not keep it', () => {
    const reader = new MessageReader(100, true);
    const text = 'x'.repeat(48).concat('\r\n').repeat(50);
    feed(reader, stuffed(text), new Array(100).fill(30));
    expect(reader.defect).toBe('too-big');
    expect(reader.bytes).toBe(2_500);
    expect(reader.message().length).toBeLessThan(140);
  });
});

describe('readNames', () => {
  const names = (header: string) => readNames(Buffer.from(header, 'utf8').toString('latin1'));

  it.each([
    ['X-Entity-Ref-ID: job-1\r\nMessage-ID: <a@b>\r\n\r\n', 'job-1', '<a@b>'],
    ['MESSAGE-ID:<a@b>\r\nx-entity-ref-id:job-1', 'job-1', '<a@b>'],
    ['Message-ID:\r\n <a@b>\r\nX-Entity-Ref-ID: a\r\n\tb\r\n\r\n', 'a\tb', '<a@b>'],
    ['Subject: x\r\n X-Entity-Ref-ID: no\r\n\r\n', '', ''],
    ['Resent-Message-ID: <no@b>\r\nX-Entity-Ref-IDs: no\r\n\r\n', '', ''],
    ['X-Entity-Ref-ID: first\r\nX-Entity-Ref-ID: second\r\n\r\n', 'first', ''],
    ['X-Entity-Ref-ID: =?UTF-8?Q?j=C3=B6b_1=?=\r\n\r\n', 'jöb 1=', ''],
    ['X-Entity-Ref-ID: =?utf-8?B?asOg?=\r\n =?utf-8?Q?_x?=\r\n\r\n', 'jà x', ''],
    ['X-Entity-Ref-ID: =?UTF-8?Q?=F0=9F=98?= =?UTF-8?Q?=80?=\r\n\r\n', '😀', ''],
    ['X-Entity-Ref-ID: jöb\r\n\r\n', 'jöb', ''],
    ['\r\n', '', ''],
    ['', '', ''],
  ])('%j', (header, jobId, messageId) => {
    expect(names(header)).toEqual({ jobId, messageId });
  });
});

describe('a message on its way through sockets', () => {
  let simulator: Simulator;
  beforeAll(async () => {
    simulator = await startSimulator({ keepRaw: true });
  });
  afterAll(() => simulator.stop());

  it('arrives as it was sent', async () => {
    const client = await greeted(simulator.smtpPort);
    await fc.assert(
      fc.asyncProperty(message, async (body) => {
        const text = messageOf('trip', body);
        await client.say('MAIL FROM:<a@x.test>', 'RCPT TO:<b@x.test>', 'DATA');
        client.send(stuffed(text));
        expect(await client.take()).toMatch(/^250 /);
        const [entry] = simulator.journal({ from: simulator.stats().journal.next - 1, raw: true });
        const raw = Buffer.from(entry?.raw ?? '', entry?.rawEncoding).toString('latin1');
        expect(raw).toBe(text);
        expect(entry).toMatchObject({ jobId: 'trip', messageId: '<trip@x.test>', bytes: text.length });
      }),
      { numRuns: 200 },
    );
    client.close();
  });

  it('smuggles no second message', async () => {
    const client = await greeted(simulator.smtpPort);
    const { messages } = simulator.stats();
    for (const end of ['\n.\n', '\n.\r\n', '\r.\r', '\r\n.\n']) {
      await client.say('MAIL FROM:<a@x.test>', 'RCPT TO:<b@x.test>', 'DATA');
      client.send(
        `${messageOf('outer', 'x')}${end}MAIL FROM:<evil@x.test>\r\nRCPT TO:<b@x.test>\r\nDATA\r\nSubject: evil\r\n.\r\n`,
      );
      expect(await client.take()).toBe('554 5.6.0 Message holds a bare CR or LF\r\n');
      expect(await client.say('NOOP')).toEqual(['250 2.0.0 OK\r\n']);
    }
    expect(simulator.stats().messages).toBe(messages);
    client.close();
  });
});
