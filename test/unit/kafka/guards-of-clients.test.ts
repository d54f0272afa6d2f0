import type { GroupMembership } from '../../../src/kafka/guards/consumer-group.ts';
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
    const wrapped = transactions.wrap(original as never, kafkajsModule) as (
      parameters: object,
    ) => ReturnType<typeof original>;
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
