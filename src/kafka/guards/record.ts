import { type Guard, guarded } from './guard.ts';

interface WireDecoder {
  readInt8(): number;
  readVarInt(): number;
  readVarLong(): { toString(): string };
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
  const timestampDelta = decoder.readVarLong();
  const appendTime = context.timestampType === LOG_APPEND_TIME;
  const timestamp = appendTime
    ? context.maxTimestamp
    : String(Number(context.firstTimestamp) + Number(timestampDelta.toString()));
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
