import fc from 'fast-check';
import { markOf } from '../../../src/kafka/guards/guard.ts';
import { GUARDS } from '../../../src/kafka/guards/list.ts';
import { MalformedError, RecordCursor } from '../../../src/kafka/guards/record-cursor.ts';
import { kafkajsModule, loadKafkajs } from '../../../src/kafka/guards.ts';
import { unguardedModule } from '../../support/kafkajs-unguarded.ts';

beforeAll(async () => {
  await loadKafkajs();
});

type Load = (path: string) => unknown;
it('puts every guard in place, under Jest as in production', () => {
  for (const guard of GUARDS) {
    expect(markOf(kafkajsModule(guard.path))?.name).toBe(guard.name);
    expect(markOf(unguardedModule(guard.path))).toBeUndefined();
  }
});

interface Message {
  readonly offset: string;
  readonly key: Buffer | null;
  readonly isControlRecord: boolean;
  readonly batchContext: {
    readonly producerId: string;
    readonly inTransaction: boolean;
    readonly isControlBatch: boolean;
  };
}

const message = (offset: number, producer: number, marker = false, inTransaction = true): Message => ({
  offset: String(offset),
  // What kafkajs takes for an abort marker; a user's key may look like it.
  key: Buffer.from([0, 0, 0, 0]),
  isControlRecord: marker,
  batchContext: { producerId: String(producer), inTransaction, isControlBatch: marker },
});

describe('the filter of aborted records', () => {
  const visible = (load: Load, from: number, messages: readonly Message[], abortedTransactions: readonly object[]) => {
    const Batch = load('consumer/batch') as new (
      topic: string,
      from: string,
      data: object,
    ) => { messages: readonly Message[] };
    return new Batch('t', String(from), {
      partition: 0,
      highWatermark: '99',
      messages,
      abortedTransactions,
    }).messages.map(({ offset }) => Number(offset));
  };

  /** A log of what producers do in turn: write, or end their transaction, one way or the other. */
  const logArbitrary = fc.array(
    fc.record({
      producer: fc.integer({ min: 1, max: 4 }),
      act: fc.constantFrom('write', 'write', 'commit', 'abort', 'plain'),
    }),
    { maxLength: 40 },
  );

  const played = (acts: readonly { producer: number; act: string }[]) => {
    const messages: Message[] = [];
    const pending = new Map<number, number[]>();
    const committed = new Set<number>();
    const aborted: { producerId: string; firstOffset: string; lastOffset: number }[] = [];
    for (const { producer, act } of acts) {
      const offset = messages.length;
      const written = pending.get(producer);
      if (act === 'plain' && !written) {
        messages.push(message(offset, producer, false, false));
        committed.add(offset);
      } else if (act === 'write' || act === 'plain') {
        messages.push(message(offset, producer));
        pending.set(producer, [...(written ?? []), offset]);
      } else if (written) {
        messages.push(message(offset, producer, true));
        pending.delete(producer);
        if (act === 'commit') for (const each of written) committed.add(each);
        else aborted.push({ producerId: String(producer), firstOffset: String(written[0]), lastOffset: offset });
      }
    }
    // The broker shows nothing from the first open transaction on.
    const stable = Math.min(messages.length, ...[...pending.values()].map(([first]) => first as number));
    return {
      messages: messages.slice(0, stable),
      committed,
      aborted: aborted.filter(({ firstOffset }) => Number(firstOffset) < stable),
    };
  };

  const check = (load: Load, parameters: { readonly seed?: number; readonly numRuns: number } = { numRuns: 300 }) =>
    fc.assert(
      fc.property(logArbitrary, fc.nat({ max: 40 }), fc.boolean(), (acts, from, turned) => {
        const { messages, committed, aborted } = played(acts);
        const named = aborted.filter(({ lastOffset }) => lastOffset >= from);
        const expected = messages
          .map(({ offset, isControlRecord }) => ({ offset: Number(offset), isControlRecord }))
          .filter(({ offset, isControlRecord }) => offset >= from && !isControlRecord && committed.has(offset));
        const shown = visible(load, from, messages, turned ? named.reverse() : named);
        expect(shown).toEqual(expected.map(({ offset }) => offset));
      }),
      parameters,
    );

  it('shows exactly what was committed, from wherever a fetch begins', () => {
    check(kafkajsModule);
  });

  it('is needed: as published it shows aborted records', () => {
    // A log that shows it is rare: where chance looked for one, in three hundred, there was none once.
    expect(() => check(unguardedModule, { seed: 1, numRuns: 10_000 })).toThrow(/Property failed/);
    const aborted = [
      { producerId: '1', firstOffset: '0' },
      { producerId: '2', firstOffset: '1' },
    ];
    expect(visible(unguardedModule, 2, [message(2, 2), message(3, 1)], aborted)).not.toEqual([]);
    expect(visible(kafkajsModule, 2, [message(2, 2), message(3, 1)], aborted)).toEqual([]);
  });

  it('does not take the end of a compacted data batch for the end of its transaction', () => {
    const filler: Message = { ...message(1, 1), isControlRecord: true };
    const aborted = [{ producerId: '1', firstOffset: '0' }];
    expect(visible(kafkajsModule, 0, [message(0, 1), filler, message(2, 1), message(3, 1, true)], aborted)).toEqual([]);
  });
});

