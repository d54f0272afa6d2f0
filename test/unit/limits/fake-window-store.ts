import type { Window } from '../../../src/domain/slots.ts';
import type { Portion, WindowStore } from '../../../src/limits/window-store.ts';
import type { Clock } from '../../../src/runtime/ports.ts';

/** What Redis does, on a clock of our own; several workers share one. */
export class FakeWindowStore implements WindowStore {
  /** Every command fails while it is down. */
  down = false;
  commands = 0;
  private readonly windows = new Map<string, { consumed: number; endsAt: number }>();
  private readonly clock: Clock;
  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** As after a restart without persistence. */
  forget(): void {
    this.windows.clear();
  }

  async consume(key: string, window: Window, count: number): Promise<Portion> {
    this.answer();
    const now = this.clock.now();
    let open = this.windows.get(key);
    if (!open || now >= open.endsAt) open = { consumed: 0, endsAt: now + window.windowMs };
    this.windows.set(key, open);
    const granted = Math.min(count, Math.max(0, window.points - open.consumed));
    open.consumed += count;
    return { granted, remainingMs: open.endsAt - now };
  }

  async probe(): Promise<void> {
    this.answer();
  }

  async close(): Promise<void> {}

  private answer(): void {
    this.commands += 1;
    if (this.down) throw new Error('connection refused');
  }
}
