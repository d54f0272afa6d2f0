import { createHash } from 'node:crypto';

/** lmdb takes keys of 1978 bytes; a longer one is kept under its hash. */
export const KEY_BYTES_MAX = 1_024;
/** First byte of a key that is kept as it is, and of one that is kept under its hash. */
export const KEY_MARK = 'k'.charCodeAt(0);
export const HASH_MARK = 'h'.charCodeAt(0);
/** First byte of the key of what is noted beside the rows: a schema that they need, an offset, a string. */
const SCHEMA = 's';
const OFFSET = 'o';
const STRING = 'w';

/** Empty keys and very long ones are none for lmdb; a mark tells a key from a hash. */
export function storedKey(key: Buffer): Buffer {
  const kept = key.length <= KEY_BYTES_MAX;
  const rest = kept ? key : hashOf(key);
  const place = Buffer.allocUnsafe(1 + rest.length);
  place[0] = kept ? KEY_MARK : HASH_MARK;
  place.set(rest, 1);
  return place;
}

export const hashOf = (key: Buffer): Buffer => createHash('sha256').update(key).digest();

export const offsetKey = (partition: number): Buffer => Buffer.from(`${OFFSET}${partition}`);

export const schemaKey = (schemaId: number): Buffer => Buffer.from(`${SCHEMA}${schemaId}`);

/** Every schema's key, in a range that ends before its end. */
export const SCHEMA_KEYS = { start: Buffer.from(SCHEMA), end: Buffer.from([SCHEMA.charCodeAt(0) + 1]) };

export const schemaIdIn = (key: Uint8Array): number => Number(Buffer.from(key).toString().slice(SCHEMA.length));

/** In the order of the numbers of strings. */
export function stringKey(number: number): Buffer {
  const key = Buffer.alloc(1 + 4, STRING);
  key.writeUInt32BE(number, 1);
  return key;
}

export const STRING_KEYS = { start: stringKey(0), end: stringKey(0xffffffff) };
