import type { SchemaName } from '../contracts/generated.ts';
import { schemas } from '../contracts/generated.ts';
import type { Topic } from '../contracts/topic.ts';
import { PostlaneError } from '../domain/error.ts';
import type { Reader } from '../registry/format.ts';
import { compileReader, encodeValue, schemaOf, undecodable } from '../registry/format.ts';
import { JOB_BYTES_MAX_DEFAULT, valueBytesMax } from '../registry/limits.ts';
import { schemaIdOf } from '../registry/wire.ts';
import type { Codec, Decoded } from '../runtime/codec.ts';

/** Ids of our own schemas in every memory codec: 1 for the first name in alphabetical order, and so on. */
export const MEMORY_SCHEMA_IDS: ReadonlyMap<string, number> = new Map(
  Object.keys(schemas)
    .sort()
    .map((name, n) => [name, n + 1]),
);

type Writer =
  | { readonly topic: string | null; readonly name: SchemaName; readonly reader: Reader }
  | { readonly topic: string; readonly refusal: string };

const ownReaders = new Map<SchemaName, Reader>();

/** Compiled once for all codecs, when it is first needed: a property makes a codec for each of its runs. */
function ownReader(name: SchemaName): Reader {
  const known = ownReaders.get(name);
  if (known !== undefined) return known;
  const reader = compileReader(name, schemas[name]);
  ownReaders.set(name, reader);
  return reader;
}

/**
 * The codec without a registry, for tests: the same bytes as the real one, under fixed schema ids that every topic of a
 * schema shares. Nothing needs to be prepared.
 */
export class MemoryCodec implements Codec {
  private readonly writers = new Map<number, Writer>();
  private readonly jobBytesMax: number;
  /** Set it to let `prepare` fail, as it does while the registry is away. */
  unavailable = false;

  constructor(options: { readonly jobBytesMax?: number } = {}) {
    this.jobBytesMax = options.jobBytesMax ?? JOB_BYTES_MAX_DEFAULT;
    for (const [name, id] of MEMORY_SCHEMA_IDS) {
      const own = name as SchemaName;
      this.writers.set(id, {
        topic: null,
        name: own,
        get reader() {
          return ownReader(own);
        },
      });
    }
  }

  /** Registers another writer's schema for one topic, as a foreign producer would. Answers its id. */
  register(topic: Topic<unknown>, writerSchema: string): number {
    const id = this.writers.size + 1;
    try {
      const name = schemaOf(topic);
      this.writers.set(id, { topic: topic.name, name, reader: compileReader(name, writerSchema) });
    } catch (error) {
      this.writers.set(id, { topic: topic.name, refusal: error instanceof Error ? error.message : String(error) });
    }
    return id;
  }

  async prepare(): Promise<void> {
    if (this.unavailable) throw new PostlaneError('REGISTRY_UNAVAILABLE', { what: 'memory codec' });
  }

  decode<V>(topic: Topic<V>, value: Buffer | null): Decoded<V> {
    if (value === null) return undecodable('null-value', 'the record is a tombstone');
    const bytesMax = valueBytesMax(topic, this.jobBytesMax);
    if (value.length > bytesMax) return undecodable('too-large', `${value.length} bytes; ${bytesMax} are allowed`);
    const id = schemaIdOf(value);
    if (id === null) return undecodable('bad-magic', 'the value does not begin with a schema id');
    const writer = this.writers.get(id);
    if (writer === undefined) return undecodable('unknown-schema', `schema ${id} is not registered`);
    const own = writer.topic === null && 'name' in writer && writer.name === topic.schema;
    if (!own && writer.topic !== topic.name)
      return undecodable('wrong-subject', `schema ${id} is not of ${topic.name}`);
    return 'reader' in writer ? writer.reader.read<V>(value) : undecodable('unreadable-schema', writer.refusal);
  }

  laidOutAsOurs(topic: Topic<unknown>, schemaId: number): boolean {
    const writer = this.writers.get(schemaId);
    return writer !== undefined && 'reader' in writer && writer.name === topic.schema && writer.reader.asOurs;
  }

  encode<V>(topic: Topic<V>, value: NoInfer<V>): Buffer {
    const id = MEMORY_SCHEMA_IDS.get(topic.schema) as number;
    return encodeValue(topic, id, value, valueBytesMax(topic, this.jobBytesMax));
  }
}
