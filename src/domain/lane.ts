import type { EmailType, Lane, Provider } from './policy.ts';

/** Lane of a mail. Only marketing can be throttled: nobody waits for it. */
export function laneOf(type: EmailType, provider: Provider, isThrottled: boolean): Lane {
  return { queue: type === 'marketing' && isThrottled ? 'marketing-throttled' : type, provider };
}
