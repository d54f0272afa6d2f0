import { eventOf, timeOf, type WebhookEvent } from './event.ts';
import { isObject, type JsonObject, listIn, objectIn, parseJson, textIn } from './json.ts';

/** Amazon SES, as it is, or in the envelope of SNS: notifications (`notificationType`) and events (`eventType`). */
export function readSes(body: JsonObject): WebhookEvent[] | null {
  const inner = textOfMessage(body);
  const message = inner === null ? body : parseJson(inner);
  if (!isObject(message)) return null;
  const type = textIn(message, 'eventType', 'notificationType');
  const sent = objectIn(message, 'mail');
  const mail = { messageId: messageIdOf(sent), returnPath: textIn(sent, 'source') };
  const told = (event: JsonObject) => ({
    id: `${textIn(sent, 'messageId')}/${type}/${textIn(event, 'feedbackId')}`,
    at: timeOf(textIn(event, 'timestamp')),
  });
  const all = (list: readonly unknown[], make: (recipient: unknown) => WebhookEvent): WebhookEvent[] => list.map(make);
  switch (type) {
    case 'Bounce': {
      const bounce = objectIn(message, 'bounce');
      const label = `ses ${textIn(bounce, 'bounceType')}/${textIn(bounce, 'bounceSubType')}`.toLowerCase();
      return all(listIn(bounce, 'bouncedRecipients'), (recipient) =>
        eventOf('bounce', textIn(recipient, 'emailAddress'), { ...wordsOf(recipient), label }, mail, told(bounce)),
      );
    }
    case 'Complaint': {
      const complaint = objectIn(message, 'complaint');
      const label = textIn(complaint, 'complaintFeedbackType') || 'abuse';
      const kind = label === 'not-spam' || label === 'auth-failure' ? 'unknown' : 'complaint';
      return all(listIn(complaint, 'complainedRecipients'), (recipient) =>
        eventOf(kind, textIn(recipient, 'emailAddress'), { label }, mail, told(complaint)),
      );
    }
    case 'Delivery': {
      const delivery = objectIn(message, 'delivery');
      return all(listIn(delivery, 'recipients'), (address) =>
        eventOf('delivered', String(address), { reply: textIn(delivery, 'smtpResponse') }, mail, told(delivery)),
      );
    }
    case 'DeliveryDelay': {
      const delay = objectIn(message, 'deliveryDelay');
      const label = `ses delay/${textIn(delay, 'delayType')}`.toLowerCase();
      return all(listIn(delay, 'delayedRecipients'), (recipient) =>
        eventOf('delay', textIn(recipient, 'emailAddress'), { ...wordsOf(recipient), label }, mail, told(delay)),
      );
    }
    default:
      return type === '' && textIn(body, 'Type') === '' ? null : [];
  }
}

const textOfMessage = (body: JsonObject): string | null =>
  textIn(body, 'Type') !== '' && typeof body.Message === 'string' ? body.Message : null;

const wordsOf = (recipient: unknown) => ({
  status: textIn(recipient, 'status'),
  reply: textIn(recipient, 'diagnosticCode'),
});

/** The Message-ID that we gave it, where headers are included; else SES's own, from which it makes one. */
const messageIdOf = (mail: JsonObject): string | null =>
  textIn(objectIn(mail, 'commonHeaders'), 'messageId') || textIn(mail, 'messageId') || null;
