import type { FeedbackKind } from '../report.ts';
import { eventOf, timeOf, type WebhookEvent } from './event.ts';
import { isObject, textIn } from './json.ts';

const KINDS: Readonly<Record<string, FeedbackKind>> = {
  bounce: 'bounce',
  deferred: 'delay',
  delivered: 'delivered',
  spamreport: 'complaint',
  unsubscribe: 'unsubscribe',
  group_unsubscribe: 'unsubscribe',
};

/** SendGrid drops mail by its own lists: why it does so is an older event of the same recipient. */
function kindOfDrop(reason: string): FeedbackKind {
  if (/spam report/i.test(reason)) return 'complaint';
  return /unsubscribed/i.test(reason) ? 'unsubscribe' : 'bounce';
}

/** The event webhook of SendGrid: a list of events. Opens, clicks and the like are passed over. */
export function readSendgrid(body: unknown): WebhookEvent[] | null {
  const events = Array.isArray(body) ? body : [body];
  if (!events.some((event) => isObject(event) && typeof event.event === 'string')) return null;
  return events.flatMap((event) => {
    const name = textIn(event, 'event');
    const reason = textIn(event, 'reason', 'response');
    const kind = name === 'dropped' ? kindOfDrop(reason) : KINDS[name];
    if (kind === undefined) return [];
    const label = `sendgrid ${name}/${name === 'dropped' ? reason : textIn(event, 'type', 'bounce_classification')}`;
    const words = {
      status: textIn(event, 'status'),
      reply: name === 'dropped' ? '' : reason,
      label: label.toLowerCase(),
    };
    const told = { id: textIn(event, 'sg_event_id'), at: timeOf(textIn(event, 'timestamp')) };
    return [eventOf(kind, textIn(event, 'email'), words, { messageId: textIn(event, 'smtp-id') }, told)];
  });
}
