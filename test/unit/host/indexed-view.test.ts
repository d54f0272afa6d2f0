import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { topics } from '../../../src/contracts/topic.ts';
import { indexedView } from '../../../src/host/indexed-view.ts';
import type { ViewPart } from '../../../src/kafka/view-follower.ts';
import type { Codec } from '../../../src/runtime/codec.ts';
import { IndexedStore } from '../../../src/store/indexed-store.ts';

const topic = topics.results('transactional');

/** The offsets that a partition's records were folded from, in order. */
interface Row {
  readonly offsets: readonly number[];
}

/** A record says which partition it is of and where it lies. */
const codec = {
  prepare: async () => undefined,
  decode: (_: unknown, value: Buffer | null) => ({ ok: true, value: JSON.parse(`${value}`) }),
} as unknown as Codec;

const fold = {
  topic,
  keyOf: ({ partition }: { readonly partition: number }) => String(partition),
  fold: (row: Row | null, { offset }: { readonly offset: number }) => ({ offsets: [...(row?.offsets ?? []), offset] }),
} as unknown as Parameters<typeof indexedView<Row, never>>[1];

const part = (partition: number, count: number, from: number): ViewPart => ({
  partition,
  records: Array.from({ length: count }, (_, n) => ({
    key: null,
    value: Buffer.from(JSON.stringify({ partition, offset: from + n })),
    headers: {},
    offset: from + n,
    at: 1,
  })) as unknown as ViewPart['records'],
  nextOffset: from + count + 1,
});

describe('a view of rows in lists', () => {
  let directory: string;
  let store: IndexedStore<Row>;

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'postlane-indexed-view-'));
    store = await IndexedStore.open({ directory, indexesOf: () => [], orderOf: () => 0, lastOf: () => 1 });
  });
  afterEach(async () => {
    await store.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const view = () => indexedView(store, fold, { codec, telemetry: { count: () => undefined }, forgetBefore: () => 0 });

  it('folds every record of many partitions once and in order, and stands behind each of them', async () => {
    const counts = fc.array(fc.oneof(fc.nat(3), fc.nat(1_300)), { minLength: 1, maxLength: 5 });
    let from = 0;
    const model = new Map<number, number[]>();
    const property = fc.asyncProperty(counts, async (lengths) => {
      const parts = lengths.map((count, partition) => part(partition, count, from));
      await view().applyTogether?.(parts);
      for (const { partition, records, nextOffset } of parts) {
        model.set(partition, [...(model.get(partition) ?? []), ...records.map(({ offset }) => offset)]);
        expect(store.checkpoint(topic.name, partition)).toBe(nextOffset);
        expect(store.get(String(partition))?.offsets ?? []).toEqual(model.get(partition));
      }
      from += 2_000;
    });
    await fc.assert(property, { numRuns: 15 });
  });

  it('keeps of a long answer only whole pieces when one fails, and stands behind what it kept', async () => {
    const apply = store.apply.bind(store);
    let applied = 0;
    store.apply = (...given) => {
      if (++applied === 3) throw new Error('the disk is full');
      apply(...given);
    };
    const failing = view().applyTogether?.([part(0, 400, 0), part(1, 700, 0), part(2, 5, 0)]);
    await expect(failing).rejects.toThrow('the disk is full');
    for (const partition of [0, 1, 2]) {
      const offsets = store.get(String(partition))?.offsets ?? [];
      const next = store.checkpoint(topic.name, partition);
      expect(offsets.every((offset) => offset < next)).toBe(true);
      expect(offsets.length).toBe(partition === 0 ? 400 : Math.min(next, 700));
    }
    expect(store.checkpoint(topic.name, 1)).toBe(600);
  });

  it('takes in little by one transaction, however many partitions it is of', async () => {
    const transactions = transactionsOf(store);
    await view().applyTogether?.([part(0, 2, 0), part(1, 0, 0), part(2, 7, 0)]);
    expect(transactions()).toBe(1);
  });
});

/** Counts the transactions of a store. */
function transactionsOf(store: IndexedStore<Row>): () => number {
  const apply = store.apply.bind(store);
  let count = 0;
  store.apply = (...given) => {
    count++;
    apply(...given);
  };
  return () => count;
}
