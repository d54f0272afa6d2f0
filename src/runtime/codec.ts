import type { Topic } from '../contracts/topic.ts';
import type { StoredRecord } from './ports.ts';

export type Decoded<V> =
  | { readonly ok: true; readonly value: V }
  /** Permanent: this record can never be read. It becomes a dead letter with this reason. */
  | { readonly ok: false; readonly reason: UndecodableReason; readonly detail: string };

export type UndecodableReason =
  | 'null-value' // a tombstone where none is allowed
  | 'too-large'
  | 'bad-magic' // not the Confluent wire format
  | 'unknown-schema' // the registry does not know the id
  | 'wrong-subject' // the id belongs to another topic's schema
  | 'unreadable-schema' // the writer's schema is not Avro, is incompatible with ours, or cannot be read within bounds
  | 'malformed'; // the bytes do not fit the schema

/** The port to schemas. Only `prepare` may wait; encode and decode are synchronous and cached. */
export interface Codec {
  /**
   * Makes the writer schemas of these records known. Throws REGISTRY_UNAVAILABLE for anything transient:
   * the partition is then paused and tried again; nothing is ever dead-lettered for it.
   */
  prepare(topic: Topic<unknown>, records: readonly StoredRecord[]): Promise<void>;
  /** Decodes one value whose schema was prepared. Never throws for bad bytes. */
  decode<V>(topic: Topic<V>, value: Buffer | null): Decoded<V>;
  /**
   * Whether values of a schema id that was prepared are laid out exactly as our own schema says, so that bytes may be read
   * by position. Absent: none is known to be.
   */
  laidOutAsOurs?(topic: Topic<unknown>, schemaId: number): boolean;
  /** Encodes with the schema id registered for the topic's subject (`<topic>-value`). */
  encode<V>(topic: Topic<V>, value: NoInfer<V>): Buffer;
}
