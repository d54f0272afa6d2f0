import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import { gunzip, zstdDecompress } from 'node:zlib';
import type * as Kafkajs from 'kafkajs';
import { PostlaneError } from '../domain/error.ts';

const require = createRequire(import.meta.url);

/** Most that one compressed batch may expand to: a few hundred bytes can be made to expand to gigabytes. */
export const DECOMPRESSED_BYTES_MAX = 128 * 1024 * 1024;

interface Snappy {
  uncompress(compressed: Buffer, maxLength?: number): Buffer;
}

interface Lz4 {
  decompressBound(frame: Uint8Array): number;
  decompress(frame: Uint8Array, maxSize?: number): Uint8Array;
}

const tooLarge = (): never => {
  throw new PostlaneError('LIMIT_EXCEEDED', { what: 'a decompressed batch', bytesMax: DECOMPRESSED_BYTES_MAX });
};

/** Java's client frames snappy blocks as the xerial library does: this magic, two versions, then blocks with their length. */
const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const XERIAL_HEADER_BYTES = 16;

/** Snappy, framed (Java) or bare (librdkafka). */
export function decompressSnappy(bytes: Buffer): Buffer {
  const snappy = require('snappyjs') as Snappy;
  if (!bytes.subarray(0, XERIAL_MAGIC.length).equals(XERIAL_MAGIC)) {
    return snappy.uncompress(bytes, DECOMPRESSED_BYTES_MAX);
  }
  const blocks: Buffer[] = [];
  let total = 0;
  for (let at = XERIAL_HEADER_BYTES; at < bytes.length; ) {
    const length = bytes.readInt32BE(at);
    const block = snappy.uncompress(bytes.subarray(at + 4, at + 4 + length), DECOMPRESSED_BYTES_MAX);
    total += block.length;
    if (total > DECOMPRESSED_BYTES_MAX) tooLarge();
    blocks.push(block);
    at += 4 + length;
  }
  return Buffer.concat(blocks);
}

/** LZ4 frames, as every client since 0.10 writes them. */
export function decompressLz4(bytes: Buffer): Buffer {
  const lz4 = require('lz4js') as Lz4;
  const bound = lz4.decompressBound(bytes);
  if (bound > DECOMPRESSED_BYTES_MAX) tooLarge();
  return Buffer.from(lz4.decompress(bytes, bound));
}

const decompressGzip = promisify(gunzip) as (bytes: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>;
const decompressZstd = promisify(zstdDecompress) as typeof decompressGzip;

const neverCompresses = async (): Promise<never> => {
  throw new PostlaneError('BUG', { what: 'Postlane leaves compression to the broker' });
};

/** Lets kafkajs read every codec that Kafka knows; without one, a single batch of a foreign producer ends the consumer. */
export function registerCodecs(kafkajs: typeof Kafkajs): void {
  const { CompressionCodecs, CompressionTypes } = kafkajs;
  const codec = (decompress: (bytes: Buffer) => Buffer | Promise<Buffer>) => () => ({
    compress: neverCompresses,
    decompress: async (bytes: Buffer) => decompress(bytes),
  });
  const limit = { maxOutputLength: DECOMPRESSED_BYTES_MAX };
  CompressionCodecs[CompressionTypes.GZIP] = codec((bytes) => decompressGzip(bytes, limit));
  CompressionCodecs[CompressionTypes.Snappy] = codec(decompressSnappy);
  CompressionCodecs[CompressionTypes.LZ4] = codec(decompressLz4);
  CompressionCodecs[CompressionTypes.ZSTD] = codec((bytes) => decompressZstd(bytes, limit));
}
