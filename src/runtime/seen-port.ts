import type { RouterSeen } from '../contracts/generated.ts';
import type { Topic } from '../contracts/topic.ts';
import { PostlaneError } from '../domain/error.ts';
import type { Millis } from '../domain/time.ts';
import type { Codec } from './codec.ts';
import type { Restore } from './processor.ts';

/** Bytes of each of the two hashes of an entry. */
export const SEEN_HASH_BYTES = 16;
/** Bytes of one entry of `RouterSeen.hashes`: hash of (tenant, id), then hash of the content. */
export const SEEN_PAIR_BYTES = 2 * SEEN_HASH_BYTES;

/** How far the store of one ingest partition has come: both offsets are the next ones to read. */
export interface SeenCheckpoint {
  /** Of the input partition. */
  readonly inputOffset: number;
  /** Of the topic that the store is a cache of. */
  readonly changelogOffset: number;
}

/** Pairs that became known at one time, concatenated. */
export interface SeenBatch {
  readonly at: Millis;
  readonly hashes: Uint8Array;
}

/**
 * The port to what has been let through on one input partition: by the router, a cache of `email.router-seen.<type>`; by the
 * feedback processor, of `email.feedback-seen`. Whatever is lost of it is read again. Two implementations, one contract suite: `src/store/seen-store.ts` and
 * `src/testing/memory-seen-store.ts`. Throws STORE_UNAVAILABLE; the task is then opened anew.
 */
export interface SeenStore {
  /** Null for an empty store. */
  checkpoint(): SeenCheckpoint | null;
  /** The content hash that was let through under an id at or after `since`; undefined for none. */
  find(idHash: Uint8Array, since: Millis): Uint8Array | undefined;
  /**
   * Adds the batches and moves the checkpoint, both or neither. Entries older than `forgetBefore` are removed on the way, a
   * bounded number per call, in proportion to what is added: so the store stays within about twice the window's entries.
   */
  add(batches: readonly SeenBatch[], checkpoint: SeenCheckpoint, forgetBefore: Millis): Promise<void>;
  /** Forgets everything. */
  clear(): Promise<void>;
}

/** What is known at the end of the window is not asked for any more. */
export const windowStart = (now: Millis, windowMs: number): Millis => now - windowMs;

/** What restoring needs. */
export interface SeenRestore {
  readonly restore: Restore;
  /** The committed offset of the input; -1 for none. */
  readonly nextOffset: number;
  readonly windowMs: number;
  readonly codec: Codec;
}

/**
 * Brings a store up to its changelog after the fence. It reads only what is new since the checkpoint; where log and store
 * do not belong together (another cluster, a topic made anew) it starts from nothing.
 */
export async function restoreSeen(
  store: SeenStore,
  topic: Topic<RouterSeen>,
  partition: number,
  { restore, nextOffset, windowMs, codec }: SeenRestore,
): Promise<void> {
  const known = store.checkpoint();
  // A store can only know what was committed; one that knows more belongs to another log.
  if (known && known.inputOffset > nextOffset) await store.clear();
  const from = store.checkpoint()?.changelogOffset ?? 0;
  const inputOffset = Math.max(0, nextOffset);
  const end = await restore(topic, partition, from, async (records) => {
    await codec.prepare(topic, records);
    const batches: SeenBatch[] = [];
    let changelogOffset = from;
    let newest = 0;
    for (const { value, offset } of records) {
      const decoded = codec.decode(topic, value);
      // Skipping one would let duplicates through: the partition waits until somebody looks.
      if (!decoded.ok) throw new PostlaneError('RECORD_UNDECODABLE', { topic: topic.name, partition, offset });
      batches.push(decoded.value);
      changelogOffset = offset + 1;
      newest = Math.max(newest, decoded.value.at);
    }
    await store.add(batches, { inputOffset, changelogOffset }, windowStart(newest, windowMs));
  });
  if (end <= from) {
    await store.clear();
    throw new PostlaneError('STORE_UNAVAILABLE', {
      what: 'the changelog is shorter than its store',
      partition,
      from,
      end,
    });
  }
  await store.add([], { inputOffset, changelogOffset: end }, 0);
}
