import type { Millis } from '../domain/time.ts';
import type { Clock } from './ports.ts';

/**
 * Ends wait this long for company where there is room for other attempts: they need a transaction, which costs the broker as
 * much for one of them as for many. A mail waits for its declaration, which needs none, but nobody for its end.
 */
const ENDS_WAIT_MS = 50;

/**
 * What is to be said: nothing; ends that nobody waits for; declarations, and maybe such ends; ends that others wait for; so much that
 * it is worth a round at once.
 */
export type Urgency = 'none' | 'ends' | 'declarations' | 'all' | 'much';

export interface RoundsOptions {
  readonly clock: Clock;
  /** Ends the waits. */
  readonly signal: AbortSignal;
  /** Shortest time between the beginnings of two rounds, unless much is to be said. */
  readonly tickMs: number;
  urgency(): Urgency;
  /** Everything that has something to say commits now, each through `commit`: declarations, and `ends` if so. */
  begin(ends: boolean): void;
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
  /** When a round last had ends. */
  private endsAt: Millis = 0;

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
        return Math.max(this.lastAt + tickMs, this.endsAt + ENDS_WAIT_MS);
      case 'declarations':
      case 'all':
        return this.lastAt + tickMs;
      case 'much':
        return 0;
    }
  }

  private run(at: Millis): void {
    if (this.nextAt !== at) return;
    this.nextAt = null;
    const now = this.options.clock.now();
    const ends = this.options.urgency() !== 'declarations' || now >= this.endsAt + ENDS_WAIT_MS;
    this.lastAt = now;
    if (ends) this.endsAt = now;
    this.options.begin(ends);
  }
}
