import {
  parseColumns,
  parseDelimiter,
  parseMappings,
  parseRate,
  parseSendAt,
  parseTemplate,
} from '../../../../src/cli/import/options.ts';
import { durationText, ImportProgress } from '../../../../src/cli/import/progress.ts';

describe('options of an import', () => {
  it('are mappings, several at once, with names of any kind', () => {
    const first = parseMappings('recipient=Email,name=First Name', []);
    expect(parseMappings('"city=Town, or = city",tag=a', first)).toEqual([
      { target: 'recipient', column: 'Email' },
      { target: 'name', column: 'First Name' },
      { target: 'city', column: 'Town, or = city' },
      { target: 'tag', column: 'a' },
    ]);
    expect(parseMappings('tag=a,tag=b', [])).toHaveLength(2);
    for (const wrong of ['', 'name', '=x', 'name=', 'a=b,a=c', '"a=b'])
      expect(() => parseMappings(wrong, [])).toThrow();
  });

  it('are times: a moment with its zone, or a span', () => {
    expect(parseSendAt('2030-01-31T09:00:00+01:00').at(0)).toBe(Date.parse('2030-01-31T08:00:00Z'));
    expect(parseSendAt('+1d2h30m').at(1_000)).toBe(1_000 + (26 * 60 + 30) * 60_000);
    for (const wrong of ['tomorrow', '2030-01-31T09:00:00', '+', '1h', '+1x'])
      expect(() => parseSendAt(wrong)).toThrow();
  });

  it('are templates, columns, delimiters and rates', () => {
    expect(parseTemplate('a/b.c')).toEqual({ id: 'a/b.c', version: null });
    expect(parseTemplate('a@12')).toEqual({ id: 'a', version: 12 });
    expect(() => parseTemplate('a@b')).toThrow();
    expect(parseColumns('email,"last, first"')).toEqual(['email', 'last, first']);
    expect(() => parseColumns('a,a')).toThrow();
    expect([parseDelimiter('tab'), parseDelimiter('\\t'), parseDelimiter('|')]).toEqual(['\t', '\t', '|']);
    for (const wrong of ['', '"', ';;', '\n']) expect(() => parseDelimiter(wrong)).toThrow();
    expect(parseRate('0.5')).toBe(0.5);
    for (const wrong of ['0', '-1', 'fast', 'NaN']) expect(() => parseRate(wrong)).toThrow();
  });
});

describe('progress', () => {
  it('tells how far, how fast, and how long still, on a terminal', () => {
    const written: string[] = [];
    const clock = { now: 0, share: 0.1 };
    const stream = { isTTY: true, write: (text: string) => written.push(text) };
    const progress = new ImportProgress(
      { rows: 1_000, published: 990, refused: 10 },
      () => clock.share,
      () => undefined,
      stream,
      () => clock.now,
    );
    progress.update({ rows: 1_000, published: 990, refused: 10 });
    clock.now = 2_000;
    clock.share = 0.3;
    progress.update({ rows: 3_000, published: 2_980, refused: 20 });
    expect(written.at(-1)).toContain('3,000 rows (30 %), 20 refused, 1,000/s, 7 s left');
  });

  it('tells it now and then where there is none', () => {
    const told: string[] = [];
    const clock = { now: 0 };
    const stream = { write: () => undefined };
    const progress = new ImportProgress(
      { rows: 0, published: 0, refused: 0 },
      () => null,
      (line) => told.push(line),
      stream,
      () => clock.now,
    );
    for (; clock.now < 30_000; clock.now += 1_000)
      progress.update({ rows: clock.now, published: clock.now, refused: 0 });
    expect(told).toHaveLength(2);
    expect(told[0]).toBe('10,000 rows, 0 refused, 1,000/s');
  });

  it.each([
    [900, '1 s'],
    [61_000, '1 min 1 s'],
    [3_600_000 * 2 + 60_000, '2 h 1 min'],
  ])('names spans: %i ms', (ms, text) => {
    expect(durationText(ms)).toBe(text);
  });
});
