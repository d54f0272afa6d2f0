import type { Topic } from '../contracts/topic.ts';
import type { Millis } from '../domain/time.ts';
import type { ViewPart, ViewStore } from '../kafka/view-follower.ts';
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
  const take = (records: readonly StoredRecord[], nextOffsets: ReadonlyMap<number, number>): void => {
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
    store.apply(topic.name, changes, nextOffsets);
    if (changes.size > 0) store.forget(forgetBefore(), FORGOTTEN_PER_TRANSACTION_MAX);
  };
  const applyTogether = async (parts: readonly ViewPart[]): Promise<void> => {
    for (const { records } of parts) await codec.prepare(topic, records);
    const pieces = piecesOf(parts);
    for (const [n, { records, nextOffsets }] of pieces.entries()) {
      if (n > 0) await new Promise<void>((resolve) => setImmediate(resolve));
      take(records, nextOffsets);
    }
  };
  return {
    checkpoint: (partition) => store.checkpoint(topic.name, partition),
    apply: (partition, records, nextOffset) => applyTogether([{ partition, records, nextOffset }]),
    applyTogether,
    // What the log no longer has is still true of its rows: only the reading begins anew.
    reset: (partition) => store.apply(topic.name, new Map(), new Map([[partition, 0]])),
  };
}

interface Piece {
  readonly records: StoredRecord[];
  readonly nextOffsets: Map<number, number>;
}

/** What each transaction takes in: many parts, or of a long one so many records and the offset behind them. */
function piecesOf(parts: readonly ViewPart[]): readonly Piece[] {
  const pieces: Piece[] = [];
  let piece: Piece = { records: [], nextOffsets: new Map() };
  for (const { partition, records, nextOffset } of parts) {
    for (let start = 0; start === 0 || start < records.length; ) {
      if (piece.records.length >= RECORDS_PER_TRANSACTION_MAX) {
        pieces.push(piece);
        piece = { records: [], nextOffsets: new Map() };
      }
      const part = records.slice(start, start + RECORDS_PER_TRANSACTION_MAX - piece.records.length);
      start += Math.max(1, part.length);
      for (const record of part) piece.records.push(record);
      piece.nextOffsets.set(partition, start >= records.length ? nextOffset : (part.at(-1)?.offset ?? 0) + 1);
    }
  }
  return [...pieces, piece];
}
