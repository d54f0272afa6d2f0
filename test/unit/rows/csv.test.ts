import fc from 'fast-check';
import { type CsvOptions, readCsv } from '../../../src/rows/csv.ts';
import { ROW_BYTES_MAX, type Row } from '../../../src/rows/row.ts';

const COLUMNS = ['email', 'name'];

async function* pieces(content: Uint8Array, sizes: readonly number[] = []): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (const size of sizes) {
    yield content.subarray(at, at + size);
    at += size;
  }
  yield content.subarray(at);
}

async function read(
  content: string | Uint8Array,
  options: Partial<CsvOptions> = {},
  sizes: readonly number[] = [],
): Promise<Row[]> {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  const rows: Row[] = [];
  for await (const some of readCsv(pieces(bytes, sizes), { delimiter: ',', columns: COLUMNS, ...options })) {
    rows.push(...some);
  }
  return rows;
}

const told = (rows: readonly Row[]) =>
  rows.map((row) => (row.ok ? [row.line, ...row.fields] : [row.line, row.problem, row.text()]));

describe('rows of CSV', () => {
  it.each<[string, string, Partial<CsvOptions>, unknown[]]>([
    [
      'plain',
      'a@x.example,Ann\nb@x.example,Bob\n',
      {},
      [
        [1, 'a@x.example', 'Ann'],
        [2, 'b@x.example', 'Bob'],
      ],
    ],
    ['without a last line end', 'a,b', {}, [[1, 'a', 'b']]],
    [
      'with CR LF',
      'a,b\r\n"c","d"\r\n',
      {},
      [
        [1, 'a', 'b'],
        [2, 'c', 'd'],
      ],
    ],
    [
      'with quotes, commas and line breaks in fields',
      '"a, ""b""","one\ntwo"\nc,d\n',
      {},
      [
        [1, 'a, "b"', 'one\ntwo'],
        [3, 'c', 'd'],
      ],
    ],
    [
      'with blank lines',
      '\na,b\n\n  \nc,d\n',
      {},
      [
        [2, 'a', 'b'],
        [5, 'c', 'd'],
      ],
    ],
    ['with semicolons', 'a,b;c\n', { delimiter: ';' }, [[1, 'a,b', 'c']]],
    ['with tabs', 'a\tb\n', { delimiter: '\t' }, [[1, 'a', 'b']]],
    ['beyond ASCII', 'ä@x.example,"Łukasz, 李"\n', {}, [[1, 'ä@x.example', 'Łukasz, 李']]],
    ['with empty fields behind the last column', 'a,b,,\n', {}, [[1, 'a', 'b', '', '']]],
    [
      'with too few fields',
      'a\nb,c\n',
      {},
      [
        [1, 'field-count', 'a'],
        [2, 'b', 'c'],
      ],
    ],
    ['with too many fields', 'a,b,c\n', {}, [[1, 'field-count', 'a,b,c']]],
    [
      'of any length, if that is asked for',
      'a\nb,c,d\n',
      { isRagged: true },
      [
        [1, 'a'],
        [2, 'b', 'c', 'd'],
      ],
    ],
  ])('are read %s', async (_, content, options, expected) => {
    expect(told(await read(content, options))).toEqual(expected);
  });

  it('wait for the end of a quoted field of several lines, of which only some have come', async () => {
    expect(told(await read('"one\ntwo\nthree",b\nc,d\n', {}, [9]))).toEqual([
      [1, 'one\ntwo\nthree', 'b'],
      [4, 'c', 'd'],
    ]);
  });

  it.each<[string, string]>([
    ['is closed nowhere', '"bad,line\nb,c\nd,e\n'],
    ['is closed by the opening one of a later row', '"bad,line\n"b","c"\nd,e\n'],
    ['is closed so that lines are joined into one record', '"bad,line\nb,c\nd,e"\n'],
    ['stands within a field', '"bad"x,line\nb,c\nd,e\n'],
  ])('lose no line to a quote that %s', async (_, content) => {
    const rows = await read(content);
    expect(rows[0]).toMatchObject({ ok: false, line: 1, problem: 'quotes-unbalanced' });
    expect(rows.slice(1).map(({ line }) => line)).toEqual([2, 3]);
    expect(rows[1]).toMatchObject({ ok: true, fields: ['b', 'c'] });
  });

  it('tell the row that is no UTF-8, and only that', async () => {
    const rows = await read(Buffer.from('\xe4@x.example,A\nb,\xc3\xa4\n', 'latin1'));
    expect(rows).toMatchObject([
      { ok: false, line: 1, problem: 'not-utf-8', detail: 'email' },
      { ok: true, line: 2, fields: ['b', 'ä'] },
    ]);
  });

  it('pass over a line that is too long, in one piece or in many', async () => {
    const content = Buffer.from(`a,b\n${'x'.repeat(ROW_BYTES_MAX + 1)},y\nc,d\n`);
    for (const sizes of [[], Array(40).fill(50_000), [4, ROW_BYTES_MAX + 1]]) {
      const rows = await read(content, {}, sizes);
      expect(rows).toMatchObject([
        { ok: true, line: 1 },
        { ok: false, line: 2, problem: 'too-long' },
        { ok: true, line: 3, fields: ['c', 'd'] },
      ]);
      expect(rows.at(-1)?.end).toEqual({ bytes: content.length, lines: 3 });
    }
  });

  it('are the same however the file comes in pieces, and from wherever reading goes on', async () => {
    const piece = fc.constantFrom('a', 'ä', ',', '"', '""', '\n', '\r\n', '"b,c",d\n', 'e,f\n', '\xff');
    const content = fc.array(piece, { maxLength: 60 }).map((parts) => Buffer.from(parts.join('')));
    await fc.assert(
      fc.asyncProperty(content, fc.array(fc.nat(9), { maxLength: 30 }), fc.nat(), async (bytes, sizes, n) => {
        const whole = await read(bytes);
        const texts = (rows: readonly Row[]) => rows.map((row) => [row.end, told([row])]);
        expect(texts(await read(bytes, {}, sizes))).toEqual(texts(whole));
        if (whole.length === 0) return;
        const cut = n % whole.length;
        const from = (whole[cut] as Row).end;
        expect(texts(await read(bytes.subarray(from.bytes), { from }, sizes))).toEqual(texts(whole.slice(cut + 1)));
      }),
      { numRuns: 500 },
    );
  });
});
