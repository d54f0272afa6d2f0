import type { ApiKey } from '../contracts/generated.ts';
import type { Millis } from './time.ts';

/**
 * What a key to the HTTP API may do. `suppressions:all`: the other two suppression scopes then mean the list of the whole
 * installation and not the tenant's own.
 */
export const API_SCOPES = [
  'emails:send',
  'emails:read',
  'emails:cancel',
  'suppressions:read',
  'suppressions:write',
  'suppressions:all',
  'templates:read',
  'templates:write',
  'webhooks:read',
  'webhooks:write',
] as const;
export type ApiScope = (typeof API_SCOPES)[number];

export const isApiScope = (text: string): text is ApiScope => (API_SCOPES as readonly string[]).includes(text);

/** Characters of a key id: lower-case base32, 60 bits of chance. */
export const KEY_ID_LENGTH = 12;

const KEY = /^(pl_[a-z2-7]{12})_([A-Za-z0-9_-]{43})$/;

/** The two halves of a key as it is handed out, `pl_<id>_<secret>`; null for anything else. */
export function parseApiKey(text: string): { readonly keyId: string; readonly secret: string } | null {
  const [, keyId, secret] = KEY.exec(text) ?? [];
  return keyId === undefined || secret === undefined ? null : { keyId, secret };
}

/** Hashes of the secrets under which a key is valid at a time; none of a revoked one. */
export const validHashes = (key: ApiKey, now: Millis): readonly Uint8Array[] =>
  key.revoked ? [] : key.secrets.filter(({ until }) => until === null || now < until).map(({ hash }) => hash);

/** Whom a request is made for: what is known of the caller once its key has been found good. */
export interface Caller {
  readonly keyId: string;
  readonly tenant: string;
  readonly scopes: ReadonlySet<ApiScope>;
  readonly requestsPerSecond: number | null;
  readonly mailsPerDay: number | null;
}

/** The caller behind a key. Scopes that this version does not know grant nothing. */
export const callerOf = (key: ApiKey): Caller => ({
  keyId: key.keyId,
  tenant: key.tenant,
  scopes: new Set(key.scopes.filter(isApiScope)),
  requestsPerSecond: key.requestsPerSecond,
  mailsPerDay: key.mailsPerDay,
});

/** The key under another secret. The old ones stay valid until `until`, so that whoever holds them has time to change. */
export const rotated = (key: ApiKey, hash: Buffer, until: Millis, now: Millis): ApiKey => ({
  ...key,
  secrets: [
    { hash, until: null },
    ...key.secrets
      .filter((secret) => secret.until === null || now < secret.until)
      .slice(0, SECRETS_KEPT)
      .map((secret) => ({ ...secret, until: Math.min(secret.until ?? until, until) })),
  ],
});

/** Old secrets that stay valid beside a new one. */
const SECRETS_KEPT = 1;
