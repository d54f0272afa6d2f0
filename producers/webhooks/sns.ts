import { timeOf } from '../../src/domain/feedback/webhooks/event.ts';
import { isObject, type JsonObject, parseJson, textIn } from '../../src/domain/feedback/webhooks/json.ts';
import {
  fromBase64,
  type Proofs,
  type Proven,
  type RouteKeys,
  refused,
  untimely,
  type WebhookRequest,
} from './request.ts';

/** SNS tries for an hour (delivery policies allow 3600 s), and clocks differ. */
const AGE_MS_MAX = 75 * 60_000;

const HOST = /^sns\.[a-z0-9-]{3,30}\.amazonaws\.com(?:\.cn)?$/;

/** Fields that are signed, in the order in which they are. */
const NOTIFICATION = ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type'] as const;
const CONFIRMATION = ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'] as const;

const decoder = new TextDecoder('utf-8', { fatal: false });

/** A URL of SNS's own, and of nobody's else: we ask for no other. */
function snsUrl(text: string): URL | null {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || url.protocol !== 'https:' || url.port !== '' || url.username !== '' || url.password !== '')
    return null;
  return HOST.test(url.hostname) ? url : null;
}

/**
 * A message of Amazon SNS to an HTTPS endpoint. The topic is looked at after the signature: anybody can have a topic, and SNS
 * signs for all of them.
 */
export function proveSns({ header, body }: WebhookRequest, route: RouteKeys, proofs: Proofs, now: number): Proven {
  if (header('x-amz-sns-rawdelivery')?.toLowerCase() === 'true') return refused('raw-delivery');
  const message = parseJson(decoder.decode(body));
  if (!isObject(message)) return refused('malformed');
  const type = own(message, 'Type');
  const signed = signedText(message, type);
  if (signed === null) return refused(own(message, 'Signature') === '' ? 'unsigned' : 'malformed');
  const signature = fromBase64(own(message, 'Signature'));
  if (signature === null) return refused('unsigned');
  const version = own(message, 'SignatureVersion');
  if (version !== '2' && !(version === '1' && route.allowSnsSignatureV1)) return refused('signature-version');
  const url = snsUrl(own(message, 'SigningCertURL'));
  if (url === null || !url.pathname.endsWith('.pem') || url.search !== '') return refused('certificate-host');
  const key = proofs.certificateKey(url.href);
  if (key === undefined) return { kind: 'needs-certificate', url: url.href };
  if (key === null) return refused('certificate-unusable');
  const kind = version === '2' ? 'rsa-sha256' : 'rsa-sha1';
  if (!proofs.verify(kind, key, [signed], signature)) return refused('bad-signature');
  const topic = own(message, 'TopicArn');
  if (!route.topics.includes(topic)) return refused('other-topic');
  const late = untimely(timeOf(own(message, 'Timestamp')), now, AGE_MS_MAX);
  if (late !== null) return refused(late);
  if (type === 'SubscriptionConfirmation') return confirmation(own(message, 'SubscribeURL'), topic);
  // Somebody has ended the subscription: that is the operator's business, and nothing to be undone here.
  return type === 'Notification' ? { kind: 'proven', id: textIn(message, 'MessageId') } : { kind: 'ignored' };
}

const own = (message: JsonObject, name: string): string => {
  const value = Object.hasOwn(message, name) ? message[name] : undefined;
  return typeof value === 'string' ? value : '';
};

function signedText(message: JsonObject, type: string): string | null {
  const names = type === 'Notification' ? NOTIFICATION : CONFIRMATION;
  const isKnown = ['Notification', 'SubscriptionConfirmation', 'UnsubscribeConfirmation'].includes(type);
  if (!isKnown || own(message, 'MessageId') === '') return null;
  let text = '';
  for (const name of names) {
    const isThere = Object.hasOwn(message, name) && typeof message[name] === 'string';
    if (!isThere && name !== 'Subject') return null;
    if (isThere) text += `${name}\n${own(message, name)}\n`;
  }
  return text;
}

function confirmation(text: string, topic: string): Proven {
  const url = snsUrl(text);
  const isOne = url?.searchParams.get('Action') === 'ConfirmSubscription' && url.searchParams.get('TopicArn') === topic;
  return url !== null && isOne ? { kind: 'confirm', url: url.href } : refused('subscribe-url');
}
