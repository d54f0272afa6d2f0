import { isEmailType } from '../../job.ts';
import { UNWANTED } from '../../unsubscribe.ts';
import { eventOf, type WebhookEvent } from './event.ts';
import { type JsonObject, textIn } from './json.ts';

/** What somebody said who followed a link of ours: what the link says, and what is not wanted any more. */
export function readUnsubscribe(body: JsonObject): WebhookEvent[] | null {
  const [tenant, type, recipient] = [textIn(body, 'tenant'), textIn(body, 'type'), textIn(body, 'recipient')];
  const unwanted = UNWANTED.find((one) => one === textIn(body, 'unwanted'));
  if (tenant === '' || recipient === '' || !isEmailType(type) || unwanted === undefined) return null;
  const event = eventOf('unsubscribe', recipient, {}, {}, { id: textIn(body, 'id') });
  return [{ ...event, link: { tenant, type, recipient, jobId: textIn(body, 'jobId') || null, unwanted } }];
}