/** A record batch as it lies in the log; `records` are encoded already. */
function encodedBatch(firstOffset: bigint, lastOffsetDelta: number, records: readonly Buffer[]): Buffer {
  const body = Buffer.concat(records);
  const head = Buffer.alloc(61);
  head.writeBigInt64BE(firstOffset, 0);
  head.writeInt32BE(head.length - 12 + body.length, 8);
  head.writeInt8(2, 16);
  head.writeInt32BE(lastOffsetDelta, 23);
  head.writeBigInt64BE(77n, 43);
  head.writeInt32BE(records.length, 57);
  return Buffer.concat([head, body]);
}

const varint = (value: number): Buffer => {
  const bytes: number[] = [];
  let rest = (value << 1) ^ (value >> 31);
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return Buffer.from([...bytes, rest]);
};
const sized = (bytes: Buffer | null): Buffer => (bytes ? Buffer.concat([varint(bytes.length), bytes]) : varint(-1));

function encodedRecord(
  offsetDelta: number,
  key: Buffer | null,
  headers: readonly (readonly [string, Buffer | null])[],
): Buffer {
  return sized(
    Buffer.concat([
      Buffer.from([0]),
      varint(0),
      varint(offsetDelta),
      sized(key),
      sized(null),
      varint(headers.length),
      ...headers.flatMap(([name, value]) => [sized(Buffer.from(name)), sized(value)]),
    ]),
  );
}

interface Decoded {
  readonly offset: string;
  readonly isControlRecord: boolean;
  readonly headers: Record<string, unknown>;
}

async function decode(load: Load, ...batches: Buffer[]): Promise<Decoded[]> {
  const Decoder = load('protocol/decoder') as new (bytes: Buffer) => unknown;
  const decodeMessages = load('protocol/requests/fetch/v4/decodeMessages') as (decoder: unknown) => Promise<Decoded[]>;
  const set = Buffer.concat(batches);
  const size = Buffer.alloc(4);
  size.writeInt32BE(set.length);
  return decodeMessages(new Decoder(Buffer.concat([size, set])));
}

describe('a record batch that was compacted', () => {
  it.each([
    ['all of its records are gone', encodedBatch(5n, 3, []), ['8']],
    ['its last record is gone', encodedBatch(5n, 3, [encodedRecord(1, Buffer.from('k'), [])]), ['6', '8']],
    ['nothing is gone', encodedBatch(5n, 1, [encodedRecord(1, Buffer.from('k'), [])]), ['6']],
  ])('ends at its last offset where %s', async (_, batch, offsets) => {
    const decoded = await decode(kafkajsModule, batch);
    expect(decoded.map(({ offset }) => offset)).toEqual(offsets);
    // What was made up is shown to nobody.
    expect(decoded.filter(({ isControlRecord }) => !isControlRecord)).toHaveLength(offsets.includes('6') ? 1 : 0);
  });

  it('needs that: as published the position stays in front of it', async () => {
    expect(await decode(unguardedModule, encodedBatch(5n, 3, []))).toEqual([]);
  });
});

describe('the headers of a record', () => {
  const headersArbitrary = fc.array(
    fc.tuple(
      fc.constantFrom('a', 'b', 'pl-accepted', ''),
      fc.option(fc.uint8Array({ maxLength: 5 }).map((bytes) => Buffer.from(bytes))),
    ),
    { maxLength: 12 },
  );

  it('are read as kafkajs reads them', async () => {
    await fc.assert(
      fc.asyncProperty(headersArbitrary, async (headers) => {
        const batch = encodedBatch(0n, 0, [encodedRecord(0, null, headers)]);
        const [[ours], [theirs]] = [await decode(kafkajsModule, batch), await decode(unguardedModule, batch)];
        expect(ours?.headers).toEqual(theirs?.headers);
      }),
    );
  });

  it('are read in linear time: as published this takes many minutes', async () => {
    const headers = Array.from({ length: 100_000 }, (_, n) => [`h${n}`, Buffer.from('v')] as const);
    const [decoded] = await decode(kafkajsModule, encodedBatch(0n, 0, [encodedRecord(0, null, headers)]));
    expect(Object.keys(decoded?.headers ?? {})).toHaveLength(headers.length);
  });

  it('cannot set a prototype', async () => {
    const [decoded] = await decode(
      kafkajsModule,
      encodedBatch(0n, 0, [encodedRecord(0, null, [['__proto__', Buffer.from('x')]])]),
    );
    expect(Object.getPrototypeOf(decoded?.headers)).toBe(Object.prototype);
    expect(Object.keys(decoded?.headers ?? {})).toEqual([]);
  });
});

describe('the varlong of a record', () => {
  interface Written {
    writeVarLong(value: number | bigint): void;
    readonly buffer: Buffer;
  }
  const written = (value: bigint): Buffer => {
    const Encoder = kafkajsModule('protocol/encoder') as new () => Written;
    const encoder = new Encoder();
    encoder.writeVarLong(value);
    return encoder.buffer;
  };

  // Beyond, twice the number is more than a double holds exactly; and half of -1 is no zero below zero.
  const halves = fc.maxSafeInteger().map((value) => Math.trunc(value / 2) || 0);

  it('is read as kafkajs reads it, and no further', () => {
    fc.assert(
      fc.property(halves, (value) => {
        const bytes = written(BigInt(value));
        const cursor = new RecordCursor(Buffer.concat([bytes, Buffer.from([0x7f])]), 0, bytes.length + 1);
        expect([cursor.varint(), cursor.at]).toEqual([value, bytes.length]);
      }),
    );
  });

  it('comes to an end', () => {
    for (const bytes of [Buffer.alloc(100, 0xff), Buffer.from([0x80]), Buffer.alloc(0)]) {
      expect(() => new RecordCursor(bytes, 0, bytes.length).varint()).toThrow(MalformedError);
    }
  });
});
