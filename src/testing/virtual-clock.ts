import type { Millis } from '../domain/time.ts';
import type { Clock } from '../runtime/ports.ts';

interface Sleeper {
  readonly at: Millis;
  wake(): void;
}

/** A clock that only moves when told to. Sleepers wake in due order as it passes them. */
export class VirtualClock implements Clock {
  private time: Millis;
  private sleepers: Sleeper[] = [];
  constructor(start: Millis = 1_700_000_000_000) {
    this.time = start;
  }

  now(): Millis {
    return this.time;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const sleeper: Sleeper = { at: this.time + Math.max(0, ms), wake: resolve };
      this.sleepers.push(sleeper);
      signal?.addEventListener('abort', () => {
        this.sleepers = this.sleepers.filter((other) => other !== sleeper);
        resolve();
      });
    });
  }

  /** When the next sleeper is due; null when nobody sleeps. */
  nextWake(): Millis | null {
    return this.sleepers.reduce<Millis | null>(
      (soonest, { at }) => (soonest === null ? at : Math.min(soonest, at)),
      null,
    );
  }

  /** Moves on to `until`, waking sleepers in order and letting what they started run. */
  async advanceTo(until: Millis): Promise<void> {
    for (;;) {
      const due = this.sleepers.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.sleepers = this.sleepers.filter((other) => other !== due);
      this.time = Math.max(this.time, due.at);
      due.wake();
      await settled();
    }
    this.time = Math.max(this.time, until);
  }

  async advance(ms: number): Promise<void> {
    await this.advanceTo(this.time + ms);
  }
}

/** Lets everything that is ready run: all pending microtasks and one turn of the event loop. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
