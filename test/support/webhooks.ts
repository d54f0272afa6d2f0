import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { cryptography } from '../../producers/webhooks/proofs.ts';
import type { Proofs, RouteKeys, WebhookRequest } from '../../producers/webhooks/request.ts';
import { NOW } from './feedback.ts';

/** Keys of providers, and those of somebody who would like to be one. */
const rsa = () => generateKeyPairSync('rsa', { modulusLength: 2_048 });
const ec = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
export const amazon = rsa();
export const sendgrid = ec();
export const impostor = { rsa: rsa(), ec: ec() };

export const TOPIC = 'arn:aws:sns:eu-west-1:123456789012:mail';
export const CERTIFICATE_URL = 'https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0.pem';
export const MAILGUN_KEY = 'key-of-mailgun-for-webhooks';
export const POSTMARK_LOGIN = 'postmark:a-password-of-some-length';
export const GENERIC_SECRET = Buffer.from('thirty-two bytes of a secret key');

const route = (over: Partial<RouteKeys> & Pick<RouteKeys, 'name' | 'format'>): RouteKeys => ({
  secrets: [],
  publicKeys: [],
  topics: [],
  allowSnsSignatureV1: false,
  ...over,
});

export const routes = {
  ses: route({ name: 'ses', format: 'ses', topics: [TOPIC] }),
  sendgrid: route({ name: 'sendgrid', format: 'sendgrid', publicKeys: [sendgrid.publicKey] }),
  mailgun: route({ name: 'mailgun', format: 'mailgun', secrets: [Buffer.from(MAILGUN_KEY)] }),
  postmark: route({ name: 'postmark', format: 'postmark', secrets: [Buffer.from(POSTMARK_LOGIN)] }),
  generic: route({ name: 'generic', format: 'generic', secrets: [GENERIC_SECRET] }),
} as const;

/** `known`: deliveries that were kept, by id. */
export const proofs = (known: ReadonlyMap<string, string> = new Map()): Proofs => ({
  ...cryptography,
  certificateKey: (url) => (url === CERTIFICATE_URL ? amazon.publicKey : undefined),
  known: (id) => known.get(id),
});

export const request = (body: string | Uint8Array, headers: Readonly<Record<string, string>> = {}): WebhookRequest => ({
  body: Buffer.from(body),
  header: (name) => headers[name],
});

/** A hard bounce of Ada's, as every provider would tell it. */
const WORDS = '550 5.1.1 user unknown';
const ADDRESS = 'ada@inbox.example';
const MESSAGE_ID = 'job-1@shop.example';

export const sesEvent = {
  notificationType: 'Bounce',
  mail: { messageId: 'ses-1', commonHeaders: { messageId: `<${MESSAGE_ID}>` } },
  bounce: {
    bounceType: 'Permanent',
    feedbackId: 'f-1',
    bouncedRecipients: [{ emailAddress: ADDRESS, status: '5.1.1', diagnosticCode: `smtp; ${WORDS}` }],
  },
};

export const sendgridEvents = [
  { event: 'bounce', email: ADDRESS, sg_event_id: 'e-1', 'smtp-id': `<${MESSAGE_ID}>`, reason: WORDS, status: '5.1.1' },
];

export const mailgunEvent = {
  event: 'failed',
  severity: 'permanent',
  id: 'e-1',
  recipient: ADDRESS,
  message: { headers: { 'message-id': MESSAGE_ID } },
  'delivery-status': { code: 550, message: WORDS },
};

export const postmarkEvent = {
  RecordType: 'Bounce',
  Type: 'HardBounce',
  ID: 42,
  MessageID: MESSAGE_ID,
  Email: ADDRESS,
  Details: WORDS,
};

export const genericEvent = {
  type: 'email.bounced',
  data: { recipient: ADDRESS, messageId: MESSAGE_ID, reply: WORDS },
};

const NOTIFICATION = ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type'];
const CONFIRMATION = ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'];

/** A message of SNS; fields of `after` are put in once it is signed. */
export function sns(
  over: Readonly<Record<string, string>> = {},
  options: {
    readonly key?: KeyObject;
    readonly version?: '1' | '2';
    readonly after?: object;
    readonly without?: string;
  } = {},
): WebhookRequest {
  const version = options.version ?? '2';
  const fields: Record<string, string> = {
    Type: 'Notification',
    MessageId: 'm-1',
    TopicArn: TOPIC,
    Message: JSON.stringify(sesEvent),
    Timestamp: new Date(NOW - 1_000).toISOString(),
    SignatureVersion: version,
    SigningCertURL: CERTIFICATE_URL,
    ...over,
  };
  if (options.without !== undefined) delete fields[options.without];
  const names = fields.Type === 'Notification' ? NOTIFICATION : CONFIRMATION;
  const text = names.flatMap((name) => (name in fields ? [`${name}\n${fields[name]}\n`] : [])).join('');
  const signature = sign(version === '1' ? 'sha1' : 'sha256', Buffer.from(text), options.key ?? amazon.privateKey);
  return request(JSON.stringify({ ...fields, Signature: signature.toString('base64'), ...options.after }));
}

export const subscription = (over: Readonly<Record<string, string>> = {}) =>
  sns({
    Type: 'SubscriptionConfirmation',
    Token: 't-1',
    Message: 'You have chosen to subscribe',
    SubscribeURL: `https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=${TOPIC}&Token=t-1`,
    ...over,
  });

export function sendgridCall(
  over: { readonly at?: number; readonly body?: string; readonly signed?: string; readonly key?: KeyObject } = {},
): WebhookRequest {
  const body = over.body ?? JSON.stringify(sendgridEvents);
  const timestamp = String(Math.floor((over.at ?? NOW) / 1_000));
  const signature = sign('sha256', Buffer.from(timestamp + (over.signed ?? body)), over.key ?? sendgrid.privateKey);
  return request(body, {
    'x-twilio-email-event-webhook-signature': signature.toString('base64'),
    'x-twilio-email-event-webhook-timestamp': timestamp,
  });
}

export function mailgunCall(
  over: {
    readonly at?: number;
    readonly event?: object;
    readonly token?: string;
    readonly key?: string;
    readonly after?: object;
  } = {},
): WebhookRequest {
  const timestamp = String(Math.floor((over.at ?? NOW) / 1_000));
  const token = over.token ?? 'a'.repeat(50);
  const signature = createHmac('sha256', over.key ?? MAILGUN_KEY)
    .update(timestamp + token)
    .digest('hex');
  const signed = { timestamp, token, signature, ...over.after };
  return request(JSON.stringify({ signature: signed, 'event-data': over.event ?? mailgunEvent }));
}

export const postmarkCall = (login: string | null = POSTMARK_LOGIN, event: object = postmarkEvent): WebhookRequest =>
  request(
    JSON.stringify(event),
    login === null ? {} : { authorization: `Basic ${Buffer.from(login).toString('base64')}` },
  );

export function genericCall(
  over: {
    readonly at?: number;
    readonly id?: string;
    readonly body?: string;
    readonly signed?: string;
    readonly key?: Buffer;
    readonly headers?: object;
  } = {},
): WebhookRequest {
  const body = over.body ?? JSON.stringify(genericEvent);
  const timestamp = String(Math.floor((over.at ?? NOW) / 1_000));
  const id = over.id ?? 'msg_1';
  const hmac = createHmac('sha256', over.key ?? GENERIC_SECRET).update(`${id}.${timestamp}.${over.signed ?? body}`);
  return request(body, {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': `v1,${hmac.digest('base64')}`,
    ...over.headers,
  });
}
