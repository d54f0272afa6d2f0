import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import fc from 'fast-check';
import type { RouterSeen } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import type { StoredRecord } from '../../src/runtime/ports.ts';
import type { Restore } from '../../src/runtime/processor.ts';
import { restoreSeen, type SeenStore } from '../../src/runtime/seen-port.ts';
import { StoreHome } from '../../src/store/home.ts';
import { LmdbSeenStore } from '../../src/store/seen-store.ts';
import { MemorySeenStore } from '../../src/testing/memory-seen-store.ts';
import { json, jsonCodec } from '../support/json-codec.ts';

// A bound against hanging, not a promise: the machine may be busy with other suites.
jest.setTimeout(60_000);

const hash = (n: number): Buffer => {
  const bytes = Buffer.alloc(16);
  // Spread like real hashes are.
  bytes.writeUInt32BE(Math.imul(n, 0x9e3779b1) >>> 0, 0);
  bytes.writeUInt32BE(n, 12);
  return bytes;
};
const pair = (id: number, content = id): Buffer => Buffer.concat([hash(id), hash(content + 1_000_000)]);
const at = (inputOffset: number, changelogOffset = inputOffset) => ({ inputOffset, changelogOffset });

let directory: string;
let home: StoreHome;
let made = 0;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'postlane-seen-'));
  home = await StoreHome.open(directory);
});
afterAll(async () => {
  await home.close();
  await rm(directory, { recursive: true });
});

