import fc from 'fast-check';
import type { ReputationSignal } from '../../src/contracts/generated.ts';
import { signal } from '../../src/domain/results.ts';
import { MINUTE_MS } from '../../src/domain/time.ts';

export const IDENTITIES = [
  'identity:source:new-1|google',
  'identity:source:old-1|google',
  'identity:domain:shop.example|other',
  'identity:campaign:default/spring|google',
] as const;

const KINDS = ['sent_counted', 'sent_counted', 'delivered', 'bounced', 'deferred', 'complained', 'ticked'] as const;

/** A signal about an identity; bounces are of a kind that is held against the sender. */
export const aboutIdentity = (
  subject: string,
  kind: (typeof KINDS)[number],
  at: number,
  over: Partial<ReputationSignal> = {},
): ReputationSignal => ({
  ...signal({ eventId: `${kind}-${at}`, subject, kind, at, tenant: 'default', type: 'marketing' }),
  ...(kind === 'bounced' ? { smtpCode: 550, enhancedCode: '5.1.1', reply: 'no such mailbox' } : {}),
  ...(kind === 'deferred' ? { smtpCode: 421, enhancedCode: '4.7.0', reply: 'try again later' } : {}),
  ...over,
});

/** Events about a few identities over `spanMs`, ending at `end`; each has an id of its own. */
export const identityEvents = (end: number, spanMs: number, maxLength: number): fc.Arbitrary<ReputationSignal[]> =>
  fc
    .array(
      fc.record({
        subject: fc.constantFrom(...IDENTITIES),
        kind: fc.constantFrom(...KINDS),
        // Times cluster: within a minute, an hour, the whole span.
        at: fc.oneof(fc.nat(MINUTE_MS), fc.nat(60 * MINUTE_MS), fc.nat(spanMs)).map((before) => end - before),
        count: fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 3_000 })),
      }),
      { maxLength },
    )
    .map((events) =>
      events
        .map(({ subject, kind, at, count }, n) =>
          aboutIdentity(subject, kind, at, { eventId: `${kind}-${n}`, count: kind === 'sent_counted' ? count : 1 }),
        )
        .sort((left, right) => left.at - right.at),
    );

/**
 * The same events as they may arrive: each up to `latenessMs` late, `copies` times. `chance` gives numbers in [0, 1).
 */
export function inDisorder(
  events: readonly ReputationSignal[],
  latenessMs: number,
  copies: number,
  chance: () => number,
): readonly ReputationSignal[] {
  return events
    .flatMap((event) => Array.from({ length: copies }, () => ({ event, arrival: event.at + chance() * latenessMs })))
    .sort((left, right) => left.arrival - right.arrival)
    .map(({ event }) => event);
}
