import fc from 'fast-check';
import { namesIn } from '../../../src/contracts/region.ts';
import {
  chunked,
  isBarrier,
  landedIn,
  REQUEST_BYTES_MAX,
  REQUEST_RECORDS_MAX,
  toOutgoing,
  toStored,
  toTopicMessages,
} from '../../../src/kafka/records.ts';
import { BARRIER_KEY, type LogRecord } from '../../../src/runtime/ports.ts';

const names = namesIn(null);

const recordArbitrary = fc.record({
  topic: fc.constantFrom('a', 'b'),
  key: fc.oneof(fc.constant(null), fc.string(), fc.uint8Array({ maxLength: 9 })),
  value: fc.option(fc.integer({ min: 0, max: 700_000 }).map((size) => Buffer.alloc(size))),
  headers: fc.dictionary(fc.string({ maxLength: 5 }), fc.string({ maxLength: 9 }), { maxKeys: 3 }),
  partition: fc.integer({ min: 0, max: 2 }),
});

describe('requests', () => {
  it('hold every record once, in order, within the bounds', () => {
    fc.assert(
      fc.property(fc.array(recordArbitrary, { maxLength: 30 }), (records) => {
        const outgoing = records.map((record: LogRecord) => toOutgoing(record, names));
        const chunks = chunked(outgoing);
        expect(chunks.flat()).toEqual(outgoing);
        for (const chunk of chunks) {
          const bytes = chunk.reduce((sum, each) => sum + each.bytes, 0);
          expect(chunk.length).toBeGreaterThan(0);
          // A record that is too large for any request goes alone.
          if (chunk.length > 1) expect(bytes).toBeLessThanOrEqual(REQUEST_BYTES_MAX);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('hold a bounded number of records', () => {
    const outgoing = Array.from({ length: 1_201 }, () => toOutgoing({ topic: 't', key: 'k', value: null }, names));
    expect(chunked(outgoing).map((chunk) => chunk.length)).toEqual([REQUEST_RECORDS_MAX, REQUEST_RECORDS_MAX, 201]);
  });

  it('know the size of a record', () => {
    const { bytes } = toOutgoing({ topic: 't', key: 'é', value: Buffer.alloc(100), headers: { ab: 'ü' } }, names);
    expect(bytes).toBe(40 + 2 + 100 + (2 + 2 + 4));
  });

  it('keep the order within a topic, and say where each record landed', () => {
    const places = [
      { topic: 'a', partition: 1 },
      { topic: 'b', partition: 0 },
      { topic: 'a', partition: 1 },
      { topic: 'a', partition: 0 },
    ];
    const chunk = places.map(({ topic, partition }) => toOutgoing({ topic, partition, key: null, value: null }, names));
    expect(toTopicMessages(chunk).map(({ topic, messages }) => [topic, messages.length])).toEqual([
      ['a', 3],
      ['b', 1],
    ]);
    const acknowledged = [
      { topicName: 'b', partition: 0, baseOffset: '7' },
      { topicName: 'a', partition: 0, baseOffset: '3' },
      { topicName: 'a', partition: 1, baseOffset: '100' },
    ];
    expect(landedIn(chunk, acknowledged)).toEqual([
      { partition: 1, offset: 100 },
      { partition: 0, offset: 7 },
      { partition: 1, offset: 101 },
      { partition: 0, offset: 3 },
    ]);
  });
});

describe('records that were read', () => {
  const stored = (headers: object, key: Buffer | null = null) =>
    toStored({ offset: '12', key, value: null, timestamp: '1700000000000', headers: headers as never });

  it('carry their headers as text; what is no text is dropped, and of several the last counts', () => {
    const headers = {
      text: Buffer.from('grün'),
      binary: Buffer.from([0xff, 0xfe]),
      none: null,
      several: [Buffer.from('first'), Buffer.from('last')],
      severalBinary: [Buffer.from('first'), Buffer.from([0xc0])],
    };
    expect(stored(headers)).toEqual({
      offset: 12,
      key: null,
      value: null,
      at: 1_700_000_000_000,
      headers: { text: 'grün', several: 'last' },
    });
  });

  it('are barriers by their whole key only', () => {
    expect(isBarrier(stored({}, Buffer.from(BARRIER_KEY)))).toBe(true);
    expect(isBarrier(stored({}, Buffer.from(`${BARRIER_KEY}s`)))).toBe(false);
    expect(isBarrier(stored({}))).toBe(false);
  });
});
