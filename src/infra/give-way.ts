import { execFileSync } from 'node:child_process';
import { constants, setPriority } from 'node:os';

/** How far a process gives way: a niceness from 0 to 19, or `idle`: it runs when nothing else on the machine wants to. */
export type Deference = number | 'idle';

export const NICENESS_MAX = constants.priority.PRIORITY_LOW;
const CHRT_MS_MAX = 5_000;

/**
 * Makes this process give way to others, with every thread that it has or will have. Answers why it gives way less than it
 * was asked to; null where it does. `idle` is a scheduling policy of Linux (SCHED_IDLE, sched(7)) that Node cannot set, so chrt of
 * util-linux does: who wakes up then takes the processor at once, while a niceness lets the other finish its turn. Under a flood of
 * bulk mail the p99 of transactional mail was 2.5 times that of an idle system, with niceness 10 4.25 times (docs/benchmarks.md).
 */
export function giveWay(deference: Deference): string | null {
  if (deference !== 'idle') {
    setPriority(deference);
    return null;
  }
  try {
    execFileSync('chrt', ['--all-tasks', '--idle', '--pid', '0', String(process.pid)], {
      timeout: CHRT_MS_MAX,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    return null;
  } catch (error) {
    setPriority(NICENESS_MAX);
    return error instanceof Error ? error.message : String(error);
  }
}
