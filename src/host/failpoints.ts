import { environment } from '../config/environment.ts';

/**
 * Named places where a test may end the process as a crash would (FAULTS.md 1 and 2): `POSTLANE_FAILPOINT=name` or
 * `name:n` for the n-th time it is passed. Unset, as in production, it costs one comparison.
 */
const [armed, times = '1'] = (environment().POSTLANE_FAILPOINT ?? '').split(':');
let left = Number(times);

export function failpoint(name: string): void {
  if (name !== armed || --left > 0) return;
  process.kill(process.pid, 'SIGKILL');
}
