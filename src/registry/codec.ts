import { type SchemaName, schemas } from '../contracts/generated.ts';
import { type Names, namesIn } from '../contracts/region.ts';
import type { Topic } from '../contracts/topic.ts';
import { assert, PostlaneError } from '../domain/error.ts';
import type { Codec, Decoded } from '../runtime/codec.ts';
import type { StoredRecord } from '../runtime/ports.ts';
import { eachOf } from './each-of.ts';
import type { Reader } from './format.ts';
import { compileReader, encodeValue, partOf, schemaOf, undecodable } from './format.ts';
import { valueBytesMax } from './limits.ts';
import { RegistryClient } from './registry-client.ts';
import type { Found, SchemaRefusal, SchemaSource } from './schema-source.ts';
import { subjectOf } from './schema-source.ts';
import { schemaIdOf } from './wire.ts';

/** An id that the registry refused is asked for again after this long. */
const REFUSAL_MS = 30_000;
/** Refusals that are kept at least; beyond, those go that have been stale for as long again. */
const REFUSALS_MAX = 10_000;
/** By the schema's name. */
export type FieldsRead = Readonly<Partial<Record<SchemaName, readonly string[]>>>;

export interface CodecOptions {
  readonly source: SchemaSource;
  /** Topics that will be written to: their schema ids are looked up once, here. A role names those it writes to, or all. */
  readonly encodes: readonly Topic<unknown>[];
  /** A job at most, encoded, in bytes. */
  readonly jobBytesMax: number;
  /** Whose topics are meant: a subject is named after its topic in the cluster. Absent or null: there are no regions. */
  readonly region?: string | null;
  /**
   * Fields that are read of the values of these schemas: all others are missing, whatever their types say. For who reads millions
   * of records and needs little of them; absent: all.
   */
  readonly fields?: FieldsRead;
  /** Milliseconds of any steady clock, for the age of refusals. */
  readonly now?: () => number;
}

/** What is known about a writer's schema id under a subject. */
type Verdict =
  | { readonly ok: true; readonly reader: Reader }
  | { readonly ok: false; readonly reason: SchemaRefusal; readonly detail: string; readonly staleAt: number };

/**
 * Opens the codec over a schema registry's REST API. Never registers anything.
 * Throws REGISTRY_UNAVAILABLE (try again), or INFRA_UNAVAILABLE with the subjects whose schema is not registered.
 */
export const openRegistryCodec = (
  options: { readonly url: string } & Omit<CodecOptions, 'source'>,
): Promise<RegistryCodec> => RegistryCodec.open({ ...options, source: new RegistryClient({ url: options.url }) });

/**
 * The codec over a source of schemas. Ids are immutable, so a reader is compiled once and kept; refusals grow stale.
 * Only ids are accepted that are registered under the topic's own subject: the same bytes may mean another record elsewhere.
 */
export class RegistryCodec implements Codec {
  private readonly verdicts = new Map<string, Map<number, Verdict>>();
  private readonly readers = new Map<string, Reader>();
  private readonly asked = new Map<string, Promise<Verdict>>();
  private readonly options: CodecOptions;
  private readonly ids: ReadonlyMap<string, number>;
  private readonly names: Names;

  private constructor(options: CodecOptions, ids: ReadonlyMap<string, number>) {
    this.options = options;
    this.ids = ids;
    this.names = namesIn(options.region ?? null);
  }

  static async open(options: CodecOptions): Promise<RegistryCodec> {
    for (const [name, fields] of Object.entries(options.fields ?? {})) partOf(name as SchemaName, fields);
    const ids = new Map<string, number>();
    const names = namesIn(options.region ?? null);
    const missing: string[] = [];
    await eachOf(options.encodes, async (topic) => {
      const subject = subjectOf({ name: names.topic(topic.name) });
      const id = await options.source.idOf(subject, schemas[schemaOf(topic)]);
      if (id === null) missing.push(subject);
      else ids.set(topic.name, id);
    });
    if (missing.length > 0) {
      const remedy = 'run `postlane schemas apply`';
      throw new PostlaneError('INFRA_UNAVAILABLE', {
        what: 'schemas are not registered',
        subjects: missing.sort(),
        remedy,
      });
    }
    return new RegistryCodec(options, ids);
  }

