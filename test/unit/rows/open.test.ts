import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { RowFile, type RowFileOptions } from '../../../src/rows/open.ts';
import type { Place, Row } from '../../../src/rows/row.ts';

describe('a file of rows', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'postlane-rows-'));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  async function open(name: string, content: string | Uint8Array, options: Partial<RowFileOptions> = {}) {
    const path = join(directory, name);
    await writeFile(path, content);
    return RowFile.open({ path, format: null, encoding: null, delimiter: null, columns: null, ...options });
  }

  async function rowsOf(file: RowFile, from?: Place): Promise<Row[]> {
    const rows: Row[] = [];
    for await (const some of file.rows(from)) rows.push(...some);
    file.close();
    return rows;
  }

  const TEXT = 'email,name\nä@x.example,Łukasz\n';
  const utf16 = (text: string, isBigEndian = false) => {
    const bytes = Buffer.from(`\ufeff${text}`, 'utf16le');
    return isBigEndian ? bytes.swap16() : bytes;
  };

  it.each<[string, string | Uint8Array, Partial<RowFileOptions>]>([
    ['UTF-8', TEXT, {}],
    ['UTF-8 with a mark', `\ufeff${TEXT}`, {}],
    ['UTF-16, little end first', utf16(TEXT), {}],
    ['UTF-16, big end first', utf16(TEXT, true), {}],
    ['another encoding', Buffer.from('email,name\n\xe4@x.example,\xa3ukasz\n', 'latin1'), { encoding: 'iso-8859-2' }],
    ['semicolons', TEXT.replaceAll(',', ';'), {}],
    ['tabs', TEXT.replaceAll(',', '\t'), {}],
    ['CR LF', TEXT.replaceAll('\n', '\r\n'), {}],
    ['lone CR', TEXT.replaceAll('\n', '\r'), {}],
    ['gzip', gzipSync(TEXT), {}],
    ['blank lines first', `\n\n${TEXT}`, {}],
    ['no line of names', TEXT.slice(TEXT.indexOf('\n') + 1), { columns: ['email', 'name'] }],
  ])('is read in %s', async (_, content, options) => {
    const file = await open('list.csv', content, options);
    expect(file.columns).toEqual(['email', 'name']);
    expect(await rowsOf(file)).toMatchObject([{ ok: true, fields: ['ä@x.example', 'Łukasz'] }]);
  });

  it('is NDJSON by its name or its beginning', async () => {
    const text = '{"email":"a@x.example","age":7,"list":[1],"order":{"to":{"city":"Oslo"}},"none":null}\n[]\nno json\n';
    for (const name of ['list.ndjson', 'list.data']) {
      const file = await open(name, text);
      expect(file.format).toBe('ndjson');
      expect(await rowsOf(file)).toMatchObject([
        {
          ok: true,
          line: 1,
          columns: ['email', 'age', 'list', 'order.to.city', 'none'],
          fields: ['a@x.example', '7', '[1]', 'Oslo', ''],
        },
        { ok: false, line: 2, problem: 'not-a-row' },
        { ok: false, line: 3, problem: 'not-json' },
      ]);
    }
  });

  it.each(['csv', 'ndjson'] as const)(
    'goes on behind any row of %s, over the pieces of a large file',
    async (format) => {
      const row = (n: number) => (format === 'csv' ? `a${n}@x.example,ä${n}` : `{"email":"a${n}@x.example"}`);
      const lines = Array.from({ length: 20_000 }, (_, n) => row(n)).join('\n');
      const content = `${format === 'csv' ? 'email,name\n' : ''}${lines}`;
      const whole = await rowsOf(await open('large.data', content, { format }));
      expect(whole).toHaveLength(20_000);
      for (const n of [0, 1, 9_999, 19_998]) {
        const after = await rowsOf(await open('large.data', content, { format }), whole[n]?.end);
        expect(after).toHaveLength(20_000 - n - 1);
        expect(after[0]).toMatchObject({ line: whole[n + 1]?.line, end: whole[n + 1]?.end });
      }
    },
  );

  it.each<[string, string, Partial<RowFileOptions>, string]>([
    ['', 'has no names', {}, 'the first line of the file must name the columns'],
    ['a,a\n', 'names a column twice', {}, 'the first line of the file names a column twice'],
    [
      `${'a'.repeat(100_000)}\n`,
      'has a first line without end',
      {},
      'the first line of the file is too long to name columns',
    ],
    ['a\n', 'is in an encoding that nobody knows', { encoding: 'klingon' }, 'nobody knows this encoding'],
  ])('of these kinds is refused: %#', async (content, _, options, what) => {
    await expect(open('bad.csv', content, options)).rejects.toMatchObject({ code: 'CONFIG_INVALID', facts: { what } });
  });

  it('that is not there is refused', async () => {
    const path = join(directory, 'none.csv');
    const opening = RowFile.open({ path, format: null, encoding: null, delimiter: null, columns: null });
    await expect(opening).rejects.toMatchObject({ code: 'CONFIG_INVALID', facts: { what: 'a file cannot be read' } });
  });

  it('says how much of it was read', async () => {
    const file = await open('list.csv', TEXT);
    await rowsOf(file);
    expect(file.share).toBe(1);
  });
});
