import type { Topic } from '../contracts/topic.ts';
import type { ViewStore } from '../kafka/view-follower.ts';
import type { Codec } from '../runtime/codec.ts';
import type { StoredRecord, Telemetry } from '../runtime/ports.ts';

/**
 * The rows of a compacted topic in memory, for tables that stay small (scores, cancellations). Read again from the log at
 * every start. A row that cannot be decoded is counted and left out: a view must not stop for one bad record.
 */
export class MemoryTable<V> implements ViewStore {
  private readonly rows = new Map<string, { readonly partition: number; readonly value: V }>();
  private readonly offsets = new Map<number, number>();
  private readonly topic: Topic<V>;
  private readonly codec: Codec;
  private readonly telemetry: Pick<Telemetry, 'count'>;

  constructor(topic: Topic<V>, codec: Codec, telemetry: Pick<Telemetry, 'count'>) {
    this.topic = topic;
    this.codec = codec;
    this.telemetry = telemetry;
  }

  get(key: string): V | undefined {
    return this.rows.get(key)?.value;
  }

  *values(): Generator<V> {
    for (const { value } of this.rows.values()) yield value;
  }

  checkpoint(partition: number): number {
    return this.offsets.get(partition) ?? 0;
  }

  async apply(partition: number, records: readonly StoredRecord[], nextOffset: number): Promise<void> {
    await this.codec.prepare(this.topic, records);
    for (const { key, value } of records) {
      if (key === null) continue;
      const name = key.toString('utf8');
      if (value === null) {
        this.rows.delete(name);
        continue;
      }
      const decoded = this.codec.decode(this.topic, value);
      if (decoded.ok) this.rows.set(name, { partition, value: decoded.value });
      else this.telemetry.count('postlane_view_rows_skipped_total', { topic: this.topic.name, reason: decoded.reason });
    }
    this.offsets.set(partition, nextOffset);
  }

  reset(partition: number): void {
    for (const [key, row] of this.rows) if (row.partition === partition) this.rows.delete(key);
    this.offsets.delete(partition);
  }
}
