import type { Database } from 'lmdb';
import type { Millis } from '../domain/time.ts';
import {
  SEEN_HASH_BYTES,
  SEEN_PAIR_BYTES,
  type SeenBatch,
  type SeenCheckpoint,
  type SeenStore,
} from '../runtime/seen-port.ts';
import { StoreHome } from './home.ts';

/** A value is the hash of the content, then the time in milliseconds as a double. */
const VALUE_BYTES = SEEN_HASH_BYTES + 8;
/** Entries looked at per entry that is added, in search of old ones. */
const SWEEP_RATIO = 2;
/** Entries that one transaction adds at most: it blocks the event loop, some 5 µs each. */
const ENTRIES_PER_TRANSACTION_MAX = 2_000;
const CHECKPOINT = Buffer.from('checkpoint');

/** The deduplication stores of a process, one per input partition, in one directory. */
export interface SeenStores {
  /** The store of a partition as it was left; `restoreSeen` brings it up to its changelog. */
  open(input: string, partition: number): SeenStore;
  close(): Promise<void>;
}

/** Opens the directory, which no other process may have open. What is torn in it is wiped and read again. */
export async function openSeenStores(directory: string): Promise<SeenStores> {
  const home = await StoreHome.open(directory);
  const stores = new Map<string, SeenStore>();
  return {
    open(input, partition) {
      const name = `${input}.${partition}`;
      const known = stores.get(name) ?? new LmdbSeenStore(home, name);
      stores.set(name, known);
      return known;
    },
    close: () => home.close(),
  };
}

/** `SeenStore` over lmdb: on disk, and in memory no more than the kernel likes to keep of it. */
export class LmdbSeenStore implements SeenStore {
  private readonly home: StoreHome;
  private readonly entries: Database<Buffer, Uint8Array>;
  private readonly about: Database<Buffer, Uint8Array>;
  /** Where the sweep goes on; hashes are spread evenly, so any beginning will do. */
  private hand: Buffer = Buffer.alloc(0);

  constructor(home: StoreHome, name: string) {
    this.home = home;
    this.entries = home.database(`seen.${name}`);
    this.about = home.database(`seen.${name}.about`);
  }

  checkpoint(): SeenCheckpoint | null {
    const value = this.home.read(() => this.about.get(CHECKPOINT));
    return value ? { inputOffset: value.readDoubleLE(0), changelogOffset: value.readDoubleLE(8) } : null;
  }

  find(idHash: Uint8Array, since: Millis): Uint8Array | undefined {
    const value = this.home.read(() => this.entries.get(idHash));
    if (!value || value.readDoubleLE(SEEN_HASH_BYTES) < since) return undefined;
    return value.subarray(0, SEEN_HASH_BYTES);
  }

  async add(batches: readonly SeenBatch[], checkpoint: SeenCheckpoint, forgetBefore: Millis): Promise<void> {
    const entries = batches.flatMap(({ at, hashes }) => pairsOf(hashes).map((pair) => ({ at, pair })));
    let start = 0;
    do {
      const part = entries.slice(start, start + ENTRIES_PER_TRANSACTION_MAX);
      start += part.length;
      this.home.transact(() => {
        for (const { at, pair } of part) this.put(pair, at);
        this.sweep(part.length * SWEEP_RATIO, forgetBefore);
        // Only with the last part: a crash in between reads all of it again, and adding twice does no harm.
        if (start >= entries.length) void this.about.put(CHECKPOINT, encodeCheckpoint(checkpoint));
      });
      if (start < entries.length) await new Promise<void>((resolve) => setImmediate(resolve));
    } while (start < entries.length);
  }

  private put(pair: Uint8Array, at: Millis): void {
    const value = Buffer.allocUnsafe(VALUE_BYTES);
    value.set(pair.subarray(SEEN_HASH_BYTES), 0);
    value.writeDoubleLE(at, SEEN_HASH_BYTES);
    void this.entries.put(pair.subarray(0, SEEN_HASH_BYTES), value);
  }

  private sweep(looks: number, forgetBefore: Millis): void {
    if (looks === 0) return;
    const old: Uint8Array[] = [];
    let last: Uint8Array | null = null;
    let looked = 0;
    for (const { key, value } of this.entries.getRange({ start: this.hand, limit: looks })) {
      last = key;
      looked++;
      if (value.readDoubleLE(SEEN_HASH_BYTES) < forgetBefore) old.push(Buffer.from(key));
    }
    for (const key of old) void this.entries.remove(key);
    this.hand = last === null || looked < looks ? Buffer.alloc(0) : Buffer.from(last);
  }

  async clear(): Promise<void> {
    this.home.transact(() => {
      this.entries.clearSync();
      this.about.clearSync();
    });
    this.hand = Buffer.alloc(0);
  }
}

const pairsOf = (hashes: Uint8Array): Uint8Array[] =>
  Array.from({ length: Math.floor(hashes.length / SEEN_PAIR_BYTES) }, (_, n) =>
    hashes.subarray(n * SEEN_PAIR_BYTES, (n + 1) * SEEN_PAIR_BYTES),
  );

function encodeCheckpoint({ inputOffset, changelogOffset }: SeenCheckpoint): Buffer {
  const value = Buffer.allocUnsafe(16);
  value.writeDoubleLE(inputOffset, 0);
  value.writeDoubleLE(changelogOffset, 8);
  return value;
}
