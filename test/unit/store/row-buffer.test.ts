import { jest } from '@jest/globals';
import fc from 'fast-check';
import { RowBuffer } from '../../../src/store/row-buffer.ts';

// A bound against hanging, not a promise: the machine may be busy with other suites.
jest.setTimeout(120_000);

const MARK = 'k'.charCodeAt(0);
/** One for all: it reserves memory. */
const buffer = new RowBuffer();

type Row = readonly [key: Buffer, value: Buffer];

/** What a map holds of the rows, by the bytes of their keys. */
function expected(rows: readonly Row[]): [string, string | null][] {
  const newest = new Map(rows.map(([key, value]) => [key.toString('latin1'), value]));
  return [...newest]
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([key, value]) => [`k${key}`, value.length === 0 ? null : value.toString('latin1')]);
}

function buffered(rows: readonly Row[]): [string, string | null][] {
  buffer.empty();
  for (const [key, value] of rows) buffer.add(MARK, key, 0, value, value.length);
  return [...buffer.inOrder()].map((row) => [
    buffer.keyOf(row).toString('latin1'),
    buffer.valueOf(row)?.toString('latin1') ?? null,
  ]);
}

describe('a buffer of rows', () => {
  it('gives the newest row of every key, in the order of the bytes of the keys', () => {
    const bytes = (arbitrary: fc.Arbitrary<number>, maxLength: number) =>
      fc.array(arbitrary, { maxLength }).map((list) => Buffer.from(list));
    // Few bytes, zeros among them: keys that are the beginning of others, the same ones again, and many that share a lot.
    const near = bytes(fc.constantFrom(0, 0, 1, 255), 6);
    const far = fc.tuple(fc.constantFrom('recipient:', 'g1/recipient:', ''), bytes(fc.nat(255), 8));
    const key = fc.oneof(
      near,
      far.map(([prefix, rest]) => Buffer.concat([Buffer.from(prefix), rest])),
    );
    const value = bytes(fc.nat(255), 3);
    fc.assert(
      fc.property(fc.array(fc.tuple(key, value), { maxLength: 120, size: 'max' }), (rows) => {
        expect(buffered(rows)).toEqual(expected(rows));
      }),
      { numRuns: 500 },
    );
  });

  it('keeps long values, and lengths of any size', () => {
    const rows: Row[] = [255, 256, 65_535, 65_536, 1_000_000].map((length, n) => [
      Buffer.alloc(1_023 - n, 'x'),
      Buffer.alloc(length, n + 1),
    ]);
    expect(buffered(rows)).toEqual(expected(rows));
  });

  it('says that it is full while one more row of the largest size would still fit', () => {
    for (let size = 1_000_000; size > 900_000; size -= 10_000) {
      buffer.empty();
      const value = Buffer.alloc(size, 1);
      let added = 0;
      while (!buffer.full) {
        buffer.add(MARK, Buffer.from(`${added++}`), 0, value, value.length);
        expect(added).toBeLessThan(1_000);
      }
      expect([...buffer.inOrder()].every((row) => buffer.valueOf(row)?.equals(value))).toBe(true);
    }
    buffer.empty();
    expect([buffer.full, ...buffer.inOrder()]).toEqual([false]);
  });
});
