import type { WebhookEndpoint } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import type { ViewStore } from '../../src/kafka/view-follower.ts';
import type { Codec } from '../../src/runtime/codec.ts';
import type { StoredRecord, Telemetry } from '../../src/runtime/ports.ts';

/** Told of an endpoint that was changed, or deleted (null). */
export type EndpointChanged = (partition: number, endpointId: string, endpoint: WebhookEndpoint | null) => void;

/** Every endpoint by its partition, followed record by record. Endpoints are few: they are kept in memory. */
export class EndpointTable implements ViewStore {
  private readonly rows = new Map<number, Map<string, WebhookEndpoint>>();
  private readonly offsets = new Map<number, number>();
  private readonly codec: Codec;
  private readonly telemetry: Pick<Telemetry, 'count'>;
  private readonly changed: EndpointChanged;

  constructor(codec: Codec, telemetry: Pick<Telemetry, 'count'>, changed: EndpointChanged) {
    this.codec = codec;
    this.telemetry = telemetry;
    this.changed = changed;
  }

  of(partition: number): ReadonlyMap<string, WebhookEndpoint> {
    return this.rows.get(partition) ?? new Map();
  }

  checkpoint(partition: number): number {
    return this.offsets.get(partition) ?? 0;
  }

  async apply(partition: number, records: readonly StoredRecord[], nextOffset: number): Promise<void> {
    const topic = topics.webhookEndpoints;
    await this.codec.prepare(
      topic,
      records.filter(({ value }) => value !== null),
    );
    const rows = this.rows.get(partition) ?? new Map<string, WebhookEndpoint>();
    this.rows.set(partition, rows);
    for (const { key, value } of records) {
      if (key === null) continue;
      const endpointId = key.toString('utf8');
      if (value === null) {
        rows.delete(endpointId);
        this.changed(partition, endpointId, null);
        continue;
      }
      const decoded = this.codec.decode(topic, value);
      if (decoded.ok) {
        rows.set(endpointId, decoded.value);
        this.changed(partition, endpointId, decoded.value);
      } else this.telemetry.count('postlane_view_rows_skipped_total', { topic: topic.name, reason: decoded.reason });
    }
    this.offsets.set(partition, nextOffset);
  }

  reset(partition: number): void {
    this.rows.delete(partition);
    this.offsets.delete(partition);
  }
}
