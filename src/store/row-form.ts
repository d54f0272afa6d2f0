import type { Topic } from '../contracts/topic.ts';
import type { Codec } from '../runtime/codec.ts';
import type { StoredRecord, Telemetry } from '../runtime/ports.ts';
import { RepeatedStrings } from './repeated-strings.ts';
import { PackedReader, type RowPacking, writeNumber } from './row-packing.ts';

/** Confluent wire format: a zero byte and the schema id come first. */
const WIRE_HEADER_BYTES = 5;
/** A row begins with the partition it came from, doubled, and whether it is packed. */
const PACKED = 1;
const PARTITION_BYTES_MAX = 5;

export interface RowFormOptions<V> {
  readonly topic: Topic<V>;
  readonly codec: Codec;
  readonly telemetry: Pick<Telemetry, 'count'>;
  readonly packing?: RowPacking<V>;
}

/** The bytes that a row is kept in: packed, where it can be, or those of the topic. */
export class RowForm<V> {
  /** Ids of the schemas that rows are written in, to be made known to the codec before rows are read. */
  readonly schemaIds = new Set<number>();
  /** Those that are to be saved in the same transaction as the rows that are the first to need them; so are new strings. */
  readonly newSchemaIds = new Set<number>();
  readonly strings = new RepeatedStrings();
  /** The row that was written last. */
  target = Buffer.allocUnsafeSlow(4_096);
  private readonly options: RowFormOptions<V>;
  private readonly reader = new PackedReader();

  constructor(options: RowFormOptions<V>) {
    this.options = options;
  }

  /** Undefined where it cannot be read. `row` need not be good any longer than this takes. */
  read(key: string, row: Buffer): V | undefined {
    const { codec, topic, packing } = this.options;
    try {
      this.reader.begin(row, 0);
      const packed = this.reader.number() % 2 === PACKED;
      if (packed) return packing?.unpack(key, row, this.reader.at, this.strings);
    } catch (error) {
      if (error instanceof RangeError) return undefined;
      throw error;
    }
    // What lmdb answers reaches further than its length says.
    const decoded = codec.decode(topic, Buffer.from(row.subarray(this.reader.at, row.length)));
    return decoded.ok ? decoded.value : undefined;
  }

  /** The partition that a row came from. */
  partitionOf(row: Uint8Array): number {
    this.reader.begin(row as Buffer, 0);
    return Math.floor(this.reader.number() / 2);
  }

  /** Writes a row into `target` and answers its length: 0 where it is removed, -1 where it is to be left out. */
  write(partition: number, key: Buffer, value: Buffer | null): number {
    if (value === null) return 0;
    const { codec, topic, telemetry, packing } = this.options;
    if (packing !== undefined && value.length <= packing.valueBytesMax && this.isOurs(value)) {
      this.makeRoom(PARTITION_BYTES_MAX + 2 * value.length + WIRE_HEADER_BYTES);
      const from = writeNumber(this.target, 0, 2 * partition + PACKED);
      const end = packing.pack(key, value, this.target, from, this.strings);
      if (end >= 0) return end;
    }
    const decoded = codec.decode(topic, value);
    if (!decoded.ok) {
      telemetry.count('postlane_view_rows_skipped_total', { topic: topic.name, reason: decoded.reason });
      return -1;
    }
    this.makeRoom(PARTITION_BYTES_MAX + value.length);
    const from = writeNumber(this.target, 0, 2 * partition);
    const schemaId = value.length < WIRE_HEADER_BYTES ? 0 : value.readUInt32BE(1);
    if (!this.schemaIds.has(schemaId)) this.newSchemaIds.add(schemaId);
    return from + value.copy(this.target, from);
  }

  private isOurs(value: Buffer): boolean {
    const { codec, topic } = this.options;
    if (value.length <= WIRE_HEADER_BYTES || value[0] !== 0) return false;
    return codec.laidOutAsOurs?.(topic, value.readUInt32BE(1)) ?? false;
  }

  private makeRoom(bytes: number): void {
    if (bytes > this.target.length) this.target = Buffer.allocUnsafeSlow(2 * bytes);
  }
}

/** As much of a record as tells its schema. */
export function headerOnly(schemaId: number): StoredRecord {
  const value = Buffer.alloc(WIRE_HEADER_BYTES);
  value.writeUInt32BE(schemaId, 1);
  return { offset: 0, key: null, value, headers: {}, at: 0 };
}
