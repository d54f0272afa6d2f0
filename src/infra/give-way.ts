import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { constants, getPriority, setPriority } from 'node:os';

/** How far a process gives way: a niceness from 0 to 19, or `idle`: it runs when nothing else on the machine wants to. */
export type Deference = number | 'idle';

export const NICENESS_MAX = constants.priority.PRIORITY_LOW;
const CHRT_MS_MAX = 5_000;
const SESSION = '/proc/self/autogroup';
/** Whoever is not root may set it ten times a second, everybody together (sched(7), and kernel/sched/autogroup.c). */
const SESSION_ATTEMPTS = 5;
const SESSION_RETRY_MS = 120;

export interface GiveWayOptions {
  /** The process has its session to itself, as every guarded process has. */
  readonly ownSession?: boolean;
}

/**
 * Makes this process give way to others, with every thread that it has or will have. Answers why it gives way less than it
 * was asked to; null where it does. `idle` is a scheduling policy of Linux (SCHED_IDLE, sched(7)) that Node cannot set, so chrt of
 * util-linux does: who wakes up then takes the processor at once, while a niceness lets the other finish its turn. Under a flood of
 * bulk mail the p99 of transactional mail was 2.5 times that of an idle system, with niceness 10 4.25 times (docs/benchmarks.md).
 *
 * Many kernels share the processors between sessions first (SCHED_AUTOGROUP, sched(7)), and then neither counts for anything
 * but the processes of one session: where this one is alone in its own, the session gives way as well.
 */
export function giveWay(deference: Deference, { ownSession = false }: GiveWayOptions = {}): string | null {
  const session = ownSession ? sessionGivesWay(deference === 'idle' ? NICENESS_MAX : deference) : null;
  return processGivesWay(deference) ?? session;
}

function sessionGivesWay(niceness: number): string | null {
  // Where the kernel knows no such groups, niceness says it all.
  if (!existsSync(SESSION)) return null;
  for (let attempt = 1; ; attempt++) {
    try {
      writeFileSync(SESSION, String(niceness));
      return null;
    } catch (error) {
      if (attempt === SESSION_ATTEMPTS) return error instanceof Error ? error.message : String(error);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, SESSION_RETRY_MS);
    }
  }
}

function processGivesWay(deference: Deference): string | null {
  if (deference !== 'idle') {
    // Who gives way further already stays so: the other way is not giving way, and only root may.
    setPriority(Math.max(deference, getPriority()));
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
