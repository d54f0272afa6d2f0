import fc from 'fast-check';
import { MIME_DEPTH_MAX, MIME_PARTS_MAX, type MimeFault } from '../../../src/smtp/mime-tree.ts';
import { assembledMessage, rewriteMessage } from '../../../src/smtp/rewrite.ts';
import { readMessage, unfolded } from '../../../src/smtp/whole-message.ts';

const FROM = 'From: a@shop.example\r\n';
const multipart = (boundary: string, ...parts: string[]): string =>
  `Content-Type: multipart/mixed; boundary="${boundary}"\r\n\r\n` +
  `${parts.map((part) => `--${boundary}\r\n${part}\r\n`).join('')}--${boundary}--\r\n`;
const text = 'Content-Type: text/plain\r\n\r\nhello';
const nested = (depth: number): string => (depth === 0 ? text : multipart(`b${depth}`, nested(depth - 1)));
const faultOf = (message: string): string | null => {
  const written = rewriteMessage(Buffer.from(FROM + message, 'utf8'));
  return written.ok ? null : written.fault;
};

describe('the tree of a message', () => {
  it.each<[string, string]>([
    ['one part', text],
    ['no type at all', '\r\nhello'],
    ['a type of one word, as old programs write it', 'Content-Type: text\r\n\r\nhello'],
    [
      'files',
      multipart(
        '=-1',
        text,
        'Content-Type: application/pdf; name="a.pdf"\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERg==',
      ),
    ],
    ['a part without a header', multipart('b', '\r\nhello')],
    ['an empty part', multipart('b', '')],
    [
      'a preamble and an epilogue',
      multipart('b', text).replace('\r\n\r\n', '\r\n\r\nThis is MIME.\r\n').concat('bye\r\n'),
    ],
    ['a boundary without quotes', multipart('b', text).replace('"b"', 'b')],
    ['a boundary that begins like the one around it', multipart('part', multipart('part1', text), text)],
    ['lines that look like delimiters', multipart('b', `${text}\r\n--bb\r\n--b x\r\nx--b`)],
    ['as deep as may be', nested(MIME_DEPTH_MAX - 1)],
    ['as many parts as may be', multipart('b', ...Array.from({ length: MIME_PARTS_MAX - 1 }, () => text))],
    ['a mail in it', multipart('b', `Content-Type: message/rfc822\r\n\r\n${FROM}${multipart('c', text)}`)],
    [
      'a mail in it that is cut off',
      multipart('b', `Content-Type: message/rfc822\r\n\r\n${FROM}${multipart('c', text).replace('--c--\r\n', '')}`),
    ],
    ['names in another character set', multipart('b', 'Content-Type: text/plain; name="\u00fc"\r\n\r\nx')],
  ])('is kept: %s', (_, message) => {
    const written = rewriteMessage(Buffer.from(FROM + message, 'utf8'));
    if (!written.ok) throw new Error(written.fault);
    const read = readMessage(Buffer.from(FROM + message, 'utf8'));
    expect(read.ok && written.body.equals(read.body)).toBe(true);
  });

  it.each<[MimeFault | 'duplicate-header', string]>([
    ['mime-too-deep', nested(MIME_DEPTH_MAX)],
    ['mime-too-deep', nested(5_000)],
    ['mime-too-many-parts', multipart('b', ...Array.from({ length: MIME_PARTS_MAX }, () => text))],
    ['mime-broken', 'Content-Type: multipart/mixed\r\n\r\nhello'],
    ['mime-broken', 'Content-Type: multipart/mixed; boundary=""\r\n\r\nhello'],
    ['mime-broken', `Content-Type: multipart/mixed; boundary="${'x'.repeat(71)}"\r\n\r\nhello`],
    ['mime-broken', multipart('b', text).replace('"b"', '"b"; boundary="c"')],
    ['mime-broken', multipart('b', text).replace('--b--', '')],
    ['mime-broken', multipart('b', multipart('b', text))],
    ['mime-broken', multipart('b', 'no header\r\n\r\nhello')],
    ['mime-broken', multipart('b', 'Content-Type: text/plain\r\nContent-Type: text/html\r\n\r\nhello')],
    ['mime-broken', multipart('b', 'X: \u0007\r\n\r\nhello')],
    ['mime-broken', `Content-Transfer-Encoding: base64\r\n${multipart('b', text)}`],
    ['duplicate-header', 'Content-Type: text/html\r\nContent-Type: text/plain\r\n\r\nhello'],
    ['mime-reference', 'Content-Type: message/external-body; access-type=local-file; name="/etc/passwd"\r\n\r\n'],
    [
      'mime-reference',
      multipart('b', 'Content-Type: MESSAGE/External-Body; access-type=URL; URL="http://127.0.0.1/"\r\n\r\n'),
    ],
    ['mime-reference', 'Content-Type: message/partial; id=a; number=1\r\n\r\n'],
  ])('is refused: %s', (fault, message) => {
    expect(faultOf(message)).toBe(fault);
  });
});

