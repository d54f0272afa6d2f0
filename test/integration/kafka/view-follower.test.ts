import { systemClock } from '../../../src/host/clock.ts';
import { Publisher } from '../../../src/kafka/publisher.ts';
import { ViewFollower, type ViewStore } from '../../../src/kafka/view-follower.ts';
import { BARRIER_KEY, type StoredRecord } from '../../../src/runtime/ports.ts';
import { startTestInfra } from '../../support/infra.ts';
import { silentTelemetry, type TestKafka, testKafka } from '../../support/kafka.ts';
import { until } from '../../support/until.ts';

type Infra = Awaited<ReturnType<typeof startTestInfra>>;

let infra: Infra;
let test: TestKafka;
let publisher: Publisher;
const views: ViewFollower[] = [];

beforeAll(async () => {
  infra = await startTestInfra();
  test = await testKafka(infra.brokers);
  publisher = new Publisher({ kafka: test.kafka });
}, 120_000);

afterEach(async () => {
  await Promise.all(views.splice(0).map((view) => view.stop()));
});

afterAll(async () => {
  await publisher?.close();
  await test?.close();
  await infra?.stop();
}, 60_000);

/** A table in memory, with its checkpoints, as a real store keeps them. */
class Store implements ViewStore {
  readonly rows = new Map<string, string>();
  readonly checkpoints = new Map<number, number>();
  readonly resets: number[] = [];
  failures = 0;
  applied = 0;

  checkpoint(partition: number): number {
    return this.checkpoints.get(partition) ?? 0;
  }
  async apply(partition: number, records: readonly StoredRecord[], nextOffset: number): Promise<void> {
    if (this.failures-- > 0) throw new Error('the disk is full');
    for (const { key, value } of records) {
      this.applied++;
      if (value === null) this.rows.delete(`${partition}/${key}`);
      else this.rows.set(`${partition}/${key}`, `${value}`);
    }
    this.checkpoints.set(partition, nextOffset);
  }
  reset(partition: number): void {
    this.resets.push(partition);
    this.checkpoints.delete(partition);
    for (const key of this.rows.keys()) if (key.startsWith(`${partition}/`)) this.rows.delete(key);
  }
}

/** A store that shows what it restored when it settles. */
class PatientStore extends Store {
  readonly calls: string[] = [];
  private readonly waiting: Parameters<Store['apply']>[] = [];

  override async apply(...given: Parameters<Store['apply']>): Promise<void> {
    this.calls.push('apply');
    await super.apply(...given);
  }
  restore(...given: Parameters<Store['apply']>): void {
    this.calls.push('restore');
    this.waiting.push(given);
  }
  async settle(): Promise<void> {
    this.calls.push('settle');
    for (const given of this.waiting.splice(0)) await super.apply(...given);
  }
}

function follow(topic: string, store: ViewStore, fetchWaitMs = 50): ViewFollower {
  const view = new ViewFollower({
    kafka: test.kafka,
    topic,
    store,
    clock: systemClock,
    telemetry: silentTelemetry,
    fetchWaitMs,
  });
  views.push(view);
  return view;
}

const put = (topic: string, partition: number, key: string, value: string | null) =>
  publisher.append([{ topic, partition, key, value: value === null ? null : Buffer.from(value) }]);

/** Longer than a test may take. */
const FETCH_WAIT_LONG_MS = 120_000;

const COMPACTED = { partitions: 2, config: { 'cleanup.policy': 'compact' } };

