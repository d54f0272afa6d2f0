import { FEEDBACK_KINDS, type FeedbackKind } from '../report.ts';
import { eventOf, timeOf, type WebhookEvent } from './event.ts';
import { isObject, textIn } from './json.ts';

const SYNONYMS: Readonly<Record<string, FeedbackKind>> = {
  bounced: 'bounce',
  failed: 'bounce',
  delayed: 'delay',
  deferred: 'delay',
  delivery: 'delivered',
  complained: 'complaint',
  spam: 'complaint',
  unsubscribed: 'unsubscribe',
};

function kindIn(event: unknown): FeedbackKind | null {
  const word = textIn(event, 'kind', 'type', 'event').toLowerCase().replace(/^.*\./, '');
  return (
    FEEDBACK_KINDS.find((kind) => kind === word) ?? (Object.hasOwn(SYNONYMS, word) ? (SYNONYMS[word] ?? null) : null)
  );
}

/**
 * The generic route: one event, a list of them, or `{ events: […] }`; each `{ type, recipient, smtpCode?, status?, reply?,
 * messageId?, feedbackId? }`, the fields but `type` also in `data`, as Standard Webhooks has it.
 */
export function readGeneric(body: unknown): WebhookEvent[] | null {
  const list = isObject(body) && Array.isArray(body.events) ? body.events : Array.isArray(body) ? body : [body];
  const found = list.flatMap((event) => {
    const kind = kindIn(event);
    if (kind === null) return [];
    const data = isObject(event) && isObject(event.data) ? event.data : event;
    const words = {
      code: textIn(data, 'smtpCode', 'code'),
      status: textIn(data, 'status', 'enhancedCode'),
      reply: textIn(data, 'reply', 'text', 'reason', 'diagnostic'),
    };
    const mail = {
      messageId: textIn(data, 'messageId'),
      feedbackId: textIn(data, 'feedbackId'),
      returnPath: textIn(data, 'returnPath'),
    };
    const told = { id: textIn(event, 'id') || textIn(data, 'id'), at: timeOf(textIn(event, 'timestamp', 'at')) };
    return [eventOf(kind, textIn(data, 'recipient', 'email', 'address'), words, mail, told)];
  });
  return found.length > 0 ? found : null;
}
