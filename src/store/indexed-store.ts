import { hash } from 'node:crypto';
import type { Database } from 'lmdb';
import type { Millis } from '../domain/time.ts';
import { StoreHome } from './home.ts';

/** What keys and names of indexes are kept as: enough that no two are ever one. */
const HASH_BYTES = 16;
const TIME_BYTES = 6;
const TIME_MAX = 2 ** (8 * TIME_BYTES) - 1;
const PLACE_BYTES = TIME_BYTES + HASH_BYTES;
const NOTHING = Buffer.alloc(0);

export interface IndexedStoreOptions<R> {
  /** No other process may have it open. */
  readonly directory: string;
  /** Names of the lists that a row is in. */
  readonly indexesOf: (row: R) => readonly string[];
  /** Lists are newest first by it. */
  readonly orderOf: (row: R) => Millis;
  /** A row is forgotten when this is too long ago. */
  readonly lastOf: (row: R) => Millis;
}

export interface IndexedRow<R> {
  /** Where the row lies in the list; reading may go on behind it. */
  readonly place: string;
  readonly row: R;
}

/**
 * Rows on disk that are in any number of lists, each newest first, and the offsets up to which the rows hold what topics
 * said, kept in the same transactions. A cache of topics: what is torn is wiped and read again. Look-ups are synchronous.
 */
export class IndexedStore<R> {
  private readonly home: StoreHome;
  private readonly options: IndexedStoreOptions<R>;
  private readonly rows: Database<Buffer, Uint8Array>;
  /** Name of the list, newest first by time, row: nothing. */
  private readonly lists: Database<Buffer, Uint8Array>;
  /** By the time of what was last heard of a row, oldest first. */
  private readonly ages: Database<Buffer, Uint8Array>;
  private readonly offsets: Database<Buffer, Uint8Array>;

  private constructor(home: StoreHome, options: IndexedStoreOptions<R>) {
    this.home = home;
    this.options = options;
    this.rows = home.database('rows');
    this.lists = home.database('lists');
    this.ages = home.database('ages');
    this.offsets = home.database('offsets');
  }

  static async open<R>(options: IndexedStoreOptions<R>): Promise<IndexedStore<R>> {
    return new IndexedStore(await StoreHome.open(options.directory), options);
  }

  /** Reads what another thread of this process keeps: it has it open, and closes it later. Writing throws. */
  static openToRead<R>(options: IndexedStoreOptions<R>): IndexedStore<R> {
    return new IndexedStore(StoreHome.openToRead(options.directory), options);
  }

  get(key: string): R | null {
    return this.home.read(() => this.rowAt(hashed(key)));
  }

  /** How many rows it holds. */
  count(): number {
    return this.home.read(() => this.rows.getCount());
  }

  /** Where to go on reading a partition of a topic; 0 at first. */
  checkpoint(topic: string, partition: number): number {
    return this.home.read(() => this.offsets.get(offsetKey(topic, partition)))?.readDoubleLE(0) ?? 0;
  }

  /** Changes rows and moves the checkpoints of a topic, by partition, all or nothing. */
  apply(topic: string, changes: ReadonlyMap<string, R>, nextOffsets: ReadonlyMap<number, number>): void {
    this.home.transact(() => {
      for (const [key, row] of changes) this.put(hashed(key), row);
      for (const [partition, nextOffset] of nextOffsets) {
        const offset = Buffer.allocUnsafe(8);
        offset.writeDoubleLE(nextOffset, 0);
        void this.offsets.put(offsetKey(topic, partition), offset);
      }
    });
  }

