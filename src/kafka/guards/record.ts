import { type Guard, guarded } from './guard.ts';

interface WireDecoder {
  readonly buffer: Uint8Array;
  offset: number;
  readInt8(): number;
  readVarInt(): number;
  readVarIntBytes(): Buffer | null;
  readVarIntString(): string | null;
}

interface BatchContext {
  readonly firstOffset: string;
  readonly firstTimestamp: string;
  readonly maxTimestamp: string;
  readonly magicByte: number;
  readonly isControlBatch?: boolean;
  readonly timestampType?: number;
}

/** KIP-32: the flag of a batch whose timestamp is the broker's. */
const LOG_APPEND_TIME = 1;

/** A number of 64 bits in sevens (the protocol's varlong) has so many bytes at most. */
const LONG_BYTES_MAX = 10;

/**
 * A zigzag varlong as a number. kafkajs makes half a dozen big integers for each byte of it, and there is one in every
 * record: the milliseconds since the batch's first, which is exact for 140,000 years.
 */
export function readVarLong(decoder: Pick<WireDecoder, 'buffer' | 'offset'>): number {
  let value = 0;
  let factor = 1;
  for (let length = 0; length < LONG_BYTES_MAX; length++) {
    const byte = decoder.buffer[decoder.offset++];
    if (byte === undefined) break;
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    factor *= 0x80;
  }
  throw new RangeError('a varlong does not end');
}

type HeaderValue = Buffer | null | (Buffer | null)[];

/** Headers into one object, in linear time; a repeated name holds a list. */
function readHeaders(decoder: WireDecoder): Record<string, HeaderValue> {
  const headers: Record<string, HeaderValue> = {};
  const count = decoder.readVarInt();
  for (let n = 0; n < count; n++) {
    const name = decoder.readVarIntString() ?? '';
    const value = decoder.readVarIntBytes();
    // An assignment to this name would set the object's prototype.
    if (name === '__proto__') continue;
    const earlier = Object.hasOwn(headers, name) ? headers[name] : undefined;
    if (earlier === undefined) headers[name] = value;
    else if (Array.isArray(earlier)) earlier.push(value);
    else headers[name] = [earlier, value];
  }
  return headers;
}

/**
 * Decodes one record. kafkajs copies all headers read so far for each further header: a record of one megabyte that is
 * nothing but headers would hold the event loop for minutes.
 */
function decodeRecord(decoder: WireDecoder, context: BatchContext) {
  const attributes = decoder.readInt8();
  const timestampDelta = readVarLong(decoder);
  const appendTime = context.timestampType === LOG_APPEND_TIME;
  const timestamp = appendTime ? context.maxTimestamp : String(Number(context.firstTimestamp) + timestampDelta);
  const offset = String(Number(context.firstOffset) + decoder.readVarInt());
  return {
    magicByte: context.magicByte,
    attributes,
    timestamp,
    offset,
    key: decoder.readVarIntBytes(),
    value: decoder.readVarIntBytes(),
    headers: readHeaders(decoder),
    isControlRecord: context.isControlBatch === true,
    batchContext: context,
  };
}

export const record: Guard = {
  name: 'record',
  path: 'protocol/recordBatch/record/v0/decoder',
  wrap: () => guarded('record', decodeRecord),
};
