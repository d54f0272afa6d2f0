import { timeOf } from '../../src/domain/feedback/webhooks/event.ts';
import { isObject, objectIn, parseJson, textIn } from '../../src/domain/feedback/webhooks/json.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/domain/time.ts';
import {
  fromBase64,
  type Proofs,
  type Proven,
  type RouteKeys,
  refused,
  untimely,
  type WebhookRequest,
} from './request.ts';

/** SendGrid documents no tolerance; it signs each try anew. */
const SENDGRID_AGE_MS_MAX = 10 * MINUTE_MS;
/** Mailgun tries for eight hours. What is older is refused, so that tokens need not be remembered for longer. */
export const MAILGUN_AGE_MS_MAX = 12 * HOUR_MS;
/** Postmark signs no time: that of the event is looked at, and it tries for half a day. */
const POSTMARK_AGE_MS_MAX = 3 * DAY_MS;
/** As the libraries of Standard Webhooks have it. */
const GENERIC_AGE_MS_MAX = 5 * MINUTE_MS;
const SIGNATURES_MAX = 10;
const IDENTIFIER_LENGTH_MAX = 256;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: false });

const seconds = (text: string): number | null => (/^\d{9,11}$/.test(text) ? Number(text) * 1_000 : null);

/** ECDSA over time and body. */
export function proveSendgrid({ header, body }: WebhookRequest, route: RouteKeys, proofs: Proofs, now: number): Proven {
  const written = header('x-twilio-email-event-webhook-signature') ?? '';
  const timestamp = header('x-twilio-email-event-webhook-timestamp') ?? '';
  if (written === '' || timestamp === '') return refused('unsigned');
  const signature = fromBase64(written);
  if (signature === null) return refused('bad-signature');
  const isGenuine = route.publicKeys.some((key) => proofs.verify('ecdsa-sha256', key, [timestamp, body], signature));
  if (!isGenuine) return refused('bad-signature');
  const late = untimely(seconds(timestamp), now, SENDGRID_AGE_MS_MAX);
  // A signature can be written in several ways: what it signs cannot.
  return late === null ? { kind: 'proven', id: proofs.hash([timestamp, '\n', body]) } : refused(late);
}

/** HMAC over time and token, and not over the event: whoever sees one such triple could tell us anything, if it served twice. */
export function proveMailgun({ body }: WebhookRequest, route: RouteKeys, proofs: Proofs, now: number): Proven {
  const message = parseJson(decoder.decode(body));
  if (!isObject(message)) return refused('malformed');
  const signed = objectIn(message, 'signature');
  const [timestamp, token, signature] = [
    textIn(signed, 'timestamp'),
    textIn(signed, 'token'),
    textIn(signed, 'signature'),
  ];
  if (timestamp === '' || token === '' || signature === '') return refused('unsigned');
  if (!isObject(message['event-data']) || token.length > IDENTIFIER_LENGTH_MAX) return refused('malformed');
  // Together they are signed without a border: the time has ten digits, or the border could be moved.
  if (!/^\d{10}$/.test(timestamp)) return refused('malformed');
  const isGenuine = route.secrets.some((key) =>
    proofs.equal(encoder.encode(hexOf(proofs.hmac(key, [timestamp, token]))), encoder.encode(signature.toLowerCase())),
  );
  if (!isGenuine) return refused('bad-signature');
  const late = untimely(seconds(timestamp), now, MAILGUN_AGE_MS_MAX);
  return late === null ? { kind: 'proven', id: token } : refused(late);
}

const hexOf = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** Basic authentication (RFC 7617): Postmark signs nothing. */
export function provePostmark({ header, body }: WebhookRequest, route: RouteKeys, proofs: Proofs, now: number): Proven {
  const [, written = ''] = /^basic +(\S+) *$/i.exec(header('authorization') ?? '') ?? [];
  const credentials = written === '' ? null : fromBase64(written);
  if (credentials === null) return refused('unsigned');
  if (!route.secrets.some((secret) => proofs.equal(secret, credentials))) return refused('bad-signature');
  const message = parseJson(decoder.decode(body));
  if (!isObject(message) || textIn(message, 'RecordType') === '') return refused('malformed');
  const at = timeOf(textIn(message, 'BouncedAt', 'DeliveredAt', 'ChangedAt'));
  const late = at === null ? null : untimely(at, now, POSTMARK_AGE_MS_MAX);
  return late === null ? { kind: 'proven', id: proofs.hash([body]) } : refused(late);
}

/** Standard Webhooks: HMAC over id, time and body. */
export function proveGeneric({ header, body }: WebhookRequest, route: RouteKeys, proofs: Proofs, now: number): Proven {
  const id = header('webhook-id') ?? '';
  const timestamp = header('webhook-timestamp') ?? '';
  const written = header('webhook-signature') ?? '';
  if (id === '' || timestamp === '' || written === '') return refused('unsigned');
  // The parts are signed with a dot between them.
  if (id.length > IDENTIFIER_LENGTH_MAX || id.includes('.')) return refused('malformed');
  const signatures = written
    .split(' ')
    .slice(0, SIGNATURES_MAX)
    .flatMap((one) => (one.startsWith('v1,') ? [fromBase64(one.slice(3))] : []))
    .filter((bytes) => bytes !== null);
  const isGenuine = route.secrets.some((key) => {
    const expected = proofs.hmac(key, [`${id}.${timestamp}.`, body]);
    return signatures.some((signature) => proofs.equal(expected, signature));
  });
  if (!isGenuine) return refused('bad-signature');
  const late = untimely(seconds(timestamp), now, GENERIC_AGE_MS_MAX);
  return late === null ? { kind: 'proven', id } : refused(late);
}
