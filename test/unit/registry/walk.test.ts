import type { Schema, Type } from 'avsc';
import avsc from 'avsc';
import fc from 'fast-check';
import { compileWalk } from '../../../src/registry/walk.ts';

const typeOf = (schema: unknown): Type => avsc.Type.forSchema(schema as Schema, { wrapUnions: true });

/** Schemas of every kind of type; names are made unique afterwards. */
const shapes = fc.letrec<{ schema: unknown }>((tie) => ({
  schema: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    fc.constantFrom('null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string'),
    fc.constant({ type: 'fixed', size: 3 }),
    fc.constant({ type: 'enum', symbols: ['a', 'b', 'c'] }),
    tie('schema').map((items) => ({ type: 'array', items })),
    tie('schema').map((values) => ({ type: 'map', values })),
    fc.array(tie('schema'), { maxLength: 3 }).map((types) => ({
      type: 'record',
      fields: types.map((type, n) => ({ name: `f${n}`, type })),
    })),
    fc.constant(['null', 'string', 'int']),
  ),
})).schema;

function named(schema: unknown, counter = { n: 0 }): unknown {
  if (typeof schema !== 'object' || schema === null) return schema;
  if (Array.isArray(schema)) return schema.map((branch) => named(branch, counter));
  const parts = schema as Record<string, unknown>;
  const name = ['record', 'enum', 'fixed'].includes(parts.type as string) ? { name: `N${counter.n++}` } : {};
  const fields = parts.fields as { name: string; type: unknown }[] | undefined;
  return {
    ...parts,
    ...name,
    ...(fields && { fields: fields.map((field) => ({ ...field, type: named(field.type, counter) })) }),
    ...(parts.items !== undefined && { items: named(parts.items, counter) }),
    ...(parts.values !== undefined && { values: named(parts.values, counter) }),
  };
}

describe('compileWalk', () => {
  it('passes what avsc writes, of any type', () => {
    fc.assert(
      fc.property(shapes, (shape) => {
        const type = typeOf(named(shape));
        const walk = compileWalk(type);
        for (let n = 0; n < 5; n++) expect(walk(type.toBuffer(type.random()), 0)).toBeNull();
      }),
    );
  });

  it('refuses every beginning of it, and anything after it', () => {
    fc.assert(
      fc.property(shapes, fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), (shape, share) => {
        const type = typeOf(named(shape));
        const bytes = type.toBuffer(type.random());
        const walk = compileWalk(type);
        if (bytes.length > 0) expect(walk(bytes.subarray(0, Math.floor(bytes.length * share)), 0)).toBe('malformed');
        expect(walk(Buffer.concat([bytes, Buffer.alloc(1)]), 0)).toBe('malformed');
      }),
    );
  });

  it('passes nothing that avsc cannot decode', () => {
    fc.assert(
      fc.property(shapes, fc.uint8Array({ maxLength: 40 }), (shape, array) => {
        const type = typeOf(named(shape));
        const bytes = Buffer.from(array);
        if (compileWalk(type)(bytes, 0) !== null) return;
        try {
          type.fromBuffer(bytes);
        } catch (error) {
          // A number beyond the safe integers is well-formed; whether it can be read is up to its reader.
          expect(String(error)).toMatch(/precision loss/);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('passes numbers of 64 bits, and none that is longer', () => {
    const walk = compileWalk(typeOf('long'));
    expect(walk(Buffer.from([...Array(9).fill(0xff), 0x01]), 0)).toBeNull();
    expect(walk(Buffer.from([...Array(10).fill(0xff), 0x01]), 0)).toBe('malformed');
  });

  it('passes an int of 32 bits only', () => {
    const walk = compileWalk(typeOf('int'));
    const long = typeOf('long');
    for (const value of [-(2 ** 31), 0, 2 ** 31 - 1]) expect(walk(long.toBuffer(value), 0)).toBeNull();
    for (const value of [-(2 ** 31) - 1, 2 ** 31]) expect(walk(long.toBuffer(value), 0)).toBe('malformed');
  });

  it('keeps nothing of the bytes that it walked over', () => {
    const walk = compileWalk(typeOf({ type: 'array', items: 'null' }));
    const bomb = typeOf('long').toBuffer(1e9);
    expect(walk(bomb, 0)).toBe('too-large');
    expect(walk(Buffer.from([0]), 0)).toBeNull();
  });
});
