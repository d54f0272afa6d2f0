import type { Clock } from '../runtime/ports.ts';
import type { Ends } from './partition-ends.ts';

/** The offset up to which a partition has been read, and can be looked up; below 0 where nothing of it can. */
export type PositionOf = (partition: number) => number;

interface Waiting {
  readonly ends: Ends;
  readonly resolve: () => void;
}

const AGAIN_MS = 100;

/** Lets those who ask wait until what had been written when they asked has been read. */
export class ReadUp {
  private readonly ask: () => Promise<Ends>;
  private readonly positionOf: PositionOf;
  private readonly clock: Clock;
  private readonly stopping = new AbortController();
  private readonly waiting = new Set<Waiting>();

  constructor(ask: () => Promise<Ends>, positionOf: PositionOf, clock: Clock) {
    this.ask = ask;
    this.positionOf = positionOf;
    this.clock = clock;
  }

  /** Settles with true once all that was written before the call has been read; with false after `withinMs`, or at `stop`. */
  async within(withinMs: number): Promise<boolean> {
    const settled = new AbortController();
    const signal = AbortSignal.any([settled.signal, this.stopping.signal]);
    try {
      return await Promise.race([this.clock.sleep(withinMs, signal).then(() => false), this.read(signal)]);
    } finally {
      settled.abort();
    }
  }

  /** Whoever reads calls it when it stands elsewhere. */
  moved(): void {
    for (const one of this.waiting) if (this.isRead(one.ends)) one.resolve();
  }

  stop(): void {
    this.stopping.abort();
  }

  private async read(signal: AbortSignal): Promise<boolean> {
    const ends = await this.endsNow(signal);
    if (ends === null || signal.aborted) return false;
    if (this.isRead(ends)) return true;
    return new Promise((resolve) => {
      const one = { ends, resolve: () => done(true) };
      const done = (isRead: boolean): void => {
        this.waiting.delete(one);
        resolve(isRead);
      };
      this.waiting.add(one);
      signal.addEventListener('abort', () => done(false), { once: true });
    });
  }

  /** Asks until there is an answer; null once the signal says that nobody waits for it. */
  private async endsNow(signal: AbortSignal): Promise<Ends | null> {
    while (!signal.aborted) {
      try {
        return await this.ask();
      } catch {
        await this.clock.sleep(AGAIN_MS, signal);
      }
    }
    return null;
  }

  private isRead(ends: Ends): boolean {
    return [...ends].every(([partition, end]) => this.positionOf(partition) >= end);
  }
}
