import { fromBase32, toBase32 } from './base32.ts';

/** First half of the local part of every return path of ours; alone, it is the path of mail that carries no token. */
export const RETURN_PATH_MAILBOX = 'b';
/** 80 bits. A forger has to try 2^79 of them at our own server, one SMTP command each. */
export const SIGNATURE_BYTES = 10;
/** `b+`, 45 characters of these and 16 of signature make 63 of the 64 that a local part may have. */
export const IDENTITY_BYTES_MAX = 28;
/** Of the hash that stands for a job with long names. */
export const DIGEST_BYTES = 16;

/** Which job a return path belongs to: by name where that fits, else by digest. */
export type JobReference =
  | { readonly kind: 'job'; readonly tenant: string; readonly jobId: string }
  /** The first 16 bytes of the hash of `digestInput`. */
  | { readonly kind: 'digest'; readonly digest: Uint8Array };

const FORM_DIGEST = 0;
const FORM_TEXT = 1;
const FORM_UUID = 2;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** What is hashed for a job whose names are too long to be carried. */
export const digestInput = (tenant: string, jobId: string): string => `return-path\u0000${tenant}\u0000${jobId}`;

function withForm(form: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 1));
  bytes[0] = form;
  let at = 1;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

const hexBytes = (hex: string): Uint8Array =>
  Uint8Array.from({ length: hex.length / 2 }, (_, index) => Number.parseInt(hex.slice(index * 2, index * 2 + 2), 16));

const uuidText = (bytes: Uint8Array): string =>
  [...bytes]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');

/**
 * The bytes that a token carries, at most 28. Names travel as they are where they fit (UUIDs as 16 bytes), so that a
 * bounce finds its job without an index; otherwise `digest()` is asked for the hash of `digestInput`.
 */
export function packJob(tenant: string, jobId: string, digest: () => Uint8Array): Uint8Array {
  const encoder = new TextEncoder();
  const tenantBytes = encoder.encode(tenant === 'default' ? '' : tenant);
  const packed = UUID.test(jobId)
    ? withForm(FORM_UUID, hexBytes(jobId.replaceAll('-', '')), tenantBytes)
    : withForm(FORM_TEXT, tenantBytes, Uint8Array.of(0), encoder.encode(jobId));
  const ambiguous = tenant === '' || tenant.includes('\u0000') || jobId.includes('\u0000');
  if (!ambiguous && packed.length <= IDENTITY_BYTES_MAX) return packed;
  return withForm(FORM_DIGEST, digest().subarray(0, DIGEST_BYTES));
}

/** True where a token carries only the digest of a job. */
export const isDigested = (tenant: string, jobId: string): boolean =>
  packJob(tenant, jobId, () => new Uint8Array(DIGEST_BYTES))[0] === FORM_DIGEST;

/** Reads what `packJob` wrote; `null` for anything else. */
export function unpackJob(bytes: Uint8Array): JobReference | null {
  const content = bytes.subarray(1);
  const decoder = new TextDecoder('utf-8', { fatal: false });
  const tenantOf = (part: Uint8Array): string => decoder.decode(part) || 'default';
  if (bytes[0] === FORM_DIGEST) return content.length === DIGEST_BYTES ? { kind: 'digest', digest: content } : null;
  if (bytes[0] === FORM_UUID && content.length >= 16) {
    return { kind: 'job', tenant: tenantOf(content.subarray(16)), jobId: uuidText(content.subarray(0, 16)) };
  }
  const zero = content.indexOf(0);
  if (bytes[0] !== FORM_TEXT || zero < 0) return null;
  return {
    kind: 'job',
    tenant: tenantOf(content.subarray(0, zero)),
    jobId: decoder.decode(content.subarray(zero + 1)),
  };
}

/** The local part of a return path: `b+<token>`, lower case, at most 64 octets. */
export const returnPathLocal = (identity: Uint8Array, signature: Uint8Array): string =>
  `${RETURN_PATH_MAILBOX}+${toBase32(signature.subarray(0, SIGNATURE_BYTES))}${toBase32(identity)}`;

/** Takes a return path's local part apart; nothing of it is to be believed before the signature was checked. */
export function readReturnPathLocal(
  local: string,
): { readonly identity: Uint8Array; readonly signature: Uint8Array } | null {
  const lower = local.toLowerCase();
  const prefix = `${RETURN_PATH_MAILBOX}+`;
  if (!lower.startsWith(prefix) || lower.length > 64) return null;
  const token = lower.slice(prefix.length);
  const signature = fromBase32(token.slice(0, (SIGNATURE_BYTES * 8) / 5));
  const identity = fromBase32(token.slice((SIGNATURE_BYTES * 8) / 5));
  if (signature === null || identity === null || signature.length !== SIGNATURE_BYTES) return null;
  return identity.length === 0 ? null : { identity, signature };
}
