import { MINUTE_MS, type Millis } from '../../../src/domain/time.ts';

/**
 * The first sliding minute that holds more than `allowed(start, end)` grants, or null. Every window that begins with a
 * grant is looked at: no other one can hold more.
 */
export function overfullMinute(
  grants: readonly Millis[],
  allowed: (start: Millis, end: Millis) => number,
): { readonly start: Millis; readonly granted: number; readonly allowed: number } | null {
  let end = 0;
  for (let first = 0; first < grants.length; first += 1) {
    const start = grants[first] as Millis;
    while (end < grants.length && (grants[end] as Millis) < start + MINUTE_MS) end += 1;
    const granted = end - first;
    const limit = allowed(start, start + MINUTE_MS);
    if (granted > limit) return { start, granted, allowed: limit };
  }
  return null;
}
