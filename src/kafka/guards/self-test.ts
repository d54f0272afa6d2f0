import type * as Kafkajs from 'kafkajs';
import { assert } from '../../domain/error.ts';
import { type Load, markOf } from './guard.ts';
import { GUARDS } from './list.ts';

interface BatchClass {
  new (topic: string, fetchedOffset: string, partitionData: object): { readonly messages: readonly unknown[] };
}

type DecodeMessages = (decoder: unknown) => Promise<readonly { readonly offset: string }[]>;

interface DecoderClass {
  new (buffer: Buffer): unknown;
}

/** A record batch of one record with two headers of one name, whose last offset lies two further. */
function sampleBatch(): Buffer {
  const recordBytes = Buffer.from([0, 0, 0, 2, 0x6b, 2, 0x76, 4, 2, 0x68, 2, 0x31, 2, 0x68, 2, 0x32]);
  const head = Buffer.alloc(61);
  head.writeBigInt64BE(7n, 0);
  head.writeInt32BE(head.length - 12 + recordBytes.length + 1, 8);
  head.writeInt8(2, 16);
  head.writeInt32BE(2, 23);
  head.writeBigInt64BE(-1n, 43);
  head.writeInt32BE(1, 57);
  // The length of a record is a zig-zag number.
  const body = Buffer.concat([head, Buffer.from([recordBytes.length * 2]), recordBytes]);
  const size = Buffer.alloc(4);
  size.writeInt32BE(body.length);
  return Buffer.concat([size, body]);
}

/** Two aborted transactions, named in the wrong order, that overlap where the fetch begins. */
function visibleOfAborted(load: Load): number {
  const Batch = load('consumer/batch') as BatchClass;
  const message = (offset: string, producerId: string) => ({
    offset,
    key: null,
    isControlRecord: false,
    batchContext: { producerId, inTransaction: true, isControlBatch: false },
  });
  const abortedTransactions = [
    { producerId: '2', firstOffset: '4' },
    { producerId: '1', firstOffset: '3' },
  ];
  const messages = [message('5', '1'), message('6', '2')];
  return new Batch('self-test', '5', { partition: 0, highWatermark: '7', abortedTransactions, messages }).messages
    .length;
}

/** What kafkajs itself decodes of a batch that it was made to encode. */
async function encodedAndDecoded(load: Load): Promise<unknown> {
  const request = load('protocol/requests/produce/v3/request') as (fields: object) => {
    encode(): Promise<{ readonly buffer: Buffer }>;
  };
  const messages = [{ key: 'k', value: Buffer.from('v'), headers: { h: '1' } }];
  const topicData = [{ topic: 't', partitions: [{ partition: 0, firstSequence: 0, messages }] }];
  const { buffer } = await request({ acks: -1, timeout: 1, topicData }).encode();
  // Before the batch: no transactional id, acks, time-out, one topic of one letter, one partition and its number.
  const Decoder = load('protocol/decoder') as DecoderClass;
  const decodeMessages = load('protocol/requests/fetch/v4/decodeMessages') as DecodeMessages;
  const [decoded] = await decodeMessages(new Decoder(buffer.subarray(2 + 2 + 4 + 4 + 3 + 4 + 4)));
  return decoded;
}

interface Requests {
  readonly requests: Readonly<Record<'OffsetFetch' | 'TxnOffsetCommit', unknown>>;
  lookup(
    versions: Readonly<Record<number, { readonly maxVersion: number }>>,
  ): (apiKey: number, definition: unknown) => (fields: object) => { readonly request: { readonly apiVersion: number } };
}

const OFFSET_FETCH = 9;
const TXN_OFFSET_COMMIT = 28;

/** The versions of the two requests that kafkajs sends to a broker of today. */
function versionsAsked(load: Load): string {
  const { requests, lookup } = load('protocol/requests') as Requests;
  const ask = lookup({ [OFFSET_FETCH]: { maxVersion: 10 }, [TXN_OFFSET_COMMIT]: { maxVersion: 5 } });
  const fields = { groupId: 'g', transactionalId: 't', producerId: 1, producerEpoch: 0, topics: [] };
  const asked = [ask(OFFSET_FETCH, requests.OffsetFetch), ask(TXN_OFFSET_COMMIT, requests.TxnOffsetCommit)];
  return asked.map((exchange) => exchange(fields).request.apiVersion).join();
}

/** Runs the modules of kafkajs that need the guarded ones, and asserts that it was the guards that answered. */
export async function selfTest(load: Load, kafkajs: typeof Kafkajs): Promise<void> {
  const marks = GUARDS.map(({ name, path }) => {
    const mark = markOf(load(path));
    assert(mark?.name === name, 'a guard of kafkajs is not in place', { name });
    return { mark, hitsBefore: mark.hits };
  });
  assert(visibleOfAborted(load) === 0, 'the guard of aborted records does not work');
  const decodeMessages = load('protocol/requests/fetch/v4/decodeMessages') as DecodeMessages;
  const Decoder = load('protocol/decoder') as DecoderClass;
  const offsets = (await decodeMessages(new Decoder(sampleBatch()))).map((message) => message.offset);
  assert(offsets.join() === '7,9', 'the guard of record batches does not work', { offsets });
  const { key, value } = (await encodedAndDecoded(load)) as { readonly key: Buffer; readonly value: Buffer };
  assert(`${key}${value}` === 'kv', 'the guards of encoding do not work');
  assert(versionsAsked(load) === '7,3', 'the guards of committed offsets do not work');
  // Making a producer, which connects to nothing yet, makes its transaction manager.
  new kafkajs.Kafka({ brokers: ['127.0.0.1:1'], logLevel: kafkajs.logLevel.NOTHING }).producer({
    createPartitioner: () => () => 0,
  });
  for (const { mark, hitsBefore } of marks) {
    assert(mark.kind === 'class' || mark.hits > hitsBefore, 'kafkajs does not use a guard', { name: mark.name });
  }
}
