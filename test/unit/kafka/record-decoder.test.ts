import fc from 'fast-check';
import { kafkajsModule, loadKafkajs } from '../../../src/kafka/guards.ts';
import { unguardedModule } from '../../support/kafkajs-unguarded.ts';

type Load = (path: string) => unknown;
type Decoded = Readonly<Record<string, unknown>>;

beforeAll(async () => {
  await loadKafkajs();
});

const ATTRIBUTES_AT = 21;
const [GZIP, APPEND_TIME, TRANSACTIONAL, CONTROL] = [1, 8, 16, 32];

interface Made {
  readonly firstOffset: number;
  readonly firstTimestamp: number;
  readonly maxTimestamp: number;
  readonly producerId: { readonly value: bigint };
  readonly records: readonly { readonly offsetDelta: number }[];
  readonly compression: number;
  readonly flags: number;
}

/** A batch as kafkajs itself encodes it, with the flags that only brokers set. */
async function encoded({ records, flags, ...fields }: Made): Promise<Buffer> {
  const encodeRecord = unguardedModule('protocol/recordBatch/record/v0/index') as (record: object) => object;
  const { RecordBatch } = unguardedModule('protocol/recordBatch/v0/index') as {
    RecordBatch(fields: object): Promise<{ readonly buffer: Buffer }>;
  };
  const lastOffsetDelta = records.at(-1)?.offsetDelta ?? 0;
  const batch = { ...fields, lastOffsetDelta, records: records.map((record) => encodeRecord(record)) };
  const bytes = Buffer.from((await RecordBatch(batch)).buffer);
  bytes.writeInt16BE(bytes.readInt16BE(ATTRIBUTES_AT) | flags, ATTRIBUTES_AT);
  return bytes;
}

async function decode(load: Load, set: Buffer): Promise<readonly Decoded[]> {
  const Decoder = load('protocol/decoder') as new (bytes: Buffer) => unknown;
  const decodeMessages = load('protocol/requests/fetch/v4/decodeMessages') as (
    decoder: unknown,
  ) => Promise<readonly Decoded[]>;
  const size = Buffer.alloc(4);
  size.writeInt32BE(set.length);
  const messages = await decodeMessages(new Decoder(Buffer.concat([size, set])));
  return messages.map(({ magicByte, attributes, timestamp, offset, key, value, headers, isControlRecord, ...rest }) => {
    const { batchContext } = rest;
    return { magicByte, attributes, timestamp, offset, key, value, headers, isControlRecord, batchContext };
  });
}

/** kafkajs takes what every object inherits for a header that came before. */
const headerName = fc.string({ minLength: 1, maxLength: 10 }).filter((name) => !(name in {}));
const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
const record = fc.record({
  key: fc.option(bytes),
  value: fc.option(bytes),
  headers: fc.dictionary(headerName, fc.oneof(bytes, fc.array(bytes, { maxLength: 3 })), {
    maxKeys: 3,
    noNullPrototype: true,
  }),
  timestampDelta: fc.oneof(fc.constant(0), fc.integer({ min: -(2 ** 40), max: 2 ** 40 })),
  offsetGap: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 2 ** 25 })),
});
const time = fc.integer({ min: -1, max: 2 ** 43 });
const batch: fc.Arbitrary<Made> = fc.record({
  firstOffset: fc.integer({ min: 0, max: 2 ** 51 }),
  firstTimestamp: time,
  maxTimestamp: time,
  partitionLeaderEpoch: fc.integer({ min: -1, max: 2 ** 31 - 1 }),
  producerId: fc.bigInt({ min: -1n, max: 2n ** 62n }).map((value) => ({ value })),
  producerEpoch: fc.integer({ min: -1, max: 32_767 }),
  firstSequence: fc.integer({ min: -1, max: 2 ** 31 - 1 }),
  compression: fc.constantFrom(0, 0, GZIP),
  flags: fc.constantFrom(0, TRANSACTIONAL, TRANSACTIONAL | CONTROL, APPEND_TIME),
  records: fc.array(record, { minLength: 1, maxLength: 8 }).map((records) => {
    let offsetDelta = -1;
    return records.map(({ offsetGap, ...fields }) => {
      offsetDelta += offsetGap;
      return { ...fields, offsetDelta };
    });
  }),
});

describe('decoding batches', () => {
  it('gives what kafkajs gives, field by field', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(batch, { maxLength: 3 }), async (batches) => {
        const set = Buffer.concat(await Promise.all(batches.map(encoded)));
        const decoded = await decode(kafkajsModule, set);
        expect(decoded).toEqual(await decode(unguardedModule, set));
        expect(decoded).toHaveLength(batches.reduce((sum, { records }) => sum + records.length, 0));
      }),
      { numRuns: 200 },
    );
  }, 60_000);

  it('leaves off where an answer was cut off, as kafkajs does', async () => {
    await fc.assert(
      fc.asyncProperty(batch, batch, fc.nat(), async (first, second, cut) => {
        const [whole, rest] = [await encoded(first), await encoded(second)];
        const set = Buffer.concat([whole, rest.subarray(0, cut % rest.length)]);
        expect(await decode(kafkajsModule, set)).toEqual(await decode(unguardedModule, whole));
      }),
    );
  }, 60_000);

  const plain: Made = {
    firstOffset: 7,
    firstTimestamp: 1_000,
    maxTimestamp: 2_000,
    producerId: { value: -1n },
    compression: 0,
    flags: 0,
    records: [0, 1].map((offsetDelta) => ({ offsetDelta, key: Buffer.from('key'), value: Buffer.from('value') })),
  };

  /** Places in the second record of `plain`, counted from the end: its lengths, deltas and number of headers. */
  const SECOND_BYTES = 1 + 3 + 1 + 3 + 1 + 5 + 1;
  it.each([
    ['a record that is longer than it says', SECOND_BYTES, 2],
    ['a record that is shorter than it says', SECOND_BYTES, SECOND_BYTES * 2 + 20],
    ['a record of nothing', SECOND_BYTES, 0],
    ['a record of a negative length', SECOND_BYTES, 5],
    ['a key that goes beyond its record', 11, 40],
    ['a key of a negative length', 11, 3],
    ['a value that goes beyond its record', 7, 40],
    ['a value that ends early', 7, 2],
    ['headers that are not there', 1, 4],
    ['a number that does not end', 1, 0x80],
  ])('makes of %s what kafkajs makes of it', async (_, fromEnd, byte) => {
    const set = await encoded(plain);
    set[set.length - fromEnd] = byte;
    const made = (load: Load) => decode(load, set).catch((error: Error) => error.name);
    expect(await made(kafkajsModule)).toEqual(await made(unguardedModule));
  });

  it('gives views, and no copies', async () => {
    const set = await encoded(plain);
    const [{ key, value }] = (await decode(kafkajsModule, set)) as never as [Record<'key' | 'value', Buffer>];
    expect(key.buffer).toBe(value.buffer);
  });
});
