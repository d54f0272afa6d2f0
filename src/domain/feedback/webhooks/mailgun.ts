import type { FeedbackKind } from '../report.ts';
import { eventOf, timeOf, type WebhookEvent } from './event.ts';
import { isObject, type JsonObject, objectIn, textIn } from './json.ts';

function kindOf(event: string, data: JsonObject): FeedbackKind | null {
  switch (event) {
    case 'failed': {
      const reason = textIn(data, 'reason');
      if (reason === 'suppress-complaint') return 'complaint';
      if (reason === 'suppress-unsubscribe') return 'unsubscribe';
      return textIn(data, 'severity') === 'temporary' ? 'delay' : 'bounce';
    }
    case 'rejected':
      return 'bounce';
    case 'delivered':
      return 'delivered';
    case 'complained':
      return 'complaint';
    case 'unsubscribed':
      return 'unsubscribe';
    default:
      return null;
  }
}

/** A webhook of Mailgun: one event in `event-data`. */
export function readMailgun(body: JsonObject): WebhookEvent[] | null {
  const data = isObject(body['event-data']) ? body['event-data'] : body;
  const event = textIn(data, 'event');
  if (event === '') return null;
  const kind = kindOf(event, data);
  if (kind === null) return [];
  const status = objectIn(data, 'delivery-status');
  const words = {
    code: textIn(status, 'code'),
    status: textIn(status, 'enhanced-code'),
    reply: textIn(status, 'message') || textIn(status, 'description'),
    label: `mailgun ${event}/${textIn(data, 'severity')}/${textIn(data, 'reason')}`,
  };
  const headers = objectIn(objectIn(data, 'message'), 'headers');
  const mail = {
    messageId: textIn(headers, 'message-id'),
    returnPath: textIn(objectIn(data, 'envelope'), 'sender'),
  };
  const told = { id: textIn(data, 'id'), at: timeOf(textIn(data, 'timestamp')) };
  return [eventOf(kind, textIn(data, 'recipient'), words, mail, told)];
}
