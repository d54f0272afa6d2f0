import type { Millis } from './time.ts';

/** When a mail is of no use any more: its own `expiresAt`, or its queue's maximum age after `sendAt` or acceptance (law 8). */
export function expiryOf(
  times: { readonly sendAt: Millis | null; readonly expiresAt: Millis | null },
  acceptedAt: Millis,
  ageMaxMs: number,
): Millis {
  const oldest = Math.max(acceptedAt, times.sendAt ?? acceptedAt) + ageMaxMs;
  return times.expiresAt === null ? oldest : Math.min(oldest, times.expiresAt);
}
