import type { Database } from 'lmdb';
import { StoreHome } from './home.ts';

/** One row of a side table. */
export interface SideRow {
  readonly table: string;
  readonly key: string;
  readonly value: Uint8Array;
}

const SEPARATOR = '\u0000';
/** lmdb takes keys of 1978 bytes. Subjects are far shorter; what a foreign producer wrote under a longer key is left out. */
const KEY_BYTES_MAX = 1_900;
/** Rows that one transaction takes in at most: it blocks the event loop. */
const ROWS_PER_TRANSACTION_MAX = 5_000;

/**
 * Tables that a replay folds beside those of production, in one directory. Rows and the place in the log that they stand
 * for move in one transaction, so a replay that was killed goes on where it was.
 */
export class SideTables {
  private readonly home: StoreHome;
  private readonly rows: Database<Buffer, Uint8Array>;
  private readonly about: Database<Buffer, Uint8Array>;

  private constructor(home: StoreHome) {
    this.home = home;
    this.rows = home.database('rows');
    this.about = home.database('about');
  }

  /** No other process may have it open. */
  static async open(directory: string): Promise<SideTables> {
    return new SideTables(await StoreHome.open(directory));
  }

  get(table: string, key: string): Buffer | undefined {
    const place = rowKey(table, key);
    if (place.length > KEY_BYTES_MAX) return undefined;
    const value = this.home.read(() => this.rows.get(place));
    return value === undefined ? undefined : Buffer.from(value);
  }

  /** A fact about the replay; undefined where it was not noted. */
  noted(name: string): string | undefined {
    const value = this.home.read(() => this.about.get(Buffer.from(name)));
    return value === undefined ? undefined : Buffer.from(value).toString('utf8');
  }

  /** Rows and facts together, in one transaction where they are few enough; the facts last. */
  async put(rows: readonly SideRow[], facts: Readonly<Record<string, string>> = {}): Promise<void> {
    let start = 0;
    do {
      const part = rows.slice(start, start + ROWS_PER_TRANSACTION_MAX);
      start += part.length;
      this.home.transact(() => {
        for (const { table, key, value } of part) {
          const place = rowKey(table, key);
          if (place.length <= KEY_BYTES_MAX) void this.rows.put(place, value as Buffer);
        }
        if (start < rows.length) return;
        for (const [name, text] of Object.entries(facts)) void this.about.put(Buffer.from(name), Buffer.from(text));
      });
      await new Promise<void>((resolve) => setImmediate(resolve));
    } while (start < rows.length);
  }

  /** The rows of a table, in order of the bytes of their keys. Must be read before the table changes. */
  *rowsOf(table: string): Generator<{ readonly key: string; readonly value: Buffer }> {
    const prefix = table + SEPARATOR;
    const range = { start: Buffer.from(prefix), end: Buffer.from(`${table}\u0001`) };
    for (const { key, value } of this.home.read(() => this.rows.getRange(range))) {
      yield { key: Buffer.from(key).toString('utf8').slice(prefix.length), value: Buffer.from(value) };
    }
  }

  /** Rows of a table behind a key, in order of the bytes of their keys. */
  page(table: string, after: string, limit: number): readonly { readonly key: string; readonly value: Buffer }[] {
    const prefix = table + SEPARATOR;
    const start = Buffer.concat([Buffer.from(prefix + after), Buffer.alloc(1)]);
    const range = { start, end: Buffer.from(`${table}\u0001`), limit };
    return this.home.read(() =>
      [...this.rows.getRange(range)].map(({ key, value }) => ({
        key: Buffer.from(key).toString('utf8').slice(prefix.length),
        value: Buffer.from(value),
      })),
    );
  }

  /** Forgets everything. */
  clear(): void {
    this.home.transact(() => {
      this.rows.clearSync();
      this.about.clearSync();
    });
  }

  /** Forgets one table. */
  clearTable(table: string): void {
    this.home.transact(() => {
      const keys = [
        ...this.rows.getKeys({ start: Buffer.from(table + SEPARATOR), end: Buffer.from(`${table}\u0001`) }),
      ];
      for (const key of keys) void this.rows.remove(key);
    });
  }

  close(): Promise<void> {
    return this.home.close();
  }
}

const rowKey = (table: string, key: string): Buffer => Buffer.from(table + SEPARATOR + key);
