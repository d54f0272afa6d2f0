import type { FeedbackKind } from '../report.ts';
import { eventOf, timeOf, type WebhookEvent } from './event.ts';
import { type JsonObject, objectIn, textIn } from './json.ts';

/** Types of `Bounce` records that are no bounces. */
const OTHERS: Readonly<Record<string, FeedbackKind>> = {
  Transient: 'delay',
  Unsubscribe: 'unsubscribe',
  Subscribe: 'unknown',
  AutoResponder: 'auto-reply',
  ChallengeVerification: 'auto-reply',
  OpenRelayTest: 'unknown',
  SpamComplaint: 'complaint',
};

function kindOf(body: JsonObject): FeedbackKind | null {
  switch (textIn(body, 'RecordType')) {
    case 'Bounce':
      return OTHERS[textIn(body, 'Type')] ?? 'bounce';
    case 'SpamComplaint':
      return 'complaint';
    case 'Delivery':
      return 'delivered';
    case 'SubscriptionChange':
      return body.SuppressSending === true ? 'unsubscribe' : null;
    default:
      return null;
  }
}

/** A webhook of Postmark: one event. */
export function readPostmark(body: JsonObject): WebhookEvent[] | null {
  const type = textIn(body, 'RecordType');
  if (type === '') return null;
  const kind = kindOf(body);
  if (kind === null) return [];
  const words = {
    reply: textIn(body, 'Details', 'DeliveryMessage'),
    label: `postmark ${textIn(body, 'Type') || type}`.toLowerCase(),
  };
  const messageId = textIn(objectIn(body, 'Metadata'), 'message-id') || textIn(body, 'MessageID');
  const at = textIn(body, 'BouncedAt', 'DeliveredAt', 'ChangedAt');
  const told = { id: `${type}/${textIn(body, 'ID', 'MessageID')}/${at}`, at: timeOf(at) };
  return [eventOf(kind, textIn(body, 'Email', 'Recipient'), words, { messageId }, told)];
}
