import type { Topic } from '../contracts/topic.ts';
import type { Millis } from '../domain/time.ts';
import type { ViewStore } from '../kafka/view-follower.ts';
import type { Codec } from '../runtime/codec.ts';
import type { StoredRecord, Telemetry } from '../runtime/ports.ts';
import type { IndexedStore } from '../store/indexed-store.ts';

/** Records that one transaction takes in at most: it blocks the event loop. */
const RECORDS_PER_TRANSACTION_MAX = 500;
/** Old rows that are forgotten per transaction: more than can become old meanwhile. */
const FORGOTTEN_PER_TRANSACTION_MAX = 1_000;

/** How the records of one topic change rows. */
export interface TopicFold<R, V> {
  readonly topic: Topic<V>;
  /** Which row a record is about. */
  readonly keyOf: (value: V) => string;
  /** Null where the record changes nothing. */
  readonly fold: (row: R | null, value: V, at: Millis) => R | null;
}

/** Folds the records of one topic into a store, for a `ViewFollower`. */
export function indexedView<R, V>(
  store: IndexedStore<R>,
  { topic, keyOf, fold }: TopicFold<R, V>,
  parts: { readonly codec: Codec; readonly telemetry: Pick<Telemetry, 'count'>; readonly forgetBefore: () => Millis },
): ViewStore {
  const { codec, telemetry, forgetBefore } = parts;
  const take = (partition: number, records: readonly StoredRecord[], nextOffset: number): void => {
    const changes = new Map<string, R>();
    for (const { value, at } of records) {
      const decoded = codec.decode(topic, value);
      if (!decoded.ok) {
        telemetry.count('postlane_view_rows_skipped_total', { topic: topic.name, reason: decoded.reason });
        continue;
      }
      const key = keyOf(decoded.value);
      const row = fold(changes.get(key) ?? store.get(key), decoded.value, at);
      if (row !== null) changes.set(key, row);
    }
    store.apply(topic.name, partition, changes, nextOffset);
    if (changes.size > 0) store.forget(forgetBefore(), FORGOTTEN_PER_TRANSACTION_MAX);
  };
  return {
    checkpoint: (partition) => store.checkpoint(topic.name, partition),
    async apply(partition, records, nextOffset) {
      await codec.prepare(topic, records);
      for (let start = 0; start === 0 || start < records.length; start += RECORDS_PER_TRANSACTION_MAX) {
        const part = records.slice(start, start + RECORDS_PER_TRANSACTION_MAX);
        const isLast = start + part.length >= records.length;
        take(partition, part, isLast ? nextOffset : (part.at(-1)?.offset ?? 0) + 1);
        if (!isLast) await new Promise<void>((resolve) => setImmediate(resolve));
      }
    },
    // What the log no longer has is still true of its rows: only the reading begins anew.
    reset: (partition) => store.apply(topic.name, partition, new Map(), 0),
  };
}
