import { createHash, createHmac, type KeyObject, timingSafeEqual, verify } from 'node:crypto';
import type { Proofs } from './request.ts';

const joined = (parts: readonly (string | Uint8Array)[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));

const HASHES = { 'rsa-sha1': 'sha1', 'rsa-sha256': 'sha256', 'ecdsa-sha256': 'sha256' } as const;

/** The cryptography of `Proofs`. */
export const cryptography: Pick<Proofs, 'hmac' | 'equal' | 'verify' | 'hash'> = {
  hmac(key, parts) {
    const hmac = createHmac('sha256', key);
    for (const part of parts) hmac.update(part);
    return hmac.digest();
  },
  equal: (left, right) => left.length === right.length && timingSafeEqual(left, right),
  verify(kind, key, parts, signature) {
    try {
      return verify(HASHES[kind], joined(parts), { key: key as KeyObject, dsaEncoding: 'der' }, signature);
    } catch {
      return false;
    }
  },
  hash(parts) {
    const hashing = createHash('sha256');
    for (const part of parts) hashing.update(part);
    return hashing.digest('base64url');
  },
};
