import { createHash } from 'node:crypto';

/** lmdb takes keys of 1978 bytes; a longer one is kept under its hash. */
export const KEY_BYTES_MAX = 1_024;
/**
 * What most keys begin with (`recipientSubject`), and one byte stands for: a shorter key makes a lower tree, less of which has to be
 * fetched from memory to find a row.
 */
const COMMON = 'recipient:';
const COMMON_BYTES = Buffer.from(COMMON);
/**
 * First byte of a key of those, and of all others, which keep their order so: they come before them or behind them. A key that is
 * too long is kept under its hash.
 */
const COMMON_MARK = 'l'.charCodeAt(0);
const BEFORE_MARK = 'k'.charCodeAt(0);
const BEHIND_MARK = 'm'.charCodeAt(0);
export const HASH_MARK = 'h'.charCodeAt(0);
/** First byte of the key of what is noted beside the rows: a schema that they need, an offset, a string. */
const SCHEMA = 's';
const OFFSET = 'o';
const STRING = 'w';

/** The first byte of what a key is kept as, and how many bytes of the key it stands for; not for one that is too long. */
export const markOf = (key: Buffer): number =>
  beginsAsMost(key) ? COMMON_MARK : key.compare(COMMON_BYTES) < 0 ? BEFORE_MARK : BEHIND_MARK;
export const markedBytes = (mark: number): number => (mark === COMMON_MARK ? COMMON_BYTES.length : 0);

function beginsAsMost(key: Buffer): boolean {
  if (key.length < COMMON_BYTES.length) return false;
  for (let at = 0; at < COMMON_BYTES.length; at++) if (key[at] !== COMMON_BYTES[at]) return false;
  return true;
}

/** Empty keys and very long ones are none for lmdb; a mark tells a key from a hash. */
export function storedKey(key: Buffer): Buffer {
  const long = key.length > KEY_BYTES_MAX;
  const mark = long ? HASH_MARK : markOf(key);
  const rest = long ? hashOf(key) : key.subarray(markedBytes(mark));
  const place = Buffer.allocUnsafe(1 + rest.length);
  place[0] = mark;
  place.set(rest, 1);
  return place;
}

export const hashOf = (key: Buffer): Buffer => createHash('sha256').update(key).digest();

/** The key of what `storedKey` made of it; null where that was too long to be kept. */
export function keyIn(stored: Uint8Array): string | null {
  if (stored[0] === HASH_MARK) return null;
  const rest = Buffer.from(stored).toString('utf8', 1);
  return stored[0] === COMMON_MARK ? COMMON + rest : rest;
}

/**
 * Writes what a key is kept as to where lmdb looks it up, without a buffer of its own: a text that is to be looked up, at most a third of
 * `KEY_BYTES_MAX` long, or bytes as `storedKey` made them. Answers where it ends.
 */
export function writeKey(key: string | Uint8Array, target: Buffer, start: number): number {
  if (typeof key === 'string') return writeText(key, target, start);
  target.set(key, start);
  return start + key.length;
}

function writeText(key: string, target: Buffer, start: number): number {
  let from = 0;
  if (key.startsWith(COMMON)) {
    from = COMMON.length;
    target[start] = COMMON_MARK;
  } else {
    target[start] = key < COMMON ? BEFORE_MARK : BEHIND_MARK;
  }
  let at = start + 1;
  for (let n = from; n < key.length; n++) {
    const unit = key.charCodeAt(n);
    if (unit >= 0x80) return start + 1 + target.write(key.slice(from), start + 1);
    target[at++] = unit;
  }
  return at;
}

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
