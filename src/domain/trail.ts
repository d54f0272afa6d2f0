import type { AnnotationSymbol, EndingSymbol, NameValue, ResultKind } from '../contracts/generated.ts';
import type { EmailType } from './policy.ts';
import type { Millis } from './time.ts';

/** Where a mail stands: `accepted` before its first attempt, `deferred` between attempts, and how it ended. */
export const TRAIL_STATES = [
  'accepted',
  'deferred',
  'sent',
  'bounced',
  'suppressed',
  'expired',
  'cancelled',
  'dead_lettered',
  'unknown',
] as const;
export type TrailState = (typeof TRAIL_STATES)[number];

/** One thing that happened to a mail, as a `DeliveryResult` told it. */
export interface TrailEvent {
  readonly kind: ResultKind;
  readonly at: Millis;
  readonly attempt: number;
  readonly ending: EndingSymbol | null;
  readonly annotation: AnnotationSymbol | null;
  readonly source: string | null;
  readonly site: string | null;
  readonly smtpCode: number | null;
  readonly enhancedCode: string | null;
  readonly reply: string | null;
  readonly class: string | null;
  readonly reason: string | null;
  readonly messageId: string | null;
  readonly uncertain: boolean;
  /** Not tried again before. */
  readonly until: Millis | null;
}

/** All that is known of a mail, from its acceptance to its ending and what is heard later. */
export interface Trail {
  readonly id: string;
  readonly tenant: string;
  readonly type: EmailType | 'unknown';
  readonly recipient: string;
  readonly campaign: string | null;
  readonly tags: readonly string[];
  readonly metadata: readonly NameValue[];
  /** When the log took it; null where only results have been seen. */
  readonly acceptedAt: Millis | null;
  readonly sendAt: Millis | null;
  readonly expiresAt: Millis | null;
  readonly state: TrailState;
  /** In the order in which they happened. */
  readonly events: readonly TrailEvent[];
  /** Events in the middle that were too many to keep. */
  readonly eventsLeftOut: number;
}

/** What a mail that has not ended waits for. */
export interface Waiting {
  /** `send-at`: its own time. `retry`: the wait after an attempt. `turn`: to be routed, or its turn in its lane. */
  readonly for: 'send-at' | 'retry' | 'turn';
  /** Not before; null: at once. */
  readonly until: Millis | null;
  /** What made it wait. */
  readonly why: string | null;
}

/** What a mail waits for; null for one that has ended. */
export function waitingOf(trail: Trail, now: Millis): Waiting | null {
  if (hasEnded(trail)) return null;
  if (trail.sendAt !== null && trail.sendAt > now) return { for: 'send-at', until: trail.sendAt, why: null };
  const last = trail.events.findLast(({ kind }) => kind === 'attempt');
  if (last !== undefined && last.until !== null && last.until > now) {
    const reply = [last.smtpCode, last.enhancedCode, last.reply].filter((part) => part !== null).join(' ');
    return { for: 'retry', until: last.until, why: reply === '' ? last.reason : reply };
  }
  return { for: 'turn', until: null, why: null };
}

export const hasEnded = ({ state }: Pick<Trail, 'state'>): boolean => state !== 'accepted' && state !== 'deferred';

/** By what trails can be looked for. All that are given must hold. */
export interface TrailFilter {
  readonly recipient?: string;
  readonly tag?: string;
  readonly campaign?: string;
  readonly state?: TrailState;
}
