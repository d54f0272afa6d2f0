import type { Template } from '../contracts/generated.ts';
import { topics } from '../contracts/topic.ts';
import type { ViewStore } from '../kafka/view-follower.ts';
import type { Codec } from '../runtime/codec.ts';
import type { StoredRecord, Telemetry } from '../runtime/ports.ts';

interface Row {
  readonly offset: number;
  readonly template: Template;
}

/** Every row of one template of one tenant. */
interface Line {
  /** Rows that claim a version, by their keys. */
  readonly rows: Map<string, Row>;
  /** The newest version, and the row of each that was appended first: worked out anew after a change. */
  versions: ReadonlyMap<number, Template> | null;
}

const lineKey = (tenant: string, templateId: string): string => `${tenant}\u0000${templateId}`;

/**
 * The rows of `email.templates` in memory. A version belongs to the row that was appended first, which every reader of the
 * one partition agrees on, whatever was put at the same time elsewhere; the others are as if they were not there.
 */
export class TemplateTable implements ViewStore {
  private readonly lines = new Map<string, Line>();
  private readonly lineOfKey = new Map<string, string>();
  private nextOffset = 0;
  private readonly codec: Codec;
  private readonly telemetry: Pick<Telemetry, 'count'>;

  constructor(codec: Codec, telemetry: Pick<Telemetry, 'count'>) {
    this.codec = codec;
    this.telemetry = telemetry;
  }

  /** The row of a version; of the newest one where it is null. */
  get(tenant: string, templateId: string, version: number | null): Template | undefined {
    const versions = this.versionsOf(tenant, templateId);
    return versions.get(version ?? Math.max(0, ...versions.keys()));
  }

  /** Every version of a template, oldest first; deletions too. */
  versions(tenant: string, templateId: string): readonly Template[] {
    return [...this.versionsOf(tenant, templateId).values()];
  }

  /** The newest version of every template of a tenant, by id; deletions too. */
  newest(tenant: string): readonly Template[] {
    const found: Template[] = [];
    for (const { rows } of this.lines.values()) {
      const [any] = rows.values();
      if (any?.template.tenant !== tenant) continue;
      const newest = this.get(tenant, any.template.templateId, null);
      if (newest) found.push(newest);
    }
    return found.sort((a, b) => (a.templateId < b.templateId ? -1 : 1));
  }

  checkpoint(): number {
    return this.nextOffset;
  }

  async apply(_partition: number, records: readonly StoredRecord[], nextOffset: number): Promise<void> {
    await this.codec.prepare(topics.templates, records);
    for (const { key, value, offset } of records) {
      if (key === null) continue;
      const name = key.toString('utf8');
      if (value === null) this.remove(name);
      else this.put(name, offset, value);
    }
    this.nextOffset = nextOffset;
  }

  reset(): void {
    this.lines.clear();
    this.lineOfKey.clear();
    this.nextOffset = 0;
  }

  private put(key: string, offset: number, value: Buffer): void {
    const decoded = this.codec.decode(topics.templates, value);
    if (!decoded.ok) {
      const labels = { topic: topics.templates.name, reason: decoded.reason };
      this.telemetry.count('postlane_view_rows_skipped_total', labels);
      return;
    }
    const template = decoded.value;
    const at = lineKey(template.tenant, template.templateId);
    const line = this.lines.get(at) ?? { rows: new Map(), versions: null };
    this.lines.set(at, line);
    this.lineOfKey.set(key, at);
    line.rows.set(key, { offset, template });
    line.versions = null;
  }

  private remove(key: string): void {
    const at = this.lineOfKey.get(key);
    const line = at === undefined ? undefined : this.lines.get(at);
    if (at === undefined || line === undefined) return;
    this.lineOfKey.delete(key);
    line.rows.delete(key);
    line.versions = null;
    if (line.rows.size === 0) this.lines.delete(at);
  }

  private versionsOf(tenant: string, templateId: string): ReadonlyMap<number, Template> {
    const line = this.lines.get(lineKey(tenant, templateId));
    if (!line) return new Map();
    if (line.versions === null) {
      const versions = new Map<number, Template>();
      const rows = [...line.rows.values()].sort((a, b) => a.offset - b.offset);
      for (const { template } of rows) if (!versions.has(template.version)) versions.set(template.version, template);
      line.versions = new Map([...versions].sort(([a], [b]) => a - b));
    }
    return line.versions;
  }
}
