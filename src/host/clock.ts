import type { Clock } from '../runtime/ports.ts';

/** The machine's clock. A sleep that is aborted leaves no timer and no listener behind. */
export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const done = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, Math.min(Math.max(0, ms), TIMER_MS_MAX));
      signal?.addEventListener('abort', done, { once: true });
    }),
};

/** Timers hold 31 bits; who sleeps longer looks again. */
const TIMER_MS_MAX = 2 ** 31 - 1;
