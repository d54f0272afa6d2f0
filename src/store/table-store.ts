import type { Database } from 'lmdb';
import type { Topic } from '../contracts/topic.ts';
import { PostlaneError } from '../domain/error.ts';
import type { Codec } from '../runtime/codec.ts';
import type { StoredRecord, Telemetry } from '../runtime/ports.ts';
import { StoreHome } from './home.ts';
import { RowBuffer } from './row-buffer.ts';
import { headerOnly, RowForm } from './row-form.ts';
import type { RowPacking } from './row-packing.ts';
import {
  HASH_MARK,
  hashOf,
  KEY_BYTES_MAX,
  keyIn,
  markedBytes,
  markOf,
  offsetKey,
  SCHEMA_KEYS,
  STRING_KEYS,
  schemaIdIn,
  schemaKey,
  storedKey,
  stringKey,
  writeKey,
} from './table-keys.ts';

/** Of stores whose rows are kept in the bytes of the topic. */
const FORMAT = 4;
/** UTF-8 takes at most so many bytes for one unit of a string. */
const UTF8_BYTES_MAX = 3;
/** Records that one transaction takes in at most: it blocks the event loop, and keeps every page that it changes in memory. */
const RECORDS_PER_TRANSACTION_MAX = 1_000;

export interface TableStoreOptions<V> {
  /** No other process may have it open. */
  readonly directory: string;
  readonly topic: Topic<V>;
  readonly codec: Codec;
  readonly telemetry: Pick<Telemetry, 'count'>;
  /** Absent: rows are kept in the bytes of the topic. */
  readonly packing?: RowPacking<V>;
}

/**
 * The rows of a compacted topic on disk, in the bytes of the topic or packed, with the offset to go on from kept in the same
 * transaction: a restart reads only what is new. Look-ups are synchronous. `ViewFollower` feeds it. What is torn, or of
 * another format, is wiped and read again.
 */
export class TableStore<V> {
  private readonly home: StoreHome;
  private readonly rows: Database<Buffer, string | Uint8Array>;
  private readonly about: Database<Buffer, Uint8Array>;
  private readonly options: TableStoreOptions<V>;
  private readonly form: RowForm<V>;
  /** Rows that were restored and not stored yet, and where their partitions go on behind them. */
  private waiting: RowBuffer | null = null;
  private readonly waitingOffsets = new Map<number, number>();
  private settling: Promise<void> | null = null;

  private constructor(home: StoreHome, options: TableStoreOptions<V>) {
    this.home = home;
    this.options = options;
    this.form = new RowForm(options);
    this.rows = home.databaseOf('rows', writeKey);
    this.about = home.database('about');
    for (const { key } of this.about.getRange(SCHEMA_KEYS)) this.form.schemaIds.add(schemaIdIn(key));
    for (const { value } of this.about.getRange(STRING_KEYS)) this.form.strings.load(Buffer.from(value));
  }

  /** Opens the store, and makes the schemas known in which its rows are written: throws REGISTRY_UNAVAILABLE as `prepare` does. */
  static async open<V>(options: TableStoreOptions<V>): Promise<TableStore<V>> {
    const home = await StoreHome.open(options.directory, options.packing?.format ?? FORMAT);
    try {
      const store = new TableStore<V>(home, options);
      await options.codec.prepare(options.topic, [...store.form.schemaIds].map(headerOnly));
      return store;
    } catch (error) {
      await home.close();
      throw error;
    }
  }

  get(key: string): V | undefined {
    const long = key.length * UTF8_BYTES_MAX > KEY_BYTES_MAX;
    const row = this.home.find(this.rows, long ? storedKey(Buffer.from(key)) : key);
    if (row === undefined) return undefined;
    // As it is in UTF-8, in which half a surrogate pair is a replacement character.
    const decoded = this.form.read(key.toWellFormed(), row);
    // It could be read when it was taken in: that it no longer can means that the store is not what we think.
    if (decoded === undefined) throw new PostlaneError('STORE_UNAVAILABLE', { what: 'reading a row' });
    return decoded;
  }

  /** Rows whose keys begin with a prefix, in the order of their keys, behind a key; keys of more than 1 KB are not among them. */
  page(prefix: string, after: string | null, limit: number): readonly { readonly key: string; readonly row: V }[] {
    const first = storedKey(Buffer.from(prefix));
    const start = after === null ? first : Buffer.concat([storedKey(Buffer.from(after)), Buffer.alloc(1)]);
    const end = storedKey(Buffer.concat([Buffer.from(prefix), Buffer.alloc(1, 0xff)]));
    return this.home.read(() =>
      [...this.rows.getRange({ start, end, limit })].flatMap(({ key: place, value }) => {
        const key = keyIn(place as Uint8Array);
        const row = key === null ? undefined : this.form.read(key, Buffer.from(value));
        return key === null || row === undefined ? [] : [{ key, row }];
      }),
    );
  }