describe.each<[string, () => SeenStore]>([
  ['memory', () => new MemorySeenStore()],
  ['lmdb', () => new LmdbSeenStore(home, `test.${made++}`)],
])('a store of what was seen (%s)', (_, make) => {
  it('is empty at first', () => {
    const store = make();
    expect(store.checkpoint()).toBeNull();
    expect(store.find(hash(1), 0)).toBeUndefined();
  });

  it('answers the content under an id, and keeps the checkpoint with it', async () => {
    const store = make();
    await store.add([{ at: 100, hashes: Buffer.concat([pair(1), pair(2)]) }], at(7, 9), 0);
    expect(Buffer.from(store.find(hash(1), 100) ?? [])).toEqual(hash(1_000_001));
    expect(Buffer.from(store.find(hash(2), 100) ?? [])).toEqual(hash(1_000_002));
    expect(store.find(hash(3), 0)).toBeUndefined();
    expect(store.checkpoint()).toEqual(at(7, 9));
  });

  it('does not know what is older than asked for', async () => {
    const store = make();
    await store.add([{ at: 100, hashes: pair(1) }], at(1), 0);
    expect(store.find(hash(1), 100)).toBeDefined();
    expect(store.find(hash(1), 101)).toBeUndefined();
  });

  it('takes the same entries twice, and the newer time of an id', async () => {
    const store = make();
    await store.add([{ at: 100, hashes: pair(1) }], at(1), 0);
    await store.add([{ at: 200, hashes: pair(1, 5) }], at(2), 0);
    expect(Buffer.from(store.find(hash(1), 150) ?? [])).toEqual(hash(1_000_005));
  });

  it('holds large numbers', async () => {
    const store = make();
    await store.add([{ at: 1_800_000_000_000, hashes: pair(1) }], at(2 ** 48, 2 ** 49), 0);
    expect(store.checkpoint()).toEqual(at(2 ** 48, 2 ** 49));
    expect(store.find(hash(1), 1_800_000_000_000)).toBeDefined();
  });

  it('takes more at once than fits into one transaction', async () => {
    const store = make();
    const hashes = Buffer.concat(Array.from({ length: 5_000 }, (_unused, n) => pair(n)));
    await store.add([{ at: 1, hashes }], at(1), 0);
    for (const n of [0, 1_999, 2_000, 4_999]) expect(store.find(hash(n), 0)).toBeDefined();
    expect(store.checkpoint()).toEqual(at(1));
  });

  it('forgets everything when told so', async () => {
    const store = make();
    await store.add([{ at: 100, hashes: pair(1) }], at(1), 0);
    await store.clear();
    expect(store.checkpoint()).toBeNull();
    expect(store.find(hash(1), 0)).toBeUndefined();
  });

  it('forgets what is old as it grows, and nothing else', async () => {
    const store = make();
    const windowMs = 100;
    for (let now = 1; now <= 2_000; now += 10) {
      const hashes = Buffer.concat(Array.from({ length: 10 }, (_unused, n) => pair(now + n)));
      await store.add([{ at: now, hashes }], at(now), now - windowMs);
    }
    const alive = Array.from({ length: 2_010 }, (_unused, n) => n).filter((n) => store.find(hash(n), 0) !== undefined);
    // The last hundred milliseconds' hundred and ten, and about as many again that the sweep has not come to.
    expect(alive.filter((n) => n >= 1_891)).toHaveLength(110);
    expect(alive.length).toBeLessThan(330);
  });

  it('knows what a plain map knows', async () => {
    const batch = fc.array(fc.tuple(fc.nat(30), fc.nat(3)), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(fc.array(batch, { maxLength: 12 }), async (batches) => {
        const store = make();
        const plain = new Map<number, number>();
        for (const [n, entries] of batches.entries()) {
          for (const [id, content] of entries) plain.set(id, content);
          await store.add(
            [{ at: n + 1, hashes: Buffer.concat(entries.map(([id, content]) => pair(id, content))) }],
            at(n),
            0,
          );
        }
        for (let id = 0; id <= 30; id++) {
          const found = store.find(hash(id), 0);
          const content = plain.get(id);
          expect(found && Buffer.from(found)).toEqual(content === undefined ? undefined : hash(content + 1_000_000));
        }
      }),
      { numRuns: 30 },
    );
  });

  describe('brought up to its changelog', () => {
    const changelog = (...batches: number[][]): StoredRecord[] =>
      batches.map((ids, offset) => {
        const value: RouterSeen = { at: 1_000 + offset, hashes: Buffer.concat(ids.map((id) => pair(id))) };
        return { offset, key: null, value: json(value), headers: {}, at: 1_000 + offset };
      });
    const read: { from: number; to: number }[] = [];
    const restoreFrom =
      (records: readonly StoredRecord[]): Restore =>
      async (topic, partition, from, apply) => {
        expect([topic.name, partition]).toEqual([topics.routerSeen('marketing').name, 3]);
        const news = records.filter(({ offset }) => offset >= from);
        read.push({ from, to: records.length });
        if (news.length > 0) await apply(news);
        return records.length + 1;
      };
    const bring = (store: SeenStore, records: readonly StoredRecord[], nextOffset: number) =>
      restoreSeen(store, topics.routerSeen('marketing'), 3, {
        restore: restoreFrom(records),
        nextOffset,
        windowMs: 1e9,
        codec: jsonCodec,
      });
    beforeEach(() => {
      read.length = 0;
    });

    it('reads all of it at first, and only what is new afterwards', async () => {
      const store = make();
      await bring(store, changelog([1, 2], [3]), 10);
      await bring(store, changelog([1, 2], [3], [], [4]), 20);
      expect(read).toEqual([
        { from: 0, to: 2 },
        { from: 3, to: 4 },
      ]);
      for (const id of [1, 2, 3, 4]) expect(store.find(hash(id), 0)).toBeDefined();
    });

    it('starts from nothing where the log cannot be the one it knew', async () => {
      const store = make();
      await bring(store, changelog([1, 2], [3]), 10);
      await bring(store, changelog([7]), 5);
      expect(read.at(-1)).toEqual({ from: 0, to: 1 });
      expect(store.find(hash(1), 0)).toBeUndefined();
      expect(store.find(hash(7), 0)).toBeDefined();
    });

    it('refuses a changelog that ends before it, and starts from nothing the next time', async () => {
      const store = make();
      await bring(store, changelog([1], [2], [3], [4]), 10);
      await expect(bring(store, changelog([7]), 10)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
      await bring(store, changelog([7]), 10);
      expect(store.find(hash(7), 0)).toBeDefined();
      expect(store.find(hash(1), 0)).toBeUndefined();
    });

    it('does not skip what it cannot read', async () => {
      const broken = [{ offset: 0, key: null, value: Buffer.from('?'), headers: {}, at: 1 }];
      await expect(bring(make(), broken, 10)).rejects.toMatchObject({ code: 'RECORD_UNDECODABLE' });
    });
  });
});
