import type { DeliveryResult } from '../contracts/generated.ts';
import { type Millis, writtenTime } from './time.ts';

/**
 * What customers' endpoints can be told. `email.deferred` is an attempt that was not the end; the next seven are the endings,
 * of which every mail has exactly one; the others are what is heard later.
 */
export const WEBHOOK_EVENTS = [
  'email.deferred',
  'email.sent',
  'email.bounced',
  'email.suppressed',
  'email.expired',
  'email.cancelled',
  'email.dead_lettered',
  'email.unknown',
  'email.delivered',
  'email.bounced_later',
  'email.complained',
  'email.unsubscribed',
  'email.placed',
] as const;
export type WebhookEvent = (typeof WEBHOOK_EVENTS)[number];

export const isWebhookEvent = (text: string): text is WebhookEvent =>
  (WEBHOOK_EVENTS as readonly string[]).includes(text);

/** The event that a result is; null for one of a kind that is newer than this version. */
export function webhookEventOf({ kind, ending, annotation }: DeliveryResult): WebhookEvent | null {
  if (kind === 'attempt') return 'email.deferred';
  const what = kind === 'ending' ? ending : kind === 'annotation' ? annotation : null;
  // An annotation that cannot be read is no ending `unknown`.
  if (what === null || (kind === 'annotation' && what === 'unknown')) return null;
  const name = `email.${what}`;
  return isWebhookEvent(name) ? name : null;
}

/**
 * What tells one event from every other, in a fixed order: its id is a hash of this, so that it is the same at every attempt, for
 * every endpoint, and when it is replayed.
 */
export const webhookIdentity = (result: DeliveryResult): string =>
  JSON.stringify([
    result.tenant,
    result.jobId,
    result.kind,
    result.ending,
    result.annotation,
    result.attempt,
    result.at,
    result.recipient,
    result.source,
    result.smtpCode,
    result.reply,
    result.reason,
  ]);

const timeOf = (at: Millis | null): string | null => (at === null ? null : writtenTime(at));

/** The body that is posted. `timestamp` is when the event happened, not when it is told. */
export const webhookBody = (event: WebhookEvent, result: DeliveryResult): string =>
  JSON.stringify({
    type: event,
    timestamp: timeOf(result.at),
    data: {
      id: result.jobId,
      emailType: result.type,
      recipient: result.recipient,
      attempt: result.attempt,
      source: result.source,
      site: result.site,
      smtpCode: result.smtpCode,
      enhancedCode: result.enhancedCode,
      reply: result.reply,
      class: result.class,
      reason: result.reason,
      messageId: result.messageId,
      uncertain: result.uncertain,
      until: timeOf(result.until),
      campaign: result.campaign,
      tags: result.tags,
      metadata: Object.fromEntries(result.metadata.map(({ name, value }) => [name, value])),
    },
  });