  /** Where to go on reading the partition; 0 at first. */
  checkpoint(partition: number): number {
    const waiting = this.waitingOffsets.get(partition);
    if (waiting !== undefined) return waiting;
    return this.home.read(() => this.about.get(offsetKey(partition)))?.readDoubleLE(0) ?? 0;
  }

  /** Every row that can be decoded, in no order that matters. */
  *rowsOf(): Generator<{ readonly key: string; readonly partition: number; readonly value: V }> {
    for (const { key: place, value: row } of this.home.read(() => this.rows.getRange())) {
      const key = keyIn(place as Uint8Array);
      // A key that was too long for lmdb is kept under its hash, and cannot be told.
      if (key === null) continue;
      const value = this.form.read(key, Buffer.from(row));
      if (value !== undefined) yield { key, partition: this.form.partitionOf(row), value };
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
    await this.settle();
    let start = 0;
    do {
      const part = records.slice(start, start + RECORDS_PER_TRANSACTION_MAX);
      start += part.length;
      this.commit(() => {
        for (const { key, value } of part) {
          const length = key === null ? -1 : this.form.write(partition, key, value);
          if (key === null || length < 0) continue;
          if (length === 0) void this.rows.remove(storedKey(key));
          else void this.rows.put(storedKey(key), this.form.target.subarray(0, length));
        }
        if (start >= records.length) this.putOffset(partition, nextOffset);
      });
      if (start < records.length) await nextTurn();
    } while (start < records.length);
  }

  /**
   * Takes records in as `apply` does, where nobody looks anything up yet and many more follow: they are seen, and kept, once
   * there are many of them, or with the next `apply` or `settle`.
   */
  async restore(partition: number, records: readonly StoredRecord[], nextOffset: number): Promise<void> {
    await this.options.codec.prepare(this.options.topic, records);
    for (const { key, value } of records) {
      while (this.settling !== null || this.waiting?.full) await this.store();
      const length = key === null ? -1 : this.form.write(partition, key, value);
      if (key === null || length < 0) continue;
      this.waiting ??= new RowBuffer();
      if (key.length > KEY_BYTES_MAX) {
        this.waiting.add(HASH_MARK, hashOf(key), 0, this.form.target, length);
      } else {
        const mark = markOf(key);
        this.waiting.add(mark, key, markedBytes(mark), this.form.target, length);
      }
    }
    this.waitingOffsets.set(partition, nextOffset);
  }

  /** Stores what `restore` kept back. */
  async settle(): Promise<void> {
    while (this.settling !== null || this.waitingOffsets.size > 0) await this.store();
    this.waiting = null;
  }

  private store(): Promise<void> {
    this.settling ??= this.storeWaiting().finally(() => {
      this.settling = null;
    });
    return this.settling;
  }

  /** Rows first, their offsets last: what a crash leaves without its offset is read once more. */
  private async storeWaiting(): Promise<void> {
    const { waiting } = this;
    const rows = waiting?.inOrder();
    for (let done = false; !done; ) {
      this.commit(() => {
        for (let n = 0; n < RECORDS_PER_TRANSACTION_MAX && !done; n++) {
          const next = rows?.next();
          if (waiting === null || next === undefined || next.done) done = true;
          else this.putRow(waiting.keyOf(next.value), waiting.valueOf(next.value));
        }
        if (done) for (const [partition, offset] of this.waitingOffsets) this.putOffset(partition, offset);
      });
      if (!done) await nextTurn();
    }
    waiting?.empty();
    this.waitingOffsets.clear();
  }

  /** One transaction, with the strings and schemas that its rows are the first to need. */
  private commit(action: () => void): void {
    const { strings, schemaIds, newSchemaIds } = this.form;
    this.home.transact(() => {
      action();
      for (const { number, bytes } of strings.toSave()) void this.about.put(stringKey(number), bytes);
      for (const id of newSchemaIds) void this.about.put(schemaKey(id), Buffer.alloc(1));
    });
    strings.saved();
    for (const id of newSchemaIds) schemaIds.add(id);
    newSchemaIds.clear();
  }

  private putRow(place: Buffer, row: Buffer | null): void {
    if (row === null) void this.rows.remove(place);
    else void this.rows.put(place, row);
  }

  private putOffset(partition: number, nextOffset: number): void {
    const value = Buffer.allocUnsafe(8);
    value.writeDoubleLE(nextOffset, 0);
    void this.about.put(offsetKey(partition), value);
  }

  /** Forgets the rows of a partition, whose log is another one now. */
  async reset(partition: number): Promise<void> {
    await this.settle();
    this.home.transact(() => {
      const gone: Uint8Array[] = [];
      for (const { key, value } of this.rows.getRange()) {
        if (this.form.partitionOf(value) === partition) gone.push(Buffer.from(key as Uint8Array));
      }
      for (const key of gone) void this.rows.remove(key);
      void this.about.remove(offsetKey(partition));
    });
  }

  /** What `restore` kept back is forgotten with its offsets, and read again. */
  close(): Promise<void> {
    return this.home.close();
  }
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
