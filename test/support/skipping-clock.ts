import type { Clock } from '../../src/runtime/ports.ts';

interface Sleeper {
  readonly dueAt: number;
  wake(): void;
}

/** The machine's clock, of which hours can be skipped: whoever sleeps until then wakes at once. */
export class SkippingClock implements Clock {
  private skippedMs = 0;
  private readonly sleepers = new Set<Sleeper>();

  now(): number {
    return Date.now() + this.skippedMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.sleepers.delete(sleeper);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      const sleeper = { dueAt: this.now() + Math.max(0, ms), wake };
      const timer = setTimeout(wake, Math.min(Math.max(0, ms), 2 ** 31 - 1));
      this.sleepers.add(sleeper);
      signal?.addEventListener('abort', wake, { once: true });
    });
  }

  skip(ms: number): void {
    this.skippedMs += ms;
    for (const sleeper of [...this.sleepers]) if (sleeper.dueAt <= this.now()) sleeper.wake();
  }
}
