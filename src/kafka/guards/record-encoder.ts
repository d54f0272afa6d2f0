import { crc32c } from './crc32c.ts';
import { GUARD_MARK, type Guard, guarded, markOf } from './guard.ts';

type Bytes = Buffer | string | null | undefined;
type HeaderValue = Buffer | string | null | undefined;

interface RecordFields {
  readonly offsetDelta?: number;
  readonly timestampDelta?: number;
  readonly key?: Bytes;
  readonly value?: Bytes;
  readonly headers?: Readonly<Record<string, HeaderValue | readonly HeaderValue[]>>;
}

/** kafkajs's own class: a 64-bit number. */
type Long = { readonly value: bigint };
type Int64 = number | string | bigint | Long;

interface BatchFields {
  readonly compression?: number;
  readonly firstOffset?: Int64;
  readonly firstTimestamp?: Int64;
  readonly maxTimestamp?: Int64;
  readonly partitionLeaderEpoch?: number;
  readonly lastOffsetDelta?: number;
  readonly transactional?: boolean;
  readonly producerId?: Int64;
  readonly producerEpoch?: number;
  readonly firstSequence?: number;
  readonly records?: readonly EncodableRecord[];
}

/** What kafkajs needs of its encoder class where it puts a finished part into a larger one. */
interface EncoderLike {
  readonly buf: Buffer;
  readonly buffer: Buffer;
  size(): number;
}

const MAGIC = 2;
const TRANSACTIONAL = 16;
const COMPRESSION_MASK = 7;
/** Everything of a batch before its records, and of that what the checksum leaves out. */
const HEAD_BYTES = 61;
const CHECKSUM_AT = 17;
const CHECKED_FROM = 21;
/** What the length of a batch does not count: the first offset, and the length itself. */
const LENGTH_FROM = 12;

/** Zig-zag, without the 32 bits that JavaScript's operators are limited to. */
const zigZag = (value: number): number => (value >= 0 ? value * 2 : value * -2 - 1);

function sizeOfVarInt(value: number): number {
  let bytes = 1;
  for (let rest = zigZag(value); rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes++;
  return bytes;
}

function writeVarInt(target: Buffer, value: number, at: number): number {
  let rest = zigZag(value);
  let offset = at;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) target[offset++] = (rest % 0x80) | 0x80;
  target[offset++] = rest;
  return offset;
}

const lengthOf = (bytes: Bytes): number =>
  bytes === null || bytes === undefined ? -1 : typeof bytes === 'string' ? Buffer.byteLength(bytes) : bytes.length;

const sizeOfBytes = (bytes: Bytes): number => {
  const length = lengthOf(bytes);
  return sizeOfVarInt(length) + Math.max(0, length);
};

function writeBytes(target: Buffer, bytes: Bytes, at: number): number {
  const length = lengthOf(bytes);
  const offset = writeVarInt(target, length, at);
  if (bytes === null || bytes === undefined) return offset;
  if (typeof bytes === 'string') target.write(bytes, offset, length, 'utf8');
  else bytes.copy(target, offset);
  return offset + length;
}

interface Header {
  readonly name: string;
  readonly value: HeaderValue;
}

function headersOf(headers: RecordFields['headers']): readonly Header[] {
  const list: Header[] = [];
  for (const name in headers) {
    const given = headers[name];
    if (Array.isArray(given)) for (const value of given) list.push({ name, value });
    else list.push({ name, value: given as HeaderValue });
  }
  return list;
}

/** One record, measured and not yet written: its bytes go straight to their place in the batch. */
class EncodableRecord implements EncoderLike {
  private readonly fields: RecordFields;
  private readonly headers: readonly Header[];
  private readonly bodyBytes: number;

  constructor(fields: RecordFields) {
    this.fields = fields;
    this.headers = headersOf(fields.headers);
    const { timestampDelta = 0, offsetDelta = 0, key, value } = fields;
    let bytes = 1 + sizeOfVarInt(timestampDelta) + sizeOfVarInt(offsetDelta) + sizeOfBytes(key) + sizeOfBytes(value);
    bytes += sizeOfVarInt(this.headers.length);
    for (const header of this.headers) bytes += sizeOfBytes(header.name) + sizeOfBytes(header.value);
    this.bodyBytes = bytes;
  }

