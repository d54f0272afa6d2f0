import { createHash } from 'node:crypto';
import type { Database } from 'lmdb';
import type { Topic } from '../contracts/topic.ts';
import { PostlaneError } from '../domain/error.ts';
import type { Codec } from '../runtime/codec.ts';
import type { StoredRecord, Telemetry } from '../runtime/ports.ts';
import { StoreHome } from './home.ts';

/** Bytes before a row's value: the partition it came from. */
const PARTITION_BYTES = 4;
/** Confluent wire format: a zero byte and the schema id come first. */
const WIRE_HEADER_BYTES = 5;
/** lmdb takes keys of 1978 bytes; a longer one is kept under its hash. */
const KEY_BYTES_MAX = 1_024;
/** Records that one transaction takes in at most: it blocks the event loop. */
const RECORDS_PER_TRANSACTION_MAX = 1_000;
/** First byte of a key that is kept as it is. */
const KEY_MARK = 'k'.charCodeAt(0);
const SCHEMA = 's';
const OFFSET = 'o';

export interface TableStoreOptions<V> {
  /** No other process may have it open. */
  readonly directory: string;
  readonly topic: Topic<V>;
  readonly codec: Codec;
  readonly telemetry: Pick<Telemetry, 'count'>;
}

/**
 * The rows of a compacted topic on disk, in the bytes of the topic, with the offset to go on from kept in the same
 * transaction: a restart reads only what is new. Look-ups are synchronous. `ViewFollower` feeds it. What is torn is wiped
 * and read again.
 */
export class TableStore<V> {
  private readonly home: StoreHome;
  private readonly rows: Database<Buffer, Uint8Array>;
  private readonly about: Database<Buffer, Uint8Array>;
  private readonly options: TableStoreOptions<V>;
  /** Ids of the schemas that rows are written in, to be made known to the codec before rows are read. */
  private readonly schemaIds = new Set<number>();

  private constructor(home: StoreHome, options: TableStoreOptions<V>) {
    this.home = home;
    this.options = options;
    this.rows = home.database('rows');
    this.about = home.database('about');
    for (const { key } of this.about.getRange({ start: Buffer.from(SCHEMA) })) {
      const name = Buffer.from(key).toString();
      if (name.startsWith(SCHEMA)) this.schemaIds.add(Number(name.slice(SCHEMA.length)));
    }
  }

  /** Opens the store, and makes the schemas known in which its rows are written: throws REGISTRY_UNAVAILABLE as `prepare` does. */
  static async open<V>(options: TableStoreOptions<V>): Promise<TableStore<V>> {
    const home = await StoreHome.open(options.directory);
    try {
      const store = new TableStore<V>(home, options);
      await options.codec.prepare(options.topic, [...store.schemaIds].map(headerOnly));
      return store;
    } catch (error) {
      await home.close();
      throw error;
    }
  }

  get(key: string): V | undefined {
    const row = this.home.read(() => this.rows.get(stored(Buffer.from(key))));
    if (!row) return undefined;
    const decoded = this.options.codec.decode(this.options.topic, row.subarray(PARTITION_BYTES));
    // It was decoded when it was taken in: that it no longer can be means that the store is not what we think.
    if (!decoded.ok) throw new PostlaneError('STORE_UNAVAILABLE', { what: 'reading a row', reason: decoded.reason });
    return decoded.value;
  }

  /** Rows whose keys begin with a prefix, in the order of their keys, behind a key; keys of more than 1 KB are not among them. */
  page(prefix: string, after: string | null, limit: number): readonly { readonly key: string; readonly row: V }[] {
    const first = stored(Buffer.from(prefix));
    const start = after === null ? first : Buffer.concat([stored(Buffer.from(after)), Buffer.alloc(1)]);
    const end = Buffer.concat([first, Buffer.alloc(1, 0xff)]);
    return this.home.read(() =>
      [...this.rows.getRange({ start, end, limit })].flatMap(({ key, value }) => {
        const decoded = this.options.codec.decode(this.options.topic, Buffer.from(value).subarray(PARTITION_BYTES));
        return decoded.ok ? [{ key: Buffer.from(key).subarray(1).toString('utf8'), row: decoded.value }] : [];
      }),
    );
  }

