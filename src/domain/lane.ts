import type { EmailType, Lane, Provider } from './policy.ts';

/** Below this score of its identity a marketing mail goes to `marketing-throttled`: the article's figure, and the default. */
export const THROTTLE_SCORE = 0.7;

/** Lane of a mail. Scores are in [0, 1]; 1 where nothing is known about the identity. */
export function laneOf(type: EmailType, provider: Provider, score: number, throttleScore = THROTTLE_SCORE): Lane {
  if (type === 'marketing' && score < throttleScore) return { queue: 'marketing-throttled', provider };
  return { queue: type, provider };
}

/** What a score is about: how one provider sees one of our identities (a pool of sources, a sender domain). */
export const identitySubject = (kind: 'pool' | 'source' | 'domain', name: string, provider: Provider): string =>
  `identity:${kind}:${name}|${provider}`;
