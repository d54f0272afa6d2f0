import type { EmailType, Lane, Provider } from './policy.ts';

/** Below this score of its identity a marketing mail goes to `marketing-throttled` (the article's figure). */
export const SCORE_HEALTHY_MIN = 0.7;

/** Lane of a mail. `score` is in [0, 1]; 1 where nothing is known about the identity. */
export function laneOf(type: EmailType, provider: Provider, score: number): Lane {
  if (type === 'marketing' && score < SCORE_HEALTHY_MIN) return { queue: 'marketing-throttled', provider };
  return { queue: type, provider };
}

/** What a score is about: how one provider sees one of our identities (a pool of sources, a sender domain). */
export const identitySubject = (kind: 'pool' | 'domain', name: string, provider: Provider): string =>
  `identity:${kind}:${name}|${provider}`;
