import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { ApiKey } from '../contracts/generated.ts';
import { type Caller, callerOf, KEY_ID_LENGTH, parseApiKey, validHashes } from '../domain/api-key.ts';
import type { Millis } from '../domain/time.ts';

const SECRET_BYTES = 32;
const ID_ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';
/** Compared with where there is no such key, so that the answer takes as long. */
const NOBODY = Buffer.alloc(32);

/** A new secret, which is shown once, and the hash that is kept of it. */
export interface NewSecret {
  readonly secret: string;
  readonly hash: Buffer;
}

export const newKeyId = (): string =>
  `pl_${[...randomBytes(KEY_ID_LENGTH)].map((byte) => ID_ALPHABET[byte & 31]).join('')}`;

/** 256 bits of chance, as base64url. */
export function newSecret(): NewSecret {
  const secret = randomBytes(SECRET_BYTES).toString('base64url');
  return { secret, hash: hashSecret(secret) };
}

/** SHA-256: a secret of 256 random bits needs no slow hash. */
const hashSecret = (secret: string): Buffer => createHash('sha256').update(secret).digest();

/** Who holds this key; null where it is none of ours, expired or revoked. Compares in constant time. */
export function authenticate(text: string, keyOf: (keyId: string) => ApiKey | undefined, now: Millis): Caller | null {
  const parsed = parseApiKey(text);
  if (parsed === null) return null;
  const hash = hashSecret(parsed.secret);
  const key = keyOf(parsed.keyId);
  const known = key === undefined ? [] : validHashes(key, now);
  let found = false;
  for (const candidate of known.length > 0 ? known : [NOBODY]) {
    if (candidate.length === hash.length && timingSafeEqual(candidate, hash)) found = true;
  }
  return found && key !== undefined ? callerOf(key) : null;
}
