import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { stdin } from 'node:process';
import type { Readable } from 'node:stream';
import { TextDecoder } from 'node:util';
import { createGunzip } from 'node:zlib';
import { PostlaneError } from '../domain/error.ts';

export interface TextSourceOptions {
  /** A file (`-`: standard input), or what comes from elsewhere. */
  readonly path: string | AsyncIterable<Uint8Array>;
  /** As WHATWG names them (`windows-1252`, `utf-16le`, …). Null: what a byte order mark says, else UTF-8. */
  readonly encoding: string | null;
}

const PIECE_BYTES = 64 * 1_024;
/** So much of the beginning is looked at, if there is so much. */
export const HEAD_BYTES = 64 * 1_024;
const GZIP_MAGIC = Buffer.from([0x1f, 0x8b]);
const CR = 0x0d;
const LF = 0x0a;
const MARKS: readonly { readonly mark: Buffer; readonly encoding: string }[] = [
  { mark: Buffer.from([0xef, 0xbb, 0xbf]), encoding: 'utf-8' },
  { mark: Buffer.from([0xff, 0xfe]), encoding: 'utf-16le' },
  { mark: Buffer.from([0xfe, 0xff]), encoding: 'utf-16be' },
];

/**
 * The text of a file, read once, as UTF-8 without a byte order mark, with LF or CR LF at the ends of lines. Gzip is unpacked; an
 * encoding that is not UTF-8 is converted; the lone CR of old Macintosh files becomes LF.
 */
export class TextSource {
  /** The beginning of the text: all of it, or at least 64 KB. */
  readonly head: Buffer;
  /** Bytes of the file; null where nobody knows. */
  readonly size: number | null;
  private readonly raw: (Readable & { readonly bytesRead?: number }) | null;
  private readonly rest: AsyncIterator<Buffer>;

  private constructor(raw: Readable | null, size: number | null, head: Buffer, rest: AsyncIterator<Buffer>) {
    this.raw = raw;
    this.size = size;
    this.head = head;
    this.rest = rest;
  }

  /** Throws CONFIG_INVALID for a file that cannot be read, and for an encoding that nobody knows. */
  static async open({ path, encoding }: TextSourceOptions): Promise<TextSource> {
    const isFile = typeof path === 'string';
    const size = isFile && path !== '-' ? await sizeOf(path) : null;
    const raw = !isFile ? null : path === '-' ? stdin : createReadStream(path, { highWaterMark: PIECE_BYTES });
    const name = isFile ? path : null;
    const packed = await peeked(gathered(raw ?? (path as AsyncIterable<Uint8Array>)), name, GZIP_MAGIC.length);
    // A stranger's bytes are not unpacked: a few of them may hold any number.
    const isPacked = isFile && packed.head.subarray(0, GZIP_MAGIC.length).equals(GZIP_MAGIC);
    const bytes = await peeked(isPacked ? gunzipped(packed) : joined(packed, 0), name, HEAD_BYTES);
    const found = MARKS.find(({ mark }) => bytes.head.subarray(0, mark.length).equals(mark));
    const label = found?.encoding ?? encoding ?? 'utf-8';
    const whole = joined(bytes, found?.mark.length ?? 0);
    const text = await peeked(label === 'utf-8' ? whole : converted(whole, decoderOf(label)), name, HEAD_BYTES);
    const isOldMac = text.head.includes(CR) && !text.head.includes(LF);
    const rest = isOldMac ? withLineFeeds(text.rest) : text.rest;
    return new TextSource(raw, size, isOldMac ? lineFeeds(text.head) : text.head, rest[Symbol.asyncIterator]());
  }

  /** Bytes of the file that were read. */
  get readBytes(): number {
    return this.raw?.bytesRead ?? 0;
  }

  /** The text, from a place on; it can be read once. */
  async *from(start: number): AsyncGenerator<Buffer> {
    let skipped = Math.min(start, this.head.length);
    if (skipped < this.head.length) yield this.head.subarray(skipped);
    for (let next = await this.rest.next(); !next.done; next = await this.rest.next()) {
      const skip = Math.min(start - skipped, next.value.length);
      skipped += skip;
      if (skip < next.value.length) yield next.value.subarray(skip);
    }
  }

  /** Ends a reading that is under way. */
  close(): void {
    this.raw?.destroy();
  }
}

/** Tells a file from any other, and from what it was before somebody changed it: SHA-256 of its bytes, in hex. */
export async function fingerprintOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: PIECE_BYTES })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** Small pieces, as a stranger may send them, together: each is looked at with what is unfinished before it. */
async function* gathered(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of source) {
    parts.push(part);
    length += part.length;
    if (length < PIECE_BYTES) continue;
    yield parts.length === 1 ? part : Buffer.concat(parts);
    parts = [];
    length = 0;
  }
  if (length > 0) yield Buffer.concat(parts);
}

interface Peeked {
  readonly head: Buffer;
  readonly rest: AsyncIterable<Buffer>;
}

/** Reads ahead so far as to know the beginning. */
async function peeked(source: AsyncIterable<Uint8Array>, file: string | null, bytesMin: number): Promise<Peeked> {
  const iterator = source[Symbol.asyncIterator]();
  const parts: Buffer[] = [];
  let length = 0;
  try {
    while (length < bytesMin) {
      const next = await iterator.next();
      if (next.done) break;
      parts.push(Buffer.from(next.value));
      length += next.value.length;
    }
  } catch (cause) {
    if (file === null) throw cause;
    throw new PostlaneError('CONFIG_INVALID', { what: 'a file cannot be read', file }, { cause });
  }
  return { head: Buffer.concat(parts), rest: { [Symbol.asyncIterator]: () => iterator as AsyncIterator<Buffer> } };
}

async function* joined({ head, rest }: Peeked, from: number): AsyncGenerator<Buffer> {
  if (head.length > from) yield head.subarray(from);
  yield* rest;
}

async function* gunzipped(from: Peeked): AsyncGenerator<Buffer> {
  const gunzip = createGunzip({ chunkSize: PIECE_BYTES });
  const feeding = (async () => {
    for await (const chunk of joined(from, 0)) {
      if (!gunzip.write(chunk)) await new Promise<void>((resolve) => gunzip.once('drain', resolve));
    }
    gunzip.end();
  })().catch((error: Error) => void gunzip.destroy(error));
  yield* gunzip;
  await feeding;
}

function decoderOf(label: string): TextDecoder {
  try {
    return new TextDecoder(label);
  } catch (cause) {
    throw new PostlaneError('CONFIG_INVALID', { what: 'nobody knows this encoding', encoding: label }, { cause });
  }
}

async function* converted(source: AsyncIterable<Buffer>, decoder: TextDecoder): AsyncGenerator<Buffer> {
  for await (const chunk of source) {
    const text = decoder.decode(chunk, { stream: true });
    if (text !== '') yield Buffer.from(text);
  }
  const text = decoder.decode();
  if (text !== '') yield Buffer.from(text);
}

const lineFeeds = (bytes: Buffer): Buffer => Buffer.from(bytes.map((byte) => (byte === CR ? LF : byte)));

async function* withLineFeeds(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const chunk of source) yield lineFeeds(chunk);
}

async function sizeOf(path: string): Promise<number> {
  try {
    const found = await stat(path);
    if (found.isDirectory()) throw new PostlaneError('CONFIG_INVALID', { what: 'a file is expected', file: path });
    return found.size;
  } catch (cause) {
    if (cause instanceof PostlaneError) throw cause;
    throw new PostlaneError('CONFIG_INVALID', { what: 'a file cannot be read', file: path }, { cause });
  }
}
