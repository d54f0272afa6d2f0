/** Verifies what an endpoint of `/v1/webhooks` is told (Standard Webhooks). Needs nothing but Web Crypto. */

/** What an event says. `data.id` is the mail's id. */
export interface WebhookEvent {
  /** For example `email.sent`. */
  readonly type: string;
  /** When it happened, RFC 3339. */
  readonly timestamp: string;
  readonly data: WebhookEventData;
}

export interface WebhookEventData {
  readonly id: string;
  readonly emailType: string;
  readonly recipient: string;
  readonly attempt: number;
  readonly source: string | null;
  readonly site: string | null;
  readonly smtpCode: number | null;
  readonly enhancedCode: string | null;
  readonly reply: string | null;
  readonly class: string | null;
  readonly reason: string | null;
  readonly messageId: string | null;
  readonly uncertain: boolean;
  readonly until: string | null;
  readonly campaign: string | null;
  readonly tags: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** A verified event under its id. The same id may come again, with the same content: whoever counts keeps the ids it has seen. */
export interface VerifiedWebhook {
  readonly id: string;
  readonly event: WebhookEvent;
}

export interface VerifyWebhookOptions {
  /** The secret, `whsec_…`; several while one follows another. */
  readonly secret: string | readonly string[];
  /** Headers as the server has them. */
  readonly headers: Headers | Readonly<Record<string, string | readonly string[] | undefined>>;
  /** The body as it came, before anything has parsed it. */
  readonly body: string | Uint8Array;
  /** A request whose time differs by more is refused, since it may be an old one sent again. Default 5 minutes. */
  readonly toleranceMs?: number;
  /** Milliseconds since 1970. Default: the clock. */
  readonly now?: number;
}

export type WebhookRefusal = 'header-missing' | 'too-old' | 'signature-wrong' | 'body-unreadable';

/** Why a request is not believed. Answer it with 400, and do nothing that it says. */
export class WebhookVerificationError extends Error {
  readonly refusal: WebhookRefusal;

  constructor(refusal: WebhookRefusal) {
    super(`the webhook is not believed: ${refusal}`);
    this.name = 'WebhookVerificationError';
    this.refusal = refusal;
  }
}

const TOLERANCE_MS = 5 * 60_000;
const SIGNATURES_MAX = 16;
const VERSION = 'v1,';
const PREFIX = 'whsec_';

/** The event, once its signature and time are found good. Throws `WebhookVerificationError` otherwise. */
export async function verifyWebhook(options: VerifyWebhookOptions): Promise<VerifiedWebhook> {
  const { headers, toleranceMs = TOLERANCE_MS, now = Date.now() } = options;
  const id = headerOf(headers, 'webhook-id');
  const timestamp = headerOf(headers, 'webhook-timestamp');
  const signatures = headerOf(headers, 'webhook-signature').split(' ').slice(0, SIGNATURES_MAX);
  if (!/^\d{1,12}$/.test(timestamp) || Math.abs(now - Number(timestamp) * 1_000) > toleranceMs) {
    throw new WebhookVerificationError('too-old');
  }
  const body = bytesOf(options.body);
  const signed = joined(bytesOf(`${id}.${timestamp}.`), body);
  const secrets = typeof options.secret === 'string' ? [options.secret] : options.secret;
  const given = signatures
    .filter((each) => each.startsWith(VERSION))
    .flatMap((each) => decoded(each.slice(VERSION.length)) ?? []);
  if (!(await isSigned(secrets, given, signed))) throw new WebhookVerificationError('signature-wrong');
  try {
    return { id, event: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) as WebhookEvent };
  } catch {
    throw new WebhookVerificationError('body-unreadable');
  }
}

async function isSigned(
  secrets: readonly string[],
  signatures: readonly Uint8Array<ArrayBuffer>[],
  signed: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  for (const secret of secrets) {
    const bytes = decoded(secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : secret);
    if (bytes === null) continue;
    const algorithm = { name: 'HMAC', hash: 'SHA-256' };
    const key = await crypto.subtle.importKey('raw', bytes, algorithm, false, ['verify']);
    // Web Crypto compares in constant time.
    for (const signature of signatures) if (await crypto.subtle.verify('HMAC', key, signature, signed)) return true;
  }
  return false;
}

function headerOf(headers: VerifyWebhookOptions['headers'], name: string): string {
  const value = headers instanceof Headers ? headers.get(name) : valueIn(headers, name);
  const single = typeof value === 'string' ? value : value?.[0];
  if (single === undefined || single === '') throw new WebhookVerificationError('header-missing');
  return single;
}

/** Node gives names in lower case; other servers keep them as they came. */
const valueIn = (headers: Readonly<Record<string, string | readonly string[] | undefined>>, name: string) =>
  headers[name] ?? Object.entries(headers).find(([each]) => each.toLowerCase() === name)?.[1];

const bytesOf = (value: string | Uint8Array): Uint8Array<ArrayBuffer> =>
  typeof value === 'string' ? new TextEncoder().encode(value) : new Uint8Array(value);

function joined(left: Uint8Array, right: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(left.length + right.length);
  both.set(left);
  both.set(right, left.length);
  return both;
}

/** Base64, or null for what is none. */
function decoded(text: string): Uint8Array<ArrayBuffer> | null {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return null;
  }
}
