import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 5;
const DEADLINE_MS = 30_000;

/** Waits for a condition; fails, naming it, when it does not come true in time. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  withinMs: number = DEADLINE_MS,
  everyMs: number = POLL_MS,
): Promise<void> {
  for (const end = Date.now() + withinMs; !(await condition()); await sleep(everyMs)) {
    if (Date.now() > end) throw new Error(`waited in vain: ${what}`);
  }
}
