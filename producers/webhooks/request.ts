import type { Millis } from '../../src/domain/time.ts';

/** A call as it came. Nothing of it is to be believed. */
export interface WebhookRequest {
  /** By its name in lower case. */
  readonly header: (name: string) => string | undefined;
  /** As it came: what was signed. */
  readonly body: Uint8Array;
}

/** What is known of whoever calls a route. */
export interface RouteKeys {
  readonly name: string;
  readonly format: 'ses' | 'sendgrid' | 'mailgun' | 'postmark' | 'generic';
  /** Any of them proves the sender, so that one can follow the other. Keys of HMAC, or `user:password`. */
  readonly secrets: readonly Uint8Array[];
  /** Opaque here: `Proofs.verify` knows them. */
  readonly publicKeys: readonly unknown[];
  /** SNS topics that may speak. */
  readonly topics: readonly string[];
  readonly allowSnsSignatureV1: boolean;
}

/** What verifying needs of cryptography, and of what came before. */
export interface Proofs {
  readonly hmac: (key: Uint8Array, parts: readonly (string | Uint8Array)[]) => Uint8Array;
  /** In constant time. False for other lengths. */
  readonly equal: (left: Uint8Array, right: Uint8Array) => boolean;
  /** False for anything that is no signature; never throws. */
  readonly verify: (
    kind: 'rsa-sha1' | 'rsa-sha256' | 'ecdsa-sha256',
    key: unknown,
    parts: readonly (string | Uint8Array)[],
    signature: Uint8Array,
  ) => boolean;
  /** Stands for the parts. */
  readonly hash: (parts: readonly (string | Uint8Array)[]) => string;
  /** Key of the certificate at a URL that was checked; undefined where it must be fetched first, null where it is none. */
  readonly certificateKey: (url: string) => unknown;
  /** The content that came under an id before, as `hash` tells it; undefined for none. */
  readonly known: (id: string) => string | undefined;
}

/** Why a call is refused. A closed list: it is counted. */
export type Refusal =
  | 'malformed' // not what the provider sends
  | 'unsigned' // nothing that could prove anything
  | 'bad-signature'
  | 'signature-version' // SNS with SHA-1, and the route does not allow it
  | 'certificate-host' // a certificate that is none of Amazon's
  | 'certificate-unusable'
  | 'raw-delivery' // SNS without its envelope has no signature
  | 'other-topic'
  | 'subscribe-url'
  | 'stale'
  | 'from-the-future'
  | 'token-reused'; // one signature for two contents

/** What a route makes of a call, before it is looked at whether it came before. */
export type Proven =
  | { readonly kind: 'refused'; readonly why: Refusal }
  /** Fetch the certificate, and ask again. */
  | { readonly kind: 'needs-certificate'; readonly url: string }
  /** `id` is what its sender calls this delivery. */
  | { readonly kind: 'proven'; readonly id: string }
  /** Subscribe by asking for the URL. */
  | { readonly kind: 'confirm'; readonly url: string }
  /** Genuine, and nothing follows from it. */
  | { readonly kind: 'ignored' };

export const refused = (why: Refusal): Proven => ({ kind: 'refused', why });

/** Clocks differ by some minutes. */
const AHEAD_MS_MAX = 5 * 60_000;

/** Null where a call of that time is neither too old nor from the future. */
export function untimely(at: Millis | null, now: Millis, ageMsMax: number): Refusal | null {
  if (at === null || !Number.isFinite(at)) return 'malformed';
  if (at > now + AHEAD_MS_MAX) return 'from-the-future';
  return at < now - ageMsMax ? 'stale' : null;
}

const BASE64 = /^[A-Za-z0-9+/]{4,}={0,2}$/;
/** Longest text that is decoded: an RSA signature of 4096 bits is 684. */
const BASE64_LENGTH_MAX = 2_048;

/** Bytes of a base64 text; null where it is none. */
export function fromBase64(text: string): Uint8Array | null {
  if (text.length > BASE64_LENGTH_MAX || !BASE64.test(text) || text.length % 4 !== 0) return null;
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
