import { type FeedbackFormat, kindOf, NO_MAIL, type Report } from '../report.ts';
import type { WebhookEvent } from './event.ts';
import { readGeneric } from './generic.ts';
import { isObject, parseJson } from './json.ts';
import { readMailgun } from './mailgun.ts';
import { readPostmark } from './postmark.ts';
import { readSendgrid } from './sendgrid.ts';
import { readSes } from './ses.ts';
import { readUnsubscribe } from './unsubscribe.ts';

export type WebhookFormat = Exclude<FeedbackFormat, 'dsn' | 'arf'>;

/** Events of one body that are read; SendGrid sends a thousand at most. */
const EVENTS_MAX = 5_000;

export const isWebhookFormat = (format: FeedbackFormat): format is WebhookFormat =>
  format !== 'dsn' && format !== 'arf';

const ofObject =
  (read: (body: Readonly<Record<string, unknown>>) => WebhookEvent[] | null) =>
  (body: unknown): WebhookEvent[] | null =>
    isObject(body) ? read(body) : null;

const READERS: Readonly<Record<WebhookFormat, (body: unknown) => WebhookEvent[] | null>> = {
  ses: ofObject(readSes),
  postmark: ofObject(readPostmark),
  mailgun: ofObject(readMailgun),
  sendgrid: readSendgrid,
  generic: readGeneric,
  unsubscribe: ofObject(readUnsubscribe),
};

/** What a body looks like; its route knows better. */
function formatOf(body: unknown): WebhookFormat {
  const first = Array.isArray(body) ? body[0] : body;
  if (!isObject(first)) return 'generic';
  if ('notificationType' in first || 'eventType' in first || 'TopicArn' in first) return 'ses';
  if ('RecordType' in first) return 'postmark';
  if ('event-data' in first) return 'mailgun';
  return 'sg_event_id' in first || 'sg_message_id' in first ? 'sendgrid' : 'generic';
}

/** Reads the events of a webhook's body; null where it is not what it should be. Never throws. */
export function readWebhookEvents(text: string, as: FeedbackFormat | null): WebhookEvent[] | null {
  const body = parseJson(text);
  if (body === undefined) return null;
  const format = as !== null && isWebhookFormat(as) ? as : formatOf(body);
  return READERS[format](body)?.slice(0, EVENTS_MAX) ?? null;
}

/** The same as one report: what `postlane feedback explain` shows of a body with many events. */
export function readWebhook(text: string, as: FeedbackFormat | null): Report | null {
  const events = readWebhookEvents(text, as);
  if (events === null) return null;
  const recipients = events.map(({ recipient }) => recipient);
  return { kind: kindOf(recipients), recipients, mail: events[0]?.mail ?? NO_MAIL };
}