  /** Rows of a list behind a place, newest first. Null where the place is none. */
  page(index: string, after: string | null, limit: number): readonly IndexedRow<R>[] | null {
    const from = after === null ? Buffer.alloc(0) : Buffer.from(after, 'base64url');
    if (after !== null && (from.length !== PLACE_BYTES || from.toString('base64url') !== after)) return null;
    const list = hashed(index);
    // A place and one zero more comes right behind it.
    const start = after === null ? list : Buffer.concat([list, from, Buffer.alloc(1)]);
    const end = Buffer.concat([list, Buffer.alloc(PLACE_BYTES + 1, 0xff)]);
    return this.home.read(() => {
      const found: IndexedRow<R>[] = [];
      for (const { key } of this.lists.getRange({ start, end, limit })) {
        const place = Buffer.from(key).subarray(HASH_BYTES);
        const row = this.rowAt(place.subarray(TIME_BYTES));
        if (row !== null) found.push({ place: place.toString('base64url'), row });
      }
      return found;
    });
  }

  /** Forgets rows of which nothing was heard since, the oldest first, at most so many; answers how many. */
  forget(before: Millis, countMax: number): number {
    const end = timeBytes(Math.max(0, before));
    let forgotten = 0;
    const old = this.home.read(() =>
      [...this.ages.getRange({ end, limit: countMax })].map(({ key }) => Buffer.from(key)),
    );
    // Mostly there is nothing to forget, and a transaction would cost as much as one that writes.
    if (old.length === 0) return 0;
    this.home.transact(() => {
      for (const key of old) {
        const id = key.subarray(TIME_BYTES);
        const row = this.rowAt(id);
        if (row !== null) for (const entry of this.entriesOf(id, row)) void this.lists.remove(entry);
        void this.rows.remove(id);
        void this.ages.remove(key);
        forgotten++;
      }
    });
    return forgotten;
  }

  close(): Promise<void> {
    return this.home.close();
  }

  private rowAt(id: Buffer): R | null {
    const bytes = this.rows.get(id);
    return bytes === undefined ? null : (JSON.parse(bytes.toString('utf8')) as R);
  }

  private put(id: Buffer, row: R): void {
    const before = this.rowAt(id);
    if (before === null || !this.inSameLists(before, row)) this.list(id, before, row);
    if (before !== null) void this.ages.remove(this.ageOf(id, before));
    void this.ages.put(this.ageOf(id, row), NOTHING);
    void this.rows.put(id, Buffer.from(JSON.stringify(row)));
  }

  private inSameLists(before: R, row: R): boolean {
    const { indexesOf, orderOf } = this.options;
    const [had, has] = [indexesOf(before), indexesOf(row)];
    return orderOf(before) === orderOf(row) && had.length === has.length && had.every((name, n) => name === has[n]);
  }

  private list(id: Buffer, before: R | null, row: R): void {
    const entries = this.entriesOf(id, row);
    const wanted = new Set(entries.map((entry) => entry.toString('latin1')));
    const known = new Set<string>();
    if (before !== null) {
      for (const entry of this.entriesOf(id, before)) {
        const text = entry.toString('latin1');
        if (wanted.has(text)) known.add(text);
        else void this.lists.remove(entry);
      }
    }
    for (const entry of entries) if (!known.has(entry.toString('latin1'))) void this.lists.put(entry, NOTHING);
  }

  private entriesOf(id: Buffer, row: R): readonly Buffer[] {
    const time = timeBytes(TIME_MAX - Math.max(0, this.options.orderOf(row)));
    return this.options.indexesOf(row).map((name) => Buffer.concat([hashed(name), time, id]));
  }

  private ageOf(id: Buffer, row: R): Buffer {
    return Buffer.concat([timeBytes(Math.max(0, this.options.lastOf(row))), id]);
  }
}

const hashed = (text: string): Buffer => hash('sha256', text, 'buffer').subarray(0, HASH_BYTES);

function timeBytes(time: Millis): Buffer {
  const bytes = Buffer.allocUnsafe(TIME_BYTES);
  bytes.writeUIntBE(Math.min(TIME_MAX, Math.round(time)), 0, TIME_BYTES);
  return bytes;
}

const offsetKey = (topic: string, partition: number): Buffer => Buffer.from(`${topic}/${partition}`);
