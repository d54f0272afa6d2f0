import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes } from 'node:crypto';
import { PostlaneError } from '../domain/error.ts';

const PREFIX = 'whsec_';
const SECRET_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const VERSION = 1;
const ID_ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';
const ENDPOINT_ID_LENGTH = 16;
const REPLAY_ID_LENGTH = 12;

const newId = (prefix: string, length: number): string =>
  `${prefix}${[...randomBytes(length)].map((byte) => ID_ALPHABET[byte & 31]).join('')}`;

export const newEndpointId = (): string => newId('we_', ENDPOINT_ID_LENGTH);
export const newReplayId = (): string => newId('wr_', REPLAY_ID_LENGTH);

/** A new secret as its owner is shown it: `whsec_` and 32 random bytes in base64 (Standard Webhooks). */
export const newWebhookSecret = (): string => `${PREFIX}${randomBytes(SECRET_BYTES).toString('base64')}`;

/** Of whatever length the key's text is, what AES-256 takes. */
const keyOf = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Every line of the key's text is a key: the first seals, and all of them open, so that a key can be changed. */
const keysOf = (text: string): readonly Buffer[] =>
  text
    .split(/\r?\n/)
    .filter((line) => line !== '')
    .map(keyOf);

/** Encrypts a secret so that only this installation can read it, and only as that of this endpoint. */
export function sealSecret(secret: string, endpointId: string, keyText: string): Buffer {
  const [key] = keysOf(keyText);
  if (key === undefined) throw new PostlaneError('SECRET_UNAVAILABLE', { reason: 'the key of webhooks is empty' });
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(endpointId));
  const sealed = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()]);
  return Buffer.concat([Buffer.from([VERSION]), iv, cipher.getAuthTag(), sealed]);
}

/** Throws SECRET_UNAVAILABLE where none of the keys has sealed it for this endpoint. */
export function openSecret(sealed: Uint8Array, endpointId: string, keyText: string): string {
  const bytes = Buffer.from(sealed);
  const iv = bytes.subarray(1, 1 + IV_BYTES);
  const tag = bytes.subarray(1 + IV_BYTES, 1 + IV_BYTES + TAG_BYTES);
  for (const key of bytes[0] === VERSION ? keysOf(keyText) : []) {
    try {
      const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: TAG_BYTES });
      decipher.setAAD(Buffer.from(endpointId)).setAuthTag(tag);
      return decipher.update(bytes.subarray(1 + IV_BYTES + TAG_BYTES), undefined, 'utf8') + decipher.final('utf8');
    } catch {
      // Another key has sealed it, perhaps.
    }
  }
  throw new PostlaneError('SECRET_UNAVAILABLE', { reason: 'no key of webhooks opens the secret', endpointId });
}

/** The `webhook-signature` header: one signature per secret, so that a receiver that has changed to the new one takes it as well. */
export const webhookSignature = (
  secrets: readonly string[],
  { id, timestamp, body }: { readonly id: string; readonly timestamp: number; readonly body: string },
): string =>
  secrets
    .map((secret) => {
      const key = Buffer.from(secret.slice(PREFIX.length), 'base64');
      return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
    })
    .join(' ');
