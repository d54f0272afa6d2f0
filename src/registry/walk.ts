import type { Type, types } from 'avsc';

/** Steps that one value may take: a field, a list item, a branch. A value of 5 MB that is made of honest fields takes far fewer. */
export const STEPS_MAX = 500_000;
/** Types inside each other, at most, in a writer's schema. */
const DEPTH_MAX = 32;
/** Types in a writer's schema, at most. */
const TYPES_MAX = 2_000;

/** Names that mean something to JavaScript objects: a decoder that writes them changes more than a field. */
const FORBIDDEN_NAMES = new Set(['__proto__', 'constructor', 'prototype']);

export type WalkFault = 'malformed' | 'too-large';

/** Walks over encoded bytes without decoding them: null where they are exactly one value of the type. */
export type Walk = (bytes: Buffer, from: number) => WalkFault | null;

/** Moves the cursor over one value; false where the bytes do not fit, or the steps are used up. */
type Skip = (cursor: Cursor) => boolean;

/**
 * avsc trusts what it decodes: it believes counts and lengths that reach beyond the bytes, or back before them, and
 * five bytes can keep it busy for minutes. So every value is walked first. The walk takes a bounded number of steps, only
 * ever moves forward, and what it has passed makes avsc take the same steps.
 *
 * Throws for a type that cannot be walked within bounds: recursive, too deep, too large, or with names that mean something
 * to JavaScript.
 */
export function compileWalk(type: Type): Walk {
  const skip = compile(type, 1, new Map());
  const cursor = new Cursor();
  return (bytes, from) => {
    cursor.reset(bytes, from);
    const passed = skip(cursor);
    const fault = cursor.steps < 0 ? 'too-large' : 'malformed';
    const atEnd = cursor.position === bytes.length;
    cursor.reset(NOTHING, 0);
    return passed && atEnd ? null : fault;
  };
}

/** Seven bits to a byte. */
const LONG_BYTES_MAX = 10;

const NOTHING = Buffer.alloc(0);

class Cursor {
  bytes: Buffer = NOTHING;
  position = 0;
  steps = STEPS_MAX;

  reset(bytes: Buffer, position: number): void {
    this.bytes = bytes;
    this.position = position;
    this.steps = STEPS_MAX;
  }

  /** The next zigzag number; NaN where there is none, or it is too large for a count, a length or an index. */
  long(): number {
    let value = 0;
    let factor = 1;
    for (let length = 0; length < LONG_BYTES_MAX; length++) {
      const byte = this.bytes[this.position++];
      if (byte === undefined) return Number.NaN;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) {
        // Zigzag: twice the number, and its sign in the lowest bit, which a double loses above the safe integers.
        if (value > Number.MAX_SAFE_INTEGER) return Number.NaN;
        return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      }
      factor *= 128;
    }
    return Number.NaN;
  }

  /** Passes over a number of up to 64 bits, whatever its size. */
  skipLong(): boolean {
    for (let length = 0; length < LONG_BYTES_MAX; length++) {
      const byte = this.bytes[this.position++];
      if (byte === undefined) return false;
      if (byte < 0x80) return true;
    }
    return false;
  }

  skip(count: number): boolean {
    if (!(count >= 0 && count <= this.bytes.length - this.position)) return false;
    this.position += count;
    return true;
  }
}

function compile(type: Type, depth: number, done: Map<Type, Skip>): Skip {
  if (depth > DEPTH_MAX) throw new Error(`recursive, or more than ${DEPTH_MAX} types inside each other`);
  const known = done.get(type);
  if (known !== undefined) return known;
  if (done.size >= TYPES_MAX) throw new Error(`more than ${TYPES_MAX} types`);
  const skip = compileNew(type, (held) => compile(held, depth + 1, done));
  done.set(type, skip);
  return skip;
}

function compileNew(type: Type, inner: (held: Type) => Skip): Skip {
  switch (type.typeName) {
    case 'null':
      return () => true;
    case 'boolean':
      return (cursor) => cursor.skip(1);
    case 'int':
      return skipInt;
    case 'long':
      return (cursor) => cursor.skipLong();
    case 'float':
      return (cursor) => cursor.skip(4);
    case 'double':
      return (cursor) => cursor.skip(8);
    case 'bytes':
    case 'string':
      return (cursor) => cursor.skip(cursor.long());
    case 'fixed':
      return skipFixed((type as types.FixedType).size);
    case 'enum':
      return skipIndex((type as types.EnumType).symbols.length);
    case 'union:unwrapped':
    case 'union:wrapped':
      return skipUnion((type as types.UnwrappedUnionType).types.map(inner));
    case 'array':
      return skipBlocks(inner((type as types.ArrayType).itemsType));
    case 'map':
      return skipBlocks(skipEntry(inner((type as types.MapType).valuesType)));
    case 'record':
    case 'error':
      return skipRecord(type as types.RecordType, inner);
    default:
      throw new Error(`a ${type.typeName} cannot be read`);
  }
}

const INT_MAX = 2 ** 31;
function skipInt(cursor: Cursor): boolean {
  const value = cursor.long();
  return value >= -INT_MAX && value < INT_MAX;
}

const skipFixed =
  (size: number): Skip =>
  (cursor) =>
    cursor.skip(size);

const skipIndex =
  (count: number): Skip =>
  (cursor) => {
    const index = cursor.long();
    return index >= 0 && index < count;
  };

const skipUnion =
  (branches: readonly Skip[]): Skip =>
  (cursor) => {
    const branch = branches[cursor.long()];
    return branch?.(cursor) ?? false;
  };

const skipEntry =
  (value: Skip): Skip =>
  (cursor) =>
    cursor.skip(cursor.long()) && value(cursor);

function skipRecord(type: types.RecordType, inner: (held: Type) => Skip): Skip {
  const forbidden = type.fields.find((field) => FORBIDDEN_NAMES.has(field.name));
  if (forbidden !== undefined) throw new Error(`a field is called ${forbidden.name}`);
  const fields = type.fields.map((field) => inner(field.type));
  return (cursor) => {
    cursor.steps -= fields.length;
    if (cursor.steps < 0) return false;
    for (const field of fields) if (!field(cursor)) return false;
    return true;
  };
}

/** Lists and maps: blocks of a count and so many items, ended by a block of none. A negative count is followed by the block's size. */
const skipBlocks =
  (item: Skip): Skip =>
  (cursor) => {
    for (;;) {
      const count = cursor.long();
      if (count === 0) return true;
      if (Number.isNaN(count)) return false;
      // Readers that skip the block go by its size, so a size that is not the items' own would be read in two ways.
      const size = count < 0 ? cursor.long() : null;
      const from = cursor.position;
      cursor.steps -= Math.abs(count);
      if (cursor.steps < 0) return false;
      for (let left = Math.abs(count); left > 0; left--) if (!item(cursor)) return false;
      if (size !== null && cursor.position - from !== size) return false;
    }
  };
