import type { Millis } from '../domain/time.ts';
import type { Clock } from './ports.ts';

/**
 * Ends alone, with nothing to declare and room for others, may wait this long: they usually find company, and a transaction
 * of their own costs the broker as much as one of many. A mail waits for its declaration, but nobody for its end.
 */
const ENDS_WAIT_MS = 50;

/** How much is to be said: nothing; ends that nobody waits for; something; so much that it is worth a round at once. */
export type Urgency = 'none' | 'ends' | 'some' | 'much';

export interface RoundsOptions {
  readonly clock: Clock;
  /** Ends the waits. */
  readonly signal: AbortSignal;
  /** Shortest time between the beginnings of two rounds, unless much is to be said. */
  readonly tickMs: number;
  urgency(): Urgency;
  /** Everything that has something to say commits now, each through `commit`. */
  begin(): void;
}

/**
 * When the lanes of a process commit: together, so that the log lets them share a transaction, and one round at a time, so
 * that what is said meanwhile comes together in the next one.
 */
export class Rounds {
  private readonly options: RoundsOptions;
  private underWay = 0;
  /** When the next round is scheduled; null while none is. */
  private nextAt: Millis | null = null;
  private lastAt: Millis = 0;

  constructor(options: RoundsOptions) {
    this.options = options;
  }

  /** Something is to be said. A round that must come sooner than the one that is scheduled takes its place. */
  soon(): void {
    if (this.underWay > 0) return;
    const { clock, signal } = this.options;
    const due = this.due();
    if (due === null) return;
    const now = clock.now();
    const at = Math.max(now, due);
    if (this.nextAt !== null && this.nextAt <= at) return;
    this.nextAt = at;
    void clock.sleep(at - now, signal).then(() => this.run(at));
  }

  /** One commit of a round. The next round begins when the last one of this has ended, well or not. */
  async commit<T>(work: () => Promise<T>): Promise<T> {
    this.underWay++;
    try {
      return await work();
    } finally {
      this.underWay--;
      // Behind what the callers make of their commits.
      if (this.underWay === 0) queueMicrotask(() => this.soon());
    }
  }

  private due(): Millis | null {
    const { tickMs } = this.options;
    switch (this.options.urgency()) {
      case 'none':
        return null;
      case 'ends':
        return this.lastAt + Math.max(tickMs, ENDS_WAIT_MS);
      case 'some':
        return this.lastAt + tickMs;
      case 'much':
        return 0;
    }
  }

  private run(at: Millis): void {
    if (this.nextAt !== at) return;
    this.nextAt = null;
    this.lastAt = this.options.clock.now();
    this.options.begin();
  }
}
