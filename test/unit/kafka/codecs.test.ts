import { createRequire } from 'node:module';
import fc from 'fast-check';
import { DECOMPRESSED_BYTES_MAX, decompressLz4, decompressSnappy } from '../../../src/kafka/codecs.ts';

const require = createRequire(import.meta.url);
const snappy = require('snappyjs') as { compress(bytes: Buffer): Buffer };
const lz4 = require('lz4js') as { compress(bytes: Buffer): Uint8Array };

const bytesArbitrary = fc.oneof(
  fc.uint8Array({ maxLength: 2_000 }),
  fc.nat({ max: 300_000 }).map((size) => new Uint8Array(size).fill(7)),
);

/** As the Java client frames it: a header, then blocks behind their length. */
function xerial(blocks: readonly Buffer[]): Buffer {
  const header = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1]);
  return Buffer.concat([
    header,
    ...blocks.flatMap((block) => {
      const compressed = snappy.compress(block);
      const length = Buffer.alloc(4);
      length.writeInt32BE(compressed.length);
      return [length, compressed];
    }),
  ]);
}

describe('snappy', () => {
  it('is read bare and framed', () => {
    fc.assert(
      fc.property(fc.array(bytesArbitrary, { minLength: 1, maxLength: 3 }), (parts) => {
        const blocks = parts.map((part) => Buffer.from(part));
        const whole = Buffer.concat(blocks);
        expect(decompressSnappy(snappy.compress(whole)).equals(whole)).toBe(true);
        expect(decompressSnappy(xerial(blocks)).equals(whole)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  it('is refused where it says that it expands beyond the bound', () => {
    // The length that a block begins with, as a varint of 2 GB.
    expect(() => decompressSnappy(Buffer.from([0xff, 0xff, 0xff, 0xff, 0x07, 0]))).toThrow();
  });

  it('is refused where a block is cut off', () => {
    const framed = xerial([Buffer.from('whole')]);
    expect(() => decompressSnappy(framed.subarray(0, framed.length - 3))).toThrow();
  });
});

describe('lz4', () => {
  it('is read', () => {
    fc.assert(
      fc.property(bytesArbitrary, (part) => {
        const bytes = Buffer.from(part);
        expect(decompressLz4(Buffer.from(lz4.compress(bytes))).equals(bytes)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  it('is refused where it may expand beyond the bound', () => {
    const blocks = Math.ceil(DECOMPRESSED_BYTES_MAX / 0x400000) + 1;
    const frame = Buffer.concat([
      Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x40, 0x70, 0xdf]),
      ...Array.from({ length: blocks }, () => Buffer.from([1, 0, 0, 0, 0])),
      Buffer.alloc(4),
    ]);
    expect(() => decompressLz4(frame)).toThrow(expect.objectContaining({ code: 'LIMIT_EXCEEDED' }));
  });
});
