import fc from 'fast-check';
import { crc32c } from '../../../src/kafka/guards/crc32c.ts';
import { kafkajsModule, loadKafkajs } from '../../../src/kafka/guards.ts';
import { anyCharacter } from '../../support/any-text.ts';
import { unguardedModule } from '../../support/kafkajs-unguarded.ts';

type Load = (path: string) => unknown;

interface Fields {
  readonly records: readonly object[];
  readonly [name: string]: unknown;
}

beforeAll(async () => {
  await loadKafkajs();
});

/** A batch as the modules of one kafkajs encode it. */
async function encoded(load: Load, { records, ...batch }: Fields): Promise<Buffer> {
  const encodeRecord = load('protocol/recordBatch/record/v0/index') as (record: object) => object;
  const { RecordBatch } = load('protocol/recordBatch/v0/index') as {
    RecordBatch(fields: object): Promise<{ readonly buffer: Buffer; size(): number }>;
  };
  const made = await RecordBatch({ ...batch, records: records.map((record) => encodeRecord(record)) });
  expect(made.size()).toBe(made.buffer.length);
  return made.buffer;
}

const text = fc.string({ unit: anyCharacter, maxLength: 20 });
const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
const header = fc.oneof(text, bytes, fc.array(fc.oneof(text, bytes), { maxLength: 3 }));
const record = fc.record(
  {
    key: fc.option(fc.oneof(text, bytes)),
    value: fc.option(fc.oneof(text, bytes)),
    headers: fc.dictionary(fc.string({ minLength: 1, maxLength: 10 }), header, { maxKeys: 3, noNullPrototype: true }),
    timestampDelta: fc.oneof(fc.constant(0), fc.integer({ min: -(2 ** 40), max: 2 ** 40 })),
    offsetDelta: fc.nat({ max: 100_000 }),
  },
  { requiredKeys: ['key', 'value'] },
);
const time = fc.integer({ min: 0, max: 2 ** 43 });
const batch = fc.record(
  {
    records: fc.array(record, { maxLength: 8 }),
    firstTimestamp: fc.oneof(time, time.map(String)),
    maxTimestamp: time,
    lastOffsetDelta: fc.nat({ max: 1_000 }),
    partitionLeaderEpoch: fc.nat(),
    producerId: fc.bigInt({ min: -1n, max: 2n ** 62n }).map((value) => ({ value })),
    producerEpoch: fc.nat({ max: 32_767 }),
    firstSequence: fc.nat(),
    transactional: fc.boolean(),
  },
  { requiredKeys: ['records', 'firstTimestamp', 'maxTimestamp'] },
);

describe('encoding batches', () => {
  it('makes the bytes that kafkajs makes, whatever is in them', async () => {
    await fc.assert(
      fc.asyncProperty(batch, async (fields) => {
        expect(await encoded(kafkajsModule, fields)).toEqual(await encoded(unguardedModule, fields));
      }),
      { numRuns: 200 },
    );
  }, 60_000);

  it.each([0, 1, 63, 64, 127, 128, 8_191, 8_192, 1_048_575, 1_048_576])('counts right at %d bytes', async (length) => {
    const records = [{ key: 'k', value: Buffer.alloc(length, 7), headers: {} }];
    const fields = { records, firstTimestamp: 1, maxTimestamp: 1 };
    const [ours, theirs] = [await encoded(kafkajsModule, fields), await encoded(unguardedModule, fields)];
    expect(ours.equals(theirs)).toBe(true);
  });

  it('leaves compression to kafkajs', async () => {
    const records = [{ key: 'k', value: Buffer.alloc(1_000, 7), headers: { name: 'value' } }];
    const fields = { records, firstTimestamp: 1, maxTimestamp: 1, compression: 1 };
    const ours = await encoded(kafkajsModule, fields);
    expect(ours.length).toBeLessThan(500);
    expect(ours).toEqual(await encoded(unguardedModule, fields));
  });
});

describe('the checksum', () => {
  it('is the one of RFC 3720', () => {
    expect(crc32c(Buffer.alloc(32)).toString(16)).toBe('8a9136aa');
    expect(crc32c(Buffer.alloc(32, 0xff)).toString(16)).toBe('62a8ab43');
    expect(crc32c(Buffer.from(Array.from({ length: 32 }, (_, n) => n))).toString(16)).toBe('46dd794e');
  });

  it('is the same wherever the bytes begin and end', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat({ max: 20 }), (array, start) => {
        const padded = Buffer.concat([Buffer.alloc(start, 9), array]);
        let crc = -1;
        for (const byte of array) {
          crc ^= byte;
          for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
        }
        expect(crc32c(padded, start)).toBe((crc ^ -1) >>> 0);
      }),
    );
  });
});
