import { join } from 'node:path';
import { PostlaneError } from '../../domain/error.ts';
import { partitionOf } from '../../domain/partitioner.ts';
import { type SideRow, SideTables } from '../../store/side-tables.ts';

/** One row of a replay, and the partition of the log that it follows from. */
export interface ReplayRow {
  readonly key: string;
  readonly value: Buffer;
  readonly partition: number;
}

/** Where a partition is folded: whoever folds it has this to himself. */
export const partitionDirectory = (directory: string, partition: number): string =>
  join(directory, `partition-${partition}`);

/**
 * What a replay keeps on disk: `common` for what all of it needs, such as production's rows, and one store for each
 * partition of the log. While partitions are folded, their stores belong to the threads that fold them; before and after
 * that they are open here, between `openPartitions` and `closePartitions`.
 */
export class ReplayTables {
  readonly common: SideTables;
  readonly directory: string;
  /** How many partitions the log has. */
  readonly count: number;
  private partitions: readonly SideTables[] = [];

  private constructor(directory: string, count: number, common: SideTables) {
    this.directory = directory;
    this.count = count;
    this.common = common;
  }

  /** No other process may have it open. */
  static async open(directory: string, count: number): Promise<ReplayTables> {
    return new ReplayTables(directory, count, await SideTables.open(directory));
  }

  /** Idempotent. */
  async openPartitions(): Promise<void> {
    const opened = [...this.partitions];
    for (let n = opened.length; n < this.count; n++) {
      opened.push(await SideTables.open(partitionDirectory(this.directory, n)));
      this.partitions = [...opened];
    }
  }

  /** Idempotent. */
  async closePartitions(): Promise<void> {
    const open = this.partitions;
    this.partitions = [];
    for (const tables of open) await tables.close();
  }

  /** The store of one partition. */
  partition(n: number): SideTables {
    const tables = this.partitions[n];
    if (tables === undefined) throw new PostlaneError('BUG', { what: 'a partition is read that is not open', n });
    return tables;
  }

  /** The rows of a table, partition by partition. Must be read before the table changes. */
  *rowsOf(table: string): Generator<ReplayRow> {
    for (let partition = 0; partition < this.count; partition++) {
      for (const { key, value } of this.partition(partition).rowsOf(table)) yield { key, value, partition };
    }
  }

  get(table: string, key: string): Buffer | undefined {
    return this.placed(table, key)?.value;
  }

  /** Takes rows in, each where its key lies already, else in the partition that the key belongs to. */
  async put(rows: readonly SideRow[]): Promise<void> {
    const parts = Array.from({ length: this.count }, (): SideRow[] => []);
    for (const row of rows) {
      const place = this.placed(row.table, row.key)?.partition ?? partitionOf(row.key, this.count);
      parts[place]?.push(row);
    }
    for (const [n, part] of parts.entries()) if (part.length > 0) await this.partition(n).put(part);
  }

  /** Forgets everything. */
  async clear(): Promise<void> {
    this.common.clear();
    await this.openPartitions();
    for (const tables of this.partitions) tables.clear();
  }

  async close(): Promise<void> {
    await this.closePartitions();
    await this.common.close();
  }

  /** A record need not lie where its key belongs: its producer may have had a partitioner of its own. */
  private placed(table: string, key: string): ReplayRow | undefined {
    const home = partitionOf(key, this.count);
    for (let n = 0; n < this.count; n++) {
      const partition = (home + n) % this.count;
      const value = this.partition(partition).get(table, key);
      if (value !== undefined) return { key, value, partition };
    }
    return undefined;
  }
}
