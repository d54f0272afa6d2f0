import { ReadUp } from '../../../src/kafka/read-up.ts';
import type { Clock } from '../../../src/runtime/ports.ts';

const LONG_MS = 60_000;

/** Time that passes when the test says so. */
class StoppedClock implements Clock {
  private readonly sleeping = new Set<{ readonly ms: number; readonly wake: () => void }>();
  now(): number {
    return 0;
  }
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((wake) => {
      this.sleeping.add({ ms, wake });
      signal?.addEventListener('abort', () => wake());
    });
  }
  /** Everybody who sleeps at most so long wakes. */
  pass(ms: number): void {
    for (const one of this.sleeping) if (one.ms <= ms) one.wake();
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('whoever wants what was written before', () => {
  it('waits until every partition has been read up to its end, and no longer', async () => {
    const positions = [3, 4];
    const readUp = new ReadUp(
      async () =>
        new Map([
          [0, 3],
          [1, 6],
        ]),
      (partition) => positions[partition] as number,
      new StoppedClock(),
    );
    let isRead: boolean | null = null;
    void readUp.within(LONG_MS).then((answer) => {
      isRead = answer;
    });
    await turn();
    positions[1] = 5;
    readUp.moved();
    await turn();
    expect(isRead).toBeNull();
    positions[1] = 6;
    readUp.moved();
    await turn();
    expect(isRead).toBe(true);
  });

  it('waits for nothing where all of it has been read already', async () => {
    const readUp = new ReadUp(
      async () => new Map([[0, 3]]),
      () => 3,
      new StoppedClock(),
    );
    expect(await readUp.within(LONG_MS)).toBe(true);
  });

  it('is answered although the log could not be asked at first', async () => {
    const clock = new StoppedClock();
    let failures = 2;
    const ask = async () => {
      if (failures-- > 0) throw new Error('the broker is away');
      return new Map([[0, 1]]);
    };
    const asked = new ReadUp(ask, () => 1, clock).within(LONG_MS);
    for (let n = 0; n < 2; n++) {
      await turn();
      clock.pass(LONG_MS - 1);
    }
    expect(await asked).toBe(true);
  });

  it.each([
    ['the log does not answer', () => new Promise<never>(() => undefined)],
    ['what it says is not read', async () => new Map([[0, 2]])],
  ])('hears that it is too late where %s', async (_, ask) => {
    const clock = new StoppedClock();
    const asked = new ReadUp(ask, () => 1, clock).within(LONG_MS);
    await turn();
    clock.pass(LONG_MS);
    expect(await asked).toBe(false);
  });

  it('hears at once that there is nobody any more who reads', async () => {
    const readUp = new ReadUp(
      async () => new Map([[0, 2]]),
      () => 1,
      new StoppedClock(),
    );
    const asked = readUp.within(LONG_MS);
    await turn();
    readUp.stop();
    expect(await asked).toBe(false);
    expect(await readUp.within(LONG_MS)).toBe(false);
  });
});
