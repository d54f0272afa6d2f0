import { breathe } from '../breath.ts';
import { type BatchContext, FetchedRecord } from './fetched-record.ts';
import { type Guard, guarded, type Load } from './guard.ts';
import { type Base, MalformedError, RecordCursor } from './record-cursor.ts';

/** What kafkajs reads an answer with. */
interface WireDecoder {
  readonly buffer: Buffer;
  offset: number;
}

interface RecordBatch extends Omit<BatchContext, 'magicByte'> {
  readonly records: readonly object[];
}

type DecodeBatch = (decoder: WireDecoder) => Promise<RecordBatch>;

interface Compression {
  /** Null for what is not compressed. Throws for what there is no codec for. */
  lookupCodecByAttributes(attributes: number): { decompress(bytes: Buffer): Promise<Buffer> } | null;
}

/** A batch as it lies in the log (KIP-98): where its parts begin, counted from its first byte. */
const LENGTH_AT = 8;
const EPOCH_AT = 12;
const ATTRIBUTES_AT = 21;
const LAST_OFFSET_DELTA_AT = 23;
const FIRST_TIMESTAMP_AT = 27;
const MAX_TIMESTAMP_AT = 35;
const PRODUCER_ID_AT = 43;
const PRODUCER_EPOCH_AT = 51;
const FIRST_SEQUENCE_AT = 53;
const COUNT_AT = 57;
const RECORDS_AT = 61;

const MAGIC = 2;
const LOG_APPEND_TIME_FLAG = 0x8;
const TRANSACTIONAL_FLAG = 0x10;
const CONTROL_FLAG = 0x20;
/** KIP-32. */
const LOG_APPEND_TIME = 1;

/** 64 bits as a number, exact up to 2^53: offsets, and milliseconds for 280,000 years. */
const int64 = (bytes: Buffer, at: number): number => bytes.readInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4);

/** What lies in front of the records. */
function contextOf(batch: Buffer): BatchContext {
  const attributes = batch.readInt16BE(ATTRIBUTES_AT);
  return {
    firstOffset: String(int64(batch, 0)),
    firstTimestamp: String(int64(batch, FIRST_TIMESTAMP_AT)),
    partitionLeaderEpoch: batch.readInt32BE(EPOCH_AT),
    inTransaction: (attributes & TRANSACTIONAL_FLAG) !== 0,
    isControlBatch: (attributes & CONTROL_FLAG) !== 0,
    lastOffsetDelta: batch.readInt32BE(LAST_OFFSET_DELTA_AT),
    producerId: String(batch.readBigInt64BE(PRODUCER_ID_AT)),
    producerEpoch: batch.readInt16BE(PRODUCER_EPOCH_AT),
    firstSequence: batch.readInt32BE(FIRST_SEQUENCE_AT),
    maxTimestamp: String(int64(batch, MAX_TIMESTAMP_AT)),
    timestampType: attributes & LOG_APPEND_TIME_FLAG ? LOG_APPEND_TIME : 0,
    magicByte: MAGIC,
  };
}

/**
 * Makes a batch always end at its last offset. The log cleaner keeps the last batch of a producer even when all of its
 * records are gone, and may remove a batch's last record; kafkajs takes its position from the records, so it would fetch
 * such a batch for ever. A made-up control record at the batch's last offset moves the position and is shown to nobody.
 */
function endAtLastOffset(records: FetchedRecord[], { context, offset }: Base): void {
  const lastOffset = offset + context.lastOffsetDelta;
  if (records.at(-1)?.position === lastOffset) return;
  records.push(new FetchedRecord(context, lastOffset, Number(context.maxTimestamp), 0, null, null, null, true));
}

/** One whole batch; its records, decompressed, begin at `at` of `bytes`. */
function decoded(batch: Buffer, bytes: Buffer, at: number): RecordBatch {
  const context = contextOf(batch);
  const { magicByte: _, ...shown } = context;
  const base = {
    context,
    offset: Number(context.firstOffset),
    timestamp: Number(context.firstTimestamp),
    appendTime: context.timestampType === LOG_APPEND_TIME ? Number(context.maxTimestamp) : null,
  };
  const records: FetchedRecord[] = [];
  const cursor = new RecordCursor(bytes, at, bytes.length);
  for (let left = batch.readInt32BE(COUNT_AT); left > 0; left--) records.push(cursor.record(base));
  endAtLastOffset(records, base);
  return { ...shown, records };
}

/** The bytes of the next batch; null where they are cut off, or no head would fit into them. */
function nextBatch({ buffer, offset }: WireDecoder): Buffer | null {
  if (buffer.length - offset < RECORDS_AT) return null;
  const length = LENGTH_AT + 4 + buffer.readInt32BE(offset + LENGTH_AT);
  return length < RECORDS_AT || length > buffer.length - offset ? null : buffer.subarray(offset, offset + length);
}

/**
 * Decodes batches in one pass over their bytes, where kafkajs makes a decoder per record, a big integer per number and texts of
 * all offsets: half of what reading a log costs. Batches that are cut off, or not what the protocol says, are left to kafkajs.
 */
function decodeWith(original: DecodeBatch, compression: Compression): DecodeBatch {
  return async (decoder) => {
    // A fetch may hold thousands of batches, and everything that decodes them is there already.
    await breathe();
    const batch = nextBatch(decoder);
    if (batch === null) return original(decoder);
    const codec = compression.lookupCodecByAttributes(batch.readInt16BE(ATTRIBUTES_AT));
    try {
      const records = codec && batch.readInt32BE(COUNT_AT) > 0 && (await codec.decompress(batch.subarray(RECORDS_AT)));
      const read = records ? decoded(batch, records, 0) : decoded(batch, batch, RECORDS_AT);
      decoder.offset += batch.length;
      return read;
    } catch (error) {
      if (error instanceof MalformedError) return original(decoder);
      throw error;
    }
  };
}

export const recordBatch: Guard = {
  name: 'record-batch',
  path: 'protocol/recordBatch/v0/decoder',
  wrap: (original: DecodeBatch, load: Load) =>
    guarded('record-batch', decodeWith(original, load('protocol/message/compression') as Compression)),
};