  size(): number {
    return sizeOfVarInt(this.bodyBytes) + this.bodyBytes;
  }

  /** Answers where the record ends. */
  write(target: Buffer, at: number): number {
    const { timestampDelta = 0, offsetDelta = 0, key, value } = this.fields;
    let offset = writeVarInt(target, this.bodyBytes, at);
    target[offset++] = 0; // attributes: none are in use
    offset = writeVarInt(target, timestampDelta, offset);
    offset = writeVarInt(target, offsetDelta, offset);
    offset = writeBytes(target, key, offset);
    offset = writeBytes(target, value, offset);
    offset = writeVarInt(target, this.headers.length, offset);
    for (const header of this.headers) {
      offset = writeBytes(target, header.name, offset);
      offset = writeBytes(target, header.value, offset);
    }
    return offset;
  }

  /** For what still puts records together one by one: compression. */
  get buf(): Buffer {
    const bytes = Buffer.allocUnsafe(this.size());
    this.write(bytes, 0);
    return bytes;
  }

  get buffer(): Buffer {
    return this.buf;
  }
}

const toBigInt = (value: Int64): bigint => (typeof value === 'object' ? value.value : BigInt(value));

/** Writes a whole batch into one buffer of its exact size. */
function encodeBatch(fields: BatchFields): EncoderLike {
  const { records = [], transactional = false } = fields;
  let bytes = HEAD_BYTES;
  for (const record of records) bytes += record.size();
  const target = Buffer.allocUnsafe(bytes);
  target.writeBigInt64BE(toBigInt(fields.firstOffset ?? 0), 0);
  target.writeInt32BE(bytes - LENGTH_FROM, 8);
  target.writeInt32BE(fields.partitionLeaderEpoch ?? 0, 12);
  target.writeInt8(MAGIC, 16);
  target.writeInt16BE(transactional ? TRANSACTIONAL : 0, CHECKED_FROM);
  target.writeInt32BE(fields.lastOffsetDelta ?? 0, 23);
  target.writeBigInt64BE(toBigInt(fields.firstTimestamp ?? Date.now()), 27);
  target.writeBigInt64BE(toBigInt(fields.maxTimestamp ?? Date.now()), 35);
  target.writeBigInt64BE(toBigInt(fields.producerId ?? -1), 43);
  target.writeInt16BE(fields.producerEpoch ?? 0, 51);
  target.writeInt32BE(fields.firstSequence ?? 0, 53);
  target.writeInt32BE(records.length, 57);
  let at = HEAD_BYTES;
  for (const record of records) at = record.write(target, at);
  target.writeUInt32BE(crc32c(target, CHECKED_FROM), CHECKSUM_AT);
  return { buf: target, buffer: target, size: () => bytes };
}

/** Measures records instead of giving each a buffer of its own that grows as it is written, zeroed each time. */
export const recordEncoder: Guard = {
  name: 'record-encoder',
  path: 'protocol/recordBatch/record/v0/index',
  wrap: () => guarded('record-encoder', (fields: RecordFields) => new EncodableRecord(fields)),
};

interface BatchModule {
  readonly RecordBatch: (fields: BatchFields) => Promise<EncoderLike>;
}

/**
 * Encodes batches in one pass, with a checksum that takes eight bytes at a time. The bytes are those of kafkajs, which spends
 * most of a producer's time on copying every record through three growing buffers, and on a checksum byte by byte.
 */
export const batchEncoder: Guard = {
  name: 'batch-encoder',
  path: 'protocol/recordBatch/v0/index',
  wrap: (original: BatchModule) => {
    const RecordBatch = guarded('batch-encoder', async (fields: BatchFields) =>
      ((fields.compression ?? 0) & COMPRESSION_MASK) === 0 ? encodeBatch(fields) : original.RecordBatch(fields),
    );
    return Object.assign({ ...original, RecordBatch }, { [GUARD_MARK]: markOf(RecordBatch) });
  },
};