  /** Where to go on reading the partition; 0 at first. */
  checkpoint(partition: number): number {
    return this.home.read(() => this.about.get(offsetKey(partition)))?.readDoubleLE(0) ?? 0;
  }

  /** Every row that can be decoded, in no order that matters. */
  *rowsOf(): Generator<{ readonly key: string; readonly partition: number; readonly value: V }> {
    for (const { key, value: row } of this.home.read(() => this.rows.getRange())) {
      const stored = Buffer.from(key);
      // A key that was too long for lmdb is kept under its hash, and cannot be told.
      if (stored[0] !== KEY_MARK) continue;
      const decoded = this.options.codec.decode(this.options.topic, Buffer.from(row.subarray(PARTITION_BYTES)));
      if (!decoded.ok) continue;
      yield { key: stored.toString('utf8', 1), partition: Buffer.from(row).readUInt32BE(0), value: decoded.value };
    }
  }

  /** How many rows it holds. */
  count(): number {
    return this.rows.getCount();
  }

  /**
   * Takes records in, in order, and moves the checkpoint with them. A row that cannot be decoded is counted and left out,
   * and what was known under its key stays: a view must not stop for one bad record.
   */
  async apply(partition: number, records: readonly StoredRecord[], nextOffset: number): Promise<void> {
    await this.options.codec.prepare(this.options.topic, records);
    let start = 0;
    do {
      const part = records.slice(start, start + RECORDS_PER_TRANSACTION_MAX);
      start += part.length;
      const news = new Set<number>();
      this.home.transact(() => {
        for (const record of part) this.take(partition, record, news);
        for (const id of news) void this.about.put(Buffer.from(`${SCHEMA}${id}`), Buffer.alloc(1));
        if (start >= records.length) this.putOffset(partition, nextOffset);
      });
      for (const id of news) this.schemaIds.add(id);
      if (start < records.length) await new Promise<void>((resolve) => setImmediate(resolve));
    } while (start < records.length);
  }

  private take(partition: number, { key, value }: StoredRecord, news: Set<number>): void {
    if (key === null) return;
    if (value === null) {
      void this.rows.remove(stored(key));
      return;
    }
    const { codec, topic, telemetry } = this.options;
    const decoded = codec.decode(topic, value);
    if (!decoded.ok) {
      telemetry.count('postlane_view_rows_skipped_total', { topic: topic.name, reason: decoded.reason });
      return;
    }
    const row = Buffer.allocUnsafe(PARTITION_BYTES + value.length);
    row.writeUInt32BE(partition, 0);
    value.copy(row, PARTITION_BYTES);
    void this.rows.put(stored(key), row);
    const schemaId = value.length < WIRE_HEADER_BYTES ? 0 : value.readUInt32BE(1);
    if (!this.schemaIds.has(schemaId)) news.add(schemaId);
  }

  private putOffset(partition: number, nextOffset: number): void {
    const value = Buffer.allocUnsafe(8);
    value.writeDoubleLE(nextOffset, 0);
    void this.about.put(offsetKey(partition), value);
  }

  /** Forgets the rows of a partition, whose log is another one now. */
  async reset(partition: number): Promise<void> {
    this.home.transact(() => {
      const gone: Uint8Array[] = [];
      for (const { key, value } of this.rows.getRange()) {
        if (value.readUInt32BE(0) === partition) gone.push(Buffer.from(key));
      }
      for (const key of gone) void this.rows.remove(key);
      void this.about.remove(offsetKey(partition));
    });
  }

  close(): Promise<void> {
    return this.home.close();
  }
}

const offsetKey = (partition: number): Buffer => Buffer.from(`${OFFSET}${partition}`);

/** Empty keys and very long ones are none for lmdb; a prefix tells a key from a hash. */
const stored = (key: Buffer): Buffer =>
  key.length <= KEY_BYTES_MAX
    ? Buffer.concat([Buffer.from('k'), key])
    : Buffer.concat([Buffer.from('h'), createHash('sha256').update(key).digest()]);

/** As much of a record as tells its schema. */
function headerOnly(schemaId: number): StoredRecord {
  const value = Buffer.alloc(WIRE_HEADER_BYTES);
  value.writeUInt32BE(schemaId, 1);
  return { offset: 0, key: null, value, headers: {}, at: 0 };
}
