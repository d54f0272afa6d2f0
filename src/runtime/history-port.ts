import type { Millis } from '../domain/time.ts';

/** Where a record lies, or where to read on. */
export interface HistoryPlace {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

export interface HistoryRead<V> {
  /** In order; what cannot be decoded is left out. */
  readonly entries: readonly { readonly offset: number; readonly at: Millis; readonly value: V }[];
  /** Where to go on. The same as asked for: there is nothing there yet. */
  readonly nextOffset: number;
  /** Offsets that the log no longer has. */
  readonly lost: number;
}

/** The committed records of some topics, readable from any place, as often as one likes: whoever reads keeps its own place. */
export interface History<V> {
  /** Some records from a place on, at most `max`. Throws KAFKA_UNAVAILABLE or REGISTRY_UNAVAILABLE, which pass. */
  read(place: HistoryPlace, max: number): Promise<HistoryRead<V>>;
  /** Of every partition, the place of the first record that was appended at a time or later; else its end. */
  placesAt(at: Millis): Promise<readonly HistoryPlace[]>;
  /** Calls back whenever something was appended. The answer ends it. */
  onNews(call: () => void): () => void;
}