  async prepare(topic: Topic<unknown>, records: readonly StoredRecord[]): Promise<void> {
    const known = this.known(topic);
    const now = this.now();
    const wanted = new Set<number>();
    for (const { value } of records) {
      const id = value === null ? null : schemaIdOf(value);
      if (id === null) continue;
      const verdict = known.get(id);
      if (verdict === undefined || (!verdict.ok && verdict.staleAt <= now)) wanted.add(id);
    }
    if (wanted.size === 0) return;
    forget(known, now);
    await eachOf([...wanted], (id) => this.learn(topic, id));
  }

  decode<V>(topic: Topic<V>, value: Buffer | null): Decoded<V> {
    if (value === null) return undecodable('null-value', 'the record is a tombstone');
    const bytesMax = valueBytesMax(topic, this.options.jobBytesMax);
    if (value.length > bytesMax) return undecodable('too-large', `${value.length} bytes; ${bytesMax} are allowed`);
    const id = schemaIdOf(value);
    if (id === null) return undecodable('bad-magic', 'the value does not begin with a schema id');
    const verdict = this.known(topic).get(id);
    assert(verdict !== undefined, 'a record is decoded that was not prepared', { topic: topic.name, id });
    return verdict.ok ? verdict.reader.read<V>(value) : undecodable(verdict.reason, verdict.detail);
  }

  laidOutAsOurs(topic: Topic<unknown>, schemaId: number): boolean {
    const verdict = this.known(topic).get(schemaId);
    return verdict?.ok === true && verdict.reader.asOurs;
  }

  encode<V>(topic: Topic<V>, value: NoInfer<V>): Buffer {
    const id = this.ids.get(topic.name);
    assert(id !== undefined, 'a topic is written to that the codec was not opened for', { topic: topic.name });
    return encodeValue(topic, id, value, valueBytesMax(topic, this.options.jobBytesMax));
  }

  private now(): number {
    return this.options.now?.() ?? performance.now();
  }

  private known(topic: Topic<unknown>): Map<number, Verdict> {
    let known = this.verdicts.get(topic.name);
    if (known === undefined) {
      known = new Map();
      this.verdicts.set(topic.name, known);
    }
    return known;
  }

  /** One question per subject and id at a time, whoever asks. */
  private async learn(topic: Topic<unknown>, id: number): Promise<void> {
    const key = `${topic.name} ${id}`;
    const asked = this.asked.get(key) ?? this.ask(topic, id);
    this.asked.set(key, asked);
    try {
      this.known(topic).set(id, await asked);
    } finally {
      this.asked.delete(key);
    }
  }

  private async ask(topic: Topic<unknown>, id: number): Promise<Verdict> {
    const subject = subjectOf({ name: this.names.topic(topic.name) });
    const found = await this.options.source.find(subject, id);
    const staleAt = this.now() + REFUSAL_MS;
    if (!found.ok) return { ok: false, reason: found.reason, detail: detailOf(found, subject, id), staleAt };
    try {
      return { ok: true, reader: this.readerOf(topic, id, found.schema) };
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return { ok: false, reason: 'unreadable-schema', detail: `schema ${id}: ${why}`, staleAt };
    }
  }

  /** Lanes share their schema, so they share its reader. */
  private readerOf(topic: Topic<unknown>, id: number, schema: string): Reader {
    const key = `${topic.schema} ${id}`;
    const reader =
      this.readers.get(key) ?? compileReader(schemaOf(topic), schema, this.options.fields?.[schemaOf(topic)]);
    this.readers.set(key, reader);
    return reader;
  }
}

function detailOf(found: Found & { ok: false }, subject: string, id: number): string {
  switch (found.reason) {
    case 'unknown-schema':
      return `the registry does not know schema ${id}`;
    case 'wrong-subject':
      return `schema ${id} is not registered under ${subject}`;
    case 'unreadable-schema':
      return `schema ${id} is no Avro schema, or refers to others`;
  }
}

/** Drops refusals that nobody has needed since they grew stale, once there are many: anyone can invent ids. */
function forget(known: Map<number, Verdict>, now: number): void {
  if (known.size <= REFUSALS_MAX) return;
  for (const [id, verdict] of known) if (!verdict.ok && verdict.staleAt + REFUSAL_MS <= now) known.delete(id);
}
