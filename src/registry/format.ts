import type { Resolver, Schema, Type } from 'avsc';
import avsc from 'avsc';
import type { SchemaName } from '../contracts/generated.ts';
import { schemas } from '../contracts/generated.ts';
import type { Topic } from '../contracts/topic.ts';
import { assert, PostlaneError } from '../domain/error.ts';
import type { Decoded, UndecodableReason } from '../runtime/codec.ts';
import { compileWalk, STEPS_MAX } from './walk.ts';
import { HEADER_BYTES, writeHeader } from './wire.ts';

/** Longest schema text of a writer that is looked at, in characters. */
const SCHEMA_LENGTH_MAX = 256 * 1024;
/** Encoding works in one buffer that grows with what it is given, up to here. */
const SCRATCH_BYTES_MIN = 64 * 1024;
const SCRATCH_BYTES_MAX = 1024 * 1024;

/** Reads the values of one writer schema as the value type of one of our schemas. */
export interface Reader {
  /** Never throws, whatever the bytes. `value` starts with the wire format's header. */
  read<V>(value: Buffer): Decoded<V>;
  /** The writer's schema encodes values exactly as ours does. */
  readonly asOurs: boolean;
}

export const undecodable = (reason: UndecodableReason, detail: string): Decoded<never> => ({
  ok: false,
  reason,
  detail,
});

const readerTypes = new Map<SchemaName, Type>();

/** Our own type of a schema: what every writer's values are read as, and what we write. */
function readerType(name: SchemaName): Type {
  const known = readerTypes.get(name);
  if (known !== undefined) return known;
  const type = avsc.Type.forSchema(JSON.parse(schemas[name]), { wrapUnions: false, omitRecordMethods: true });
  readerTypes.set(name, type);
  return type;
}

/** A part of one of our types: a reader's schema may leave out fields of the writer's, which are passed over then. Throws BUG for a field that there is not. */
export function partOf(name: SchemaName, fields: readonly string[]): Type {
  const schema = JSON.parse(schemas[name]) as { readonly fields: readonly { readonly name: string }[] };
  const kept = schema.fields.filter((field) => fields.includes(field.name));
  assert(kept.length === fields.length, 'a schema has the fields that are read of it', { name });
  return avsc.Type.forSchema({ ...schema, fields: kept } as Schema, { wrapUnions: false, omitRecordMethods: true });
}

/** The schema of a topic's values. */
export function schemaOf(topic: Topic<unknown>): SchemaName {
  assert(Object.hasOwn(schemas, topic.schema), 'a topic names a schema that does not exist', { topic: topic.name });
  return topic.schema as SchemaName;
}

/**
 * Prepares to read the values of a writer schema (its JSON text) as values of one of our schemas. The cost is paid once: a
 * resolver is compiled, and every read goes through it. Throws where the text is no schema that can be read as ours, or is
 * one that cannot be read within bounds; the message says why. With `fields` the values have these only.
 */
export function compileReader(name: SchemaName, writerSchema: string, fields?: readonly string[]): Reader {
  if (writerSchema.length > SCHEMA_LENGTH_MAX) throw new Error(`longer than ${SCHEMA_LENGTH_MAX} characters`);
  const type = fields === undefined ? readerType(name) : partOf(name, fields);
  const writer = avsc.Type.forSchema(JSON.parse(writerSchema), { omitRecordMethods: true });
  const walk = compileWalk(writer);
  const resolver = type.equals(writer) ? undefined : type.createResolver(writer);
  return { read: (value) => read(value, type, resolver, walk), asOurs: resolver === undefined };
}

function read<V>(
  value: Buffer,
  type: Type,
  resolver: Resolver | undefined,
  walk: ReturnType<typeof compileWalk>,
): Decoded<V> {
  const fault = walk(value, HEADER_BYTES);
  if (fault === 'too-large') return undecodable(fault, `takes more than ${STEPS_MAX} steps to read`);
  if (fault !== null) return undecodable(fault, 'the bytes do not fit the schema that they name');
  try {
    return { ok: true, value: type.fromBuffer(value.subarray(HEADER_BYTES), resolver) as V };
  } catch (error) {
    // The text of avsc's errors may hold parts of the value; only its kind is told.
    return undecodable('malformed', `cannot be read as our schema: ${error instanceof Error ? error.name : 'unknown'}`);
  }
}

let scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES_MIN);

/**
 * Encodes a value of one of our schemas under a schema id.
 * Throws LIMIT_EXCEEDED above `bytesMax`, and BUG for a value that does not fit its type: facts.paths says where.
 */
export function encodeValue(topic: Topic<unknown>, id: number, value: unknown, bytesMax: number): Buffer {
  const type = readerType(schemaOf(topic));
  const end = write(type, topic, value);
  if (end > bytesMax) {
    throw new PostlaneError('LIMIT_EXCEEDED', { what: 'encoded value', topic: topic.name, bytes: end, bytesMax });
  }
  if (end <= scratch.length) {
    writeHeader(scratch, id);
    return Buffer.from(scratch.subarray(0, end));
  }
  const target = Buffer.allocUnsafeSlow(end);
  type.encode(value, target, HEADER_BYTES);
  writeHeader(target, id);
  if (end <= SCRATCH_BYTES_MAX) scratch = Buffer.allocUnsafeSlow(end * 2);
  return target;
}

/** Writes into the scratch buffer; answers where the value ends, also where the buffer is too small for it. */
function write(type: Type, topic: Topic<unknown>, value: unknown): number {
  try {
    const end = type.encode(value, scratch, HEADER_BYTES);
    return end >= 0 ? end : scratch.length - end;
  } catch {
    const paths: string[] = [];
    type.isValid(value, { errorHook: (path) => void paths.push(path.join('.')) });
    // Without avsc's own error: its text holds the value, which may be an address.
    throw new PostlaneError('BUG', { what: 'a value does not fit its schema', topic: topic.name, paths });
  }
}