describe('a message that is written again', () => {
  const word = fc.stringMatching(/^[!-9;-~ü€]{1,40}$/);
  const value = fc.array(word, { maxLength: 60 }).map((words) => words.join(' '));

  it('says the same, and is the same when it is written again', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom('X-A', 'Comments', 'References', 'X-B'), value), { maxLength: 5 }),
        (given) => {
          const ascii = given.map(([name, words], n) => [name === 'References' ? `X-${n}` : name, words] as const);
          const message = `${FROM}${ascii.map(([name, words]) => `${name}: ${words}\r\n`).join('')}\r\nbody\r\n`;
          const written = rewriteMessage(Buffer.from(message, 'utf8'));
          // Encoded words may not hold what looks like one; lines may be too long to be carried.
          if (!written.ok) return;
          for (const { line } of written.fields) {
            for (const part of line.split('\r\n')) expect(part.trim()).not.toBe('');
          }
          const plain = written.fields.slice(1).map((field, n) => [unfolded(field), ascii[n]?.[1]] as const);
          for (const [out, into] of plain) if (/^[ -~]*$/.test(into ?? '')) expect(out).toBe(into?.trim());
          const again = rewriteMessage(assembledMessage(written));
          expect(again).toEqual(written);
        },
      ),
    );
  });

  it.each([
    ['Ada <ada@x.example>, "Lovelace, Ada" <b@x.example>', 'Ada <ada@x.example>, "Lovelace, Ada" <b@x.example>'],
    ['undisclosed-recipients:;', 'undisclosed-recipients: ;'],
    ['Team: a@x.example, "B" <b@x.example>;, c@x.example', 'Team: a@x.example, B <b@x.example>;, c@x.example'],
    ['a@x.example (the (first) one), ,b@x.example,', 'a@x.example, b@x.example'],
    ['=?utf-8?q?J=C3=B6rg?= <j@x.example>', '=?utf-8?q?J=C3=B6rg?= <j@x.example>'],
    ['Jörg <j@x.example>', '=?UTF-8?Q?J=C3=B6rg?= <j@x.example>'],
    ['a@bücher.example', 'a@xn--bcher-kva.example'],
  ])('has addresses that every reader reads alike: %s', (given, out) => {
    const written = rewriteMessage(Buffer.from(`${FROM}To: ${given}\r\n\r\n`, 'utf8'));
    expect(written.ok && written.fields.slice(1).map(unfolded)).toEqual([out]);
  });

  it.each([
    'nobody',
    'a@x.example b@y.example',
    '"a@x.example',
    'Team: a@x.example',
    'a@x.example; b@x.example',
    'a: b: c@x.example;',
    '<a@x.example',
    'a@[127.0.0.1]',
  ])('is refused where To is no list of addresses: %s', (given) => {
    expect(faultOf(`To: ${given}\r\n\r\n`)).toBe('bad-address-list');
  });

  it.each([
    'https://x.example/u',
    '<javascript:alert(1)>',
    '<file:///etc/passwd>',
    '<https://x.example/u>, nonsense',
    '<data:,x>',
  ])('is refused where List-Unsubscribe holds something else than links: %s', (given) => {
    expect(faultOf(`List-Unsubscribe: ${given}\r\n\r\n`)).toBe('bad-unsubscribe-link');
  });
});
