import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { IndexedStore } from '../../../src/store/indexed-store.ts';

interface Row {
  readonly at: number;
  readonly last: number;
  readonly lists: readonly string[];
}

const options = (directory: string) => ({
  directory,
  indexesOf: ({ lists }: Row) => lists,
  orderOf: ({ at }: Row) => at,
  lastOf: ({ last }: Row) => last,
});
const put = (store: IndexedStore<Row>, rows: Readonly<Record<string, Row>>, offset = 1) =>
  store.apply('topic', new Map(Object.entries(rows)), new Map([[0, offset]]));
const row = (at: number, ...lists: string[]): Row => ({ at, last: at, lists });
const timesIn = (store: IndexedStore<Row>, list: string) => store.page(list, null, 100)?.map((found) => found.row.at);

describe('a store of rows in lists', () => {
  let directory: string;
  let store: IndexedStore<Row>;

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'postlane-indexed-'));
    store = await IndexedStore.open(options(directory));
  });
  afterEach(async () => {
    await store.close();
    rmSync(directory, { recursive: true, force: true });
  });

  it('lists rows newest first, and moves them when they change', () => {
    put(store, { a: row(1, 'x'), b: row(3, 'x', 'y'), c: row(2, 'y') });
    expect(timesIn(store, 'x')).toEqual([3, 1]);
    put(store, { b: row(3, 'y'), c: row(4, 'x', 'y') });
    expect(timesIn(store, 'x')).toEqual([4, 1]);
    expect(timesIn(store, 'y')).toEqual([4, 3]);
    expect(store.get('b')).toEqual(row(3, 'y'));
    expect(store.get('none')).toBeNull();
  });

  it('is read beside its writer: each look-up sees what was committed before it, also within one turn', async () => {
    const reader = IndexedStore.openToRead(options(directory));
    expect(reader.get('a')).toBeNull();
    put(store, { a: row(1, 'x') });
    expect(reader.get('a')).toEqual(row(1, 'x'));
    put(store, { a: row(2, 'x') });
    expect(timesIn(reader, 'x')).toEqual([2]);
    await reader.close();
  });

  it('goes on behind any place, and refuses one that is none', () => {
    put(store, Object.fromEntries(Array.from({ length: 7 }, (_, n) => [`k${n}`, row(n % 3, 'x')])));
    const seen: number[] = [];
    let after: string | null = null;
    for (let page = store.page('x', after, 2); page?.length; page = store.page('x', after, 2)) {
      seen.push(...page.map((found) => found.row.at));
      after = page.at(-1)?.place ?? null;
    }
    expect(seen).toEqual([2, 2, 1, 1, 0, 0, 0]);
    expect(store.page('x', 'nonsense', 2)).toBeNull();
  });

  it('forgets what is old, wherever it is listed', () => {
    put(store, { a: { ...row(1, 'x'), last: 10 }, b: { ...row(2, 'x'), last: 20 } });
    expect(store.forget(15, 100)).toBe(1);
    expect(store.get('a')).toBeNull();
    expect(timesIn(store, 'x')).toEqual([2]);
    expect(store.count()).toBe(1);
  });

  it('keeps rows and offsets over a restart', async () => {
    put(store, { a: row(1, 'x') }, 42);
    await store.close();
    store = await IndexedStore.open(options(directory));
    expect([store.checkpoint('topic', 0), store.checkpoint('topic', 1)]).toEqual([42, 0]);
    expect(timesIn(store, 'x')).toEqual([1]);
  });

  it('has every row in exactly its lists, after any changes', () => {
    const rows = fc.record({
      at: fc.nat(5),
      last: fc.nat(5),
      lists: fc.uniqueArray(fc.constantFrom('x', 'y', 'z'), { maxLength: 3 }),
    });
    const changes = fc.array(fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), rows), { maxLength: 6 });
    fc.assert(
      fc.property(changes, (batches) => {
        store.forget(Number.MAX_SAFE_INTEGER, 1_000);
        const model = new Map<string, Row>();
        for (const batch of batches) {
          put(store, batch);
          for (const [key, value] of Object.entries(batch)) model.set(key, value);
        }
        for (const list of ['x', 'y', 'z']) {
          const expected = [...model.values()].filter(({ lists }) => lists.includes(list)).map(({ at }) => at);
          expect(timesIn(store, list)).toEqual(expected.sort((left, right) => right - left));
        }
      }),
      { numRuns: 50 },
    );
  });
});
