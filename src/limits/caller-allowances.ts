import type { Caller } from '../domain/api-key.ts';
import { DAY_MS, SECOND_MS } from '../domain/time.ts';
import type { Denied, RequestLimits } from './request-limits.ts';

type Counted = Pick<Caller, 'keyId' | 'requestsPerSecond' | 'mailsPerDay'>;

/** Counts one request against its key's rate: by whichever door it comes, it is the same rate. */
export async function takeRequest(limits: RequestLimits, { keyId, requestsPerSecond }: Counted): Promise<Denied> {
  if (requestsPerSecond === null) return null;
  return limits.take({ name: `requests:${keyId}`, max: requestsPerSecond, windowMs: SECOND_MS }, 1);
}

/** Counts mails against their key's daily quota. */
export async function takeMails(
  limits: RequestLimits,
  { keyId, mailsPerDay }: Counted,
  count: number,
): Promise<Denied> {
  if (mailsPerDay === null) return null;
  return limits.take({ name: `mails:${keyId}`, max: mailsPerDay, windowMs: DAY_MS }, count);
}