describe('a view', () => {
  it('has read everything when its start settles, and follows what comes', async () => {
    const topic = await test.topic(COMPACTED);
    await put(topic, 0, 'a', '1');
    await put(topic, 1, 'b', '2');
    await put(topic, 1, 'b', null);
    await put(topic, 1, BARRIER_KEY, null);
    const store = new Store();
    const view = follow(topic, store);
    expect(view.stalenessMs()).toBe(Infinity);
    await view.start();
    expect([...store.rows]).toEqual([['0/a', '1']]);
    expect(store.applied).toBe(3);
    expect(view.stalenessMs()).toBeLessThan(60_000);
    await put(topic, 1, 'c', '3');
    await until('the new row', () => store.rows.get('1/c') === '3');
  });

  it('hands every record over once, in order, where they take many fetches', async () => {
    const topic = await test.topic(COMPACTED);
    const big = 'x'.repeat(100_000);
    for (let n = 0; n < 24; n++) await put(topic, n % 2, `${n}`, `${n} ${big}`);
    const store = new Store();
    const seen: string[] = [];
    const apply = store.apply.bind(store);
    store.apply = async (partition, records, nextOffset) => {
      for (const { key, value } of records) seen.push(`${partition}/${key} ${`${value}`.split(' ')[0]}`);
      await apply(partition, records, nextOffset);
    };
    await follow(topic, store).start();
    const wanted = (partition: number) =>
      Array.from({ length: 12 }, (_, n) => `${partition}/${2 * n + partition} ${2 * n + partition}`);
    for (const partition of [0, 1]) {
      expect(seen.filter((line) => line.startsWith(`${partition}/`))).toEqual(wanted(partition));
    }
  });

  it('lets a store keep back what it restores, and settles it before it is current', async () => {
    const topic = await test.topic(COMPACTED);
    await put(topic, 0, 'a', '1');
    await put(topic, 1, 'b', '2');
    const store = new PatientStore();
    await follow(topic, store).start();
    expect([...store.rows].sort()).toEqual([
      ['0/a', '1'],
      ['1/b', '2'],
    ]);
    expect(store.calls.filter((call) => call !== 'restore')).toEqual(['settle']);
    await put(topic, 1, 'c', '3');
    await until('the new row', () => store.rows.get('1/c') === '3');
    expect(store.calls.filter((call) => call !== 'restore')).toEqual(['settle', 'apply']);
  });

  it('is current on an empty topic, and stays so on a quiet one', async () => {
    const view = follow(await test.topic(COMPACTED), new Store());
    await view.start();
    const first = Date.now();
    await until('fresher than its first catch-up', () => Date.now() - view.stalenessMs() > first);
  });

  it('goes on from the checkpoints of its store', async () => {
    const topic = await test.topic(COMPACTED);
    await put(topic, 0, 'a', '1');
    const store = new Store();
    const first = follow(topic, store);
    await first.start();
    await first.stop();
    await put(topic, 0, 'b', '2');
    const { applied } = store;
    await follow(topic, store).start();
    expect(store.applied).toBe(applied + 1);
    expect([...store.rows.keys()]).toEqual(['0/a', '0/b']);
  });

  it('starts over from the checkpoint when its store fails, and says meanwhile how stale it is', async () => {
    const topic = await test.topic(COMPACTED);
    const store = new Store();
    store.failures = 2;
    await put(topic, 0, 'a', '1');
    const view = follow(topic, store);
    await view.start();
    expect([...store.rows]).toEqual([['0/a', '1']]);
    store.failures = Infinity;
    await put(topic, 0, 'b', '2');
    const broken = Date.now();
    await until('stale', () => view.stalenessMs() > 300);
    expect(Date.now() - view.stalenessMs()).toBeLessThanOrEqual(Date.now());
    store.failures = 0;
    await until('current', () => Date.now() - view.stalenessMs() > broken && store.rows.has('0/b'));
  });

  it('does not call itself current while an open transaction hides what was committed behind it', async () => {
    const topic = await test.topic(COMPACTED);
    const store = new Store();
    const view = follow(topic, store);
    await view.start();
    const open = await test.transact(`view-${topic}`, [{ topic, partition: 0, key: 'open', value: Buffer.from('x') }]);
    await put(topic, 0, 'hidden', '1');
    const hiddenSince = Date.now();
    await until('stale', () => view.stalenessMs() > 500);
    expect(Date.now() - view.stalenessMs()).toBeLessThanOrEqual(hiddenSince);
    expect(store.rows.size).toBe(0);
    await open.commit();
    await until('both rows', () => store.rows.size === 2);
    await until('current', () => Date.now() - view.stalenessMs() > hiddenSince);
  });

  it('has what was written before it is asked, without waiting for a fetch that brings nothing', async () => {
    const topic = await test.topic(COMPACTED);
    for (const partition of [0, 1]) await put(topic, partition, 'first', '0');
    const store = new Store();
    const view = follow(topic, store, FETCH_WAIT_LONG_MS);
    await view.start();
    expect(await view.current(FETCH_WAIT_LONG_MS / 2)).toBe(true);
    for (let n = 1; n <= 20; n++) {
      await put(topic, n % 2, 'row', `${n}`);
      expect(await view.current(FETCH_WAIT_LONG_MS / 2)).toBe(true);
      expect(store.rows.get(`${n % 2}/row`)).toBe(`${n}`);
    }
  });

  it('keeps nobody waiting who asks while it lets more come together, and hands over together what came', async () => {
    const topic = await test.topic(COMPACTED);
    const store = new Store();
    const calls: (readonly number[])[] = [];
    const together: ViewStore = {
      checkpoint: (partition) => store.checkpoint(partition),
      reset: (partition) => store.reset(partition),
      apply: (...given) => store.apply(...given),
      async applyTogether(parts) {
        calls.push(parts.map(({ partition }) => partition).sort());
        for (const { partition, records, nextOffset } of parts) await store.apply(partition, records, nextOffset);
      },
    };
    const sleeps = { count: 0 };
    // Whoever lets something come together does so for ever, unless somebody ends it; whoever tries again, as always.
    const sleep = (ms: number, signal?: AbortSignal) => {
      if (ms >= 100) return systemClock.sleep(ms, signal);
      sleeps.count++;
      return new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true }));
    };
    const clock = { now: () => systemClock.now(), sleep };
    const view = new ViewFollower({ kafka: test.kafka, topic, store: together, clock, telemetry: silentTelemetry });
    views.push(view);
    await view.start();
    for (let n = 1; sleeps.count === 0; n++) await put(topic, 0, 'early', `${n}`);
    for (let n = 1; n <= 3; n++) {
      for (const partition of [0, 1]) await put(topic, partition, 'row', `${n}`);
      expect(await view.current(30_000)).toBe(true);
      expect([store.rows.get('0/row'), store.rows.get('1/row')]).toEqual([`${n}`, `${n}`]);
    }
    expect(calls).toContainEqual([0, 1]);
  });

  it('has not what an open transaction hides, nor what its store did not take', async () => {
    const topic = await test.topic(COMPACTED);
    const store = new Store();
    const view = follow(topic, store);
    await view.start();
    const open = await test.transact(`view-${topic}`, [{ topic, partition: 0, key: 'open', value: Buffer.from('x') }]);
    await put(topic, 0, 'hidden', '1');
    expect(await view.current(1_000)).toBe(false);
    await open.commit();
    expect(await view.current(30_000)).toBe(true);
    expect(store.rows.size).toBe(2);
    store.failures = Infinity;
    await put(topic, 0, 'refused', '1');
    expect(await view.current(1_000)).toBe(false);
    store.failures = 0;
    expect(await view.current(30_000)).toBe(true);
    expect(store.rows.has('0/refused')).toBe(true);
  });

  it('lets nobody wait once it is stopped', async () => {
    const topic = await test.topic(COMPACTED);
    const view = follow(topic, new Store());
    await view.start();
    const open = await test.transact(`view-${topic}`, [{ topic, partition: 0, key: 'open', value: Buffer.from('x') }]);
    const asked = view.current(600_000);
    await view.stop();
    expect(await asked).toBe(false);
    expect(await view.current(600_000)).toBe(false);
    await open.abort();
  });

  it('reads a partition anew when the log no longer has what it had read', async () => {
    const topic = await test.topic({ partitions: 1 });
    for (let n = 0; n < 5; n++) await put(topic, 0, `k${n}`, 'v');
    const store = new Store();
    store.rows.set('0/stale', 'from another life');
    store.checkpoints.set(0, 1_000);
    await follow(topic, store).start();
    expect(store.resets).toEqual([0]);
    expect([...store.rows.keys()]).toEqual(['0/k0', '0/k1', '0/k2', '0/k3', '0/k4']);
  });

  it('refuses to settle when it is stopped before it caught up', async () => {
    const topic = await test.topic(COMPACTED);
    const store = new Store();
    store.failures = Infinity;
    await put(topic, 0, 'a', '1');
    const view = follow(topic, store);
    const started = view.start();
    await view.stop();
    await expect(started).rejects.toMatchObject({ code: 'STOPPED' });
  });
});
