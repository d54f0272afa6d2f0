import type { Millis } from '../domain/time.ts';
import {
  SEEN_HASH_BYTES,
  SEEN_PAIR_BYTES,
  type SeenBatch,
  type SeenCheckpoint,
  type SeenStore,
} from '../runtime/seen-port.ts';

interface Entry {
  readonly content: Buffer;
  readonly at: Millis;
}

/** Entries looked at per entry that is added, in search of old ones. */
const SWEEP_RATIO = 2;

/** `SeenStore` in memory: for tests, and for processes that may read their changelog whole at every start. */
export class MemorySeenStore implements SeenStore {
  private readonly entries = new Map<string, Entry>();
  private known: SeenCheckpoint | null = null;

  /** How many entries it holds. */
  get size(): number {
    return this.entries.size;
  }

  checkpoint(): SeenCheckpoint | null {
    return this.known;
  }

  find(idHash: Uint8Array, since: Millis): Uint8Array | undefined {
    const entry = this.entries.get(Buffer.from(idHash).toString('latin1'));
    return entry && entry.at >= since ? entry.content : undefined;
  }

  async add(batches: readonly SeenBatch[], checkpoint: SeenCheckpoint, forgetBefore: Millis): Promise<void> {
    let added = 0;
    for (const { at, hashes } of batches) {
      const bytes = Buffer.from(hashes);
      for (let start = 0; start + SEEN_PAIR_BYTES <= bytes.length; start += SEEN_PAIR_BYTES) {
        const middle = start + SEEN_HASH_BYTES;
        const id = bytes.toString('latin1', start, middle);
        // Inserted anew, so that the order of the map is the order of time.
        this.entries.delete(id);
        this.entries.set(id, { content: bytes.subarray(middle, start + SEEN_PAIR_BYTES), at });
        added++;
      }
    }
    this.sweep(added * SWEEP_RATIO, forgetBefore);
    this.known = checkpoint;
  }

  private sweep(looks: number, forgetBefore: Millis): void {
    let left = looks;
    for (const [id, { at }] of this.entries) {
      if (left-- <= 0 || at >= forgetBefore) return;
      this.entries.delete(id);
    }
  }

  async clear(): Promise<void> {
    this.entries.clear();
    this.known = null;
  }
}
