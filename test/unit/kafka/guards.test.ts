import fc from 'fast-check';
import type { GroupMembership } from '../../../src/kafka/guards/consumer-group.ts';
import { markOf } from '../../../src/kafka/guards/guard.ts';
import { GUARDS } from '../../../src/kafka/guards/list.ts';
import { transactions } from '../../../src/kafka/guards/transactions.ts';
import { kafkajsModule, loadKafkajs } from '../../../src/kafka/guards.ts';
import { unguardedModule } from '../../support/kafkajs-unguarded.ts';

beforeAll(async () => {
  await loadKafkajs();
});

type Load = (path: string) => unknown;
const BOTH: readonly (readonly [string, Load])[] = [
  ['guarded', kafkajsModule],
  ['as published', unguardedModule],
];

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

  const check = (load: Load) =>
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
      { numRuns: 300 },
    );

  it('shows exactly what was committed, from wherever a fetch begins', () => {
    check(kafkajsModule);
  });

  it('is needed: as published it shows aborted records', () => {
    expect(() => check(unguardedModule)).toThrow();
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
        expect(await decode(kafkajsModule, batch)).toEqual(await decode(unguardedModule, batch));
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

describe('the timer of a connection', () => {
  interface Queue {
    throttleCheckTimeoutId: NodeJS.Timeout | null;
    checkPendingRequests(): void;
    destroy(): void;
    readonly pending: { send(): void; expectResponse: boolean }[];
  }
  const queue = (load: Load): Queue => {
    const logger = { debug: () => undefined, warn: () => undefined };
    const RequestQueue = load('network/requestQueue') as new (options: object) => Queue;
    return new RequestQueue({ maxInFlightRequests: 1, requestTimeout: 1_000, enforceRequestTimeout: false, logger });
  };

  it('runs only while requests wait', () => {
    const idle = queue(kafkajsModule);
    idle.checkPendingRequests();
    expect(idle.throttleCheckTimeoutId).toBeNull();
  });

  it('as published runs for ever, every millisecond', () => {
    const idle = queue(unguardedModule);
    idle.checkPendingRequests();
    expect(idle.throttleCheckTimeoutId).not.toBeNull();
    idle.destroy();
  });

  it('sends what waits for a throttled broker when the throttle is over', async () => {
    const throttled = queue(kafkajsModule) as Queue & { throttledUntil: number; maybeThrottle(ms: number): void };
    throttled.maybeThrottle(50);
    const sent = new Promise<void>((resolve) => {
      throttled.pending.push({ send: resolve, expectResponse: true });
    });
    throttled.checkPendingRequests();
    expect(throttled.pending).toHaveLength(1);
    await sent;
    throttled.destroy();
  });
});

describe('an offset out of range', () => {
  it.each(BOTH)('%s', async (which, load) => {
    const commits: unknown[] = [];
    const OffsetManager = load('consumer/offsetManager') as new (
      options: object,
    ) => {
      setDefaultOffset(place: object): Promise<void>;
      nextOffset(topic: string, partition: number): { toString(): string };
    };
    const offsets = { t: { 0: '3' } };
    const manager = new OffsetManager({
      cluster: {
        committedOffsets: () => offsets,
        defaultOffset: () => -2,
        fetchTopicsOffset: async () => [{ topic: 't', partitions: [{ partition: 0, offset: '40' }] }],
      },
      coordinator: { isConnected: () => true, offsetCommit: async (commit: unknown) => void commits.push(commit) },
      memberAssignment: { t: [0] },
      topicConfigurations: { t: { fromBeginning: true } },
      groupId: 'g',
    });
    await manager.setDefaultOffset({ topic: 't', partition: 0 });
    if (which === 'guarded') expect(manager.nextOffset('t', 0).toString()).toBe('40');
    // As published it wipes what the group had committed, with its metadata.
    expect(commits).toHaveLength(which === 'guarded' ? 0 : 1);
  });
});

describe('joining a group', () => {
  it('asks the hooks before and after, once for all who ask at the same time', async () => {
    const calls: string[] = [];
    const ConsumerGroup = kafkajsModule('consumer/consumerGroup') as { prototype: object };
    const hook = (name: string) => async () => void calls.push(name);
    const group = Object.assign(Object.create(ConsumerGroup.prototype), {
      retrier: async () => void calls.push('join'),
      assigners: [{ beforeJoin: hook('before'), afterJoin: hook('after'), beforeLeave: hook('leave') }, {}],
      memberId: null,
    }) as GroupMembership & { joinAndSync(): Promise<void>; leave(): Promise<void> };
    await Promise.all([group.joinAndSync(), group.joinAndSync()]);
    expect(calls).toEqual(['before', 'join', 'after']);
    await group.joinAndSync();
    await group.leave();
    expect(calls).toEqual(['before', 'join', 'after', 'before', 'join', 'after', 'leave']);
  });
});

describe('retries', () => {
  type Retry = (options: object) => (attempt: (bail: (error: Error) => void) => Promise<unknown>) => Promise<unknown>;
  const options = { initialRetryTime: 1, maxRetryTime: 1, retries: 20 };

  it.each(BOTH)('%s', async (which, load) => {
    const away = new AbortController();
    let attempts = 0;
    const retrying = (load('retry') as Retry)({ ...options, signal: away.signal })(async () => {
      if (++attempts === 3) away.abort();
      throw new Error('no connection');
    });
    await expect(retrying).rejects.toThrow();
    // As published a client goes on in the background when nobody wants its answer any more.
    expect(attempts).toBe(which === 'guarded' ? 3 : 21);
  });
});

describe('a transaction', () => {
  const busy = Object.assign(new Error('busy'), { type: 'CONCURRENT_TRANSACTIONS' });

  const manager = (fail: (call: string) => Error | null) => {
    const asked: string[] = [];
    const cluster = {
      refreshMetadataIfNecessary: async () => undefined,
      findGroupCoordinator: async ({ groupId }: { groupId: string }) => {
        asked.push(groupId);
        return { isConnected: () => true };
      },
    };
    const call = (name: string) => async () => {
      const error = fail(name);
      if (error) throw error;
    };
    interface Given {
      readonly cluster: {
        findGroupCoordinator(request: { groupId: string; coordinatorType: number }): Promise<unknown>;
        refreshMetadataIfNecessary(): Promise<void>;
      };
    }
    let given: Given | undefined;
    const original = (parameters: Given) => {
      given = parameters;
      return { addPartitionsToTransaction: call('partitions'), sendOffsets: call('offsets') };
    };
    const wrapped = transactions.wrap(original as never) as (parameters: object) => ReturnType<typeof original>;
    const made = wrapped({ cluster, transactional: true });
    return { made, asked, cluster: (given as Given).cluster };
  };

  it.each(['addPartitionsToTransaction', 'sendOffsets'] as const)('waits in %s for the one before', async (method) => {
    let failures = 3;
    const { made } = manager(() => (failures-- > 0 ? busy : null));
    await made[method]();
    expect(failures).toBe(-1);
  });

  it('passes every other error on at once', async () => {
    let calls = 0;
    const { made } = manager(() => {
      calls++;
      return Object.assign(new Error('fenced'), { type: 'INVALID_PRODUCER_EPOCH' });
    });
    await expect(made.sendOffsets()).rejects.toThrow('fenced');
    expect(calls).toBe(1);
  });

  it('is initialised with the retries of transactions; as published with those of no client', () => {
    const { cluster } = manager(() => null);
    expect((cluster as { retry?: object }).retry).toMatchObject({ initialRetryTime: 5, retries: 50 });
    const Cluster = unguardedModule('cluster') as new (options: object) => { retry?: object };
    const logger = { namespace: () => logger };
    expect(new Cluster({ logger, brokers: ['127.0.0.1:1'], retry: { retries: 50 } }).retry).toBeUndefined();
  });

  it('asks for a coordinator once, and again when it is initialised again', async () => {
    const { cluster, asked } = manager(() => null);
    for (let n = 0; n < 3; n++) {
      await cluster.findGroupCoordinator({ groupId: 'id', coordinatorType: 1 });
      await cluster.findGroupCoordinator({ groupId: 'group', coordinatorType: 0 });
    }
    expect(asked).toEqual(['id', 'group']);
    await cluster.refreshMetadataIfNecessary();
    await cluster.findGroupCoordinator({ groupId: 'id', coordinatorType: 1 });
    expect(asked).toEqual(['id', 'group', 'id']);
  });
});
