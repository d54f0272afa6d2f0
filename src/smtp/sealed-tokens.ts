import { createCipheriv, createDecipheriv, createHmac, timingSafeEqual } from 'node:crypto';
import { assert } from '../domain/error.ts';

/** Shorter keys can be guessed from one token. */
export const TOKEN_KEY_BYTES_MIN = 16;

const TAG_BYTES = 16;
const BASE64URL = /^[A-Za-z0-9_-]+$/;

/** Two keys from one, so that neither says anything about the other. */
interface Key {
  readonly tag: Buffer;
  readonly cipher: Buffer;
}

/**
 * Makes tokens of bytes, and reads its own. A token says nothing to whoever sees it, cannot be made without the key, and is the
 * same for the same bytes, so that a second copy of a mail is byte-identical to the first: the tag is a keyed hash of what it
 * holds, and the initial value of the cipher (the construction of RFC 5297).
 */
export class SealedTokens {
  private readonly keys: readonly Key[];
  private readonly lengthMax: number;

  /** The first key makes tokens; all of them read. `purpose` parts the tokens of one key; longer ones than `lengthMax` are none of ours. */
  constructor(purpose: string, keys: readonly Uint8Array[], lengthMax: number) {
    assert(keys.length > 0, 'no key for links');
    for (const key of keys) assert(key.length >= TOKEN_KEY_BYTES_MIN, 'a key for links is too short');
    this.keys = keys.map((key) => ({ tag: derived(key, purpose, 'tag'), cipher: derived(key, purpose, 'cipher') }));
    this.lengthMax = lengthMax;
  }

  seal(content: Uint8Array): string {
    const key = this.keys[0] as Key;
    const tag = tagOf(key, content);
    const cipher = createCipheriv('aes-256-ctr', key.cipher, tag);
    return Buffer.concat([tag, cipher.update(content), cipher.final()]).toString('base64url');
  }

  /** What a token holds; null where we did not make it. */
  open(token: string): Buffer | null {
    if (token.length > this.lengthMax || !BASE64URL.test(token)) return null;
    const bytes = Buffer.from(token, 'base64url');
    // One token, one spelling: bits that nobody reads must not make another one.
    if (bytes.length <= TAG_BYTES || bytes.toString('base64url') !== token) return null;
    const tag = bytes.subarray(0, TAG_BYTES);
    for (const key of this.keys) {
      const cipher = createDecipheriv('aes-256-ctr', key.cipher, tag);
      const content = Buffer.concat([cipher.update(bytes.subarray(TAG_BYTES)), cipher.final()]);
      if (timingSafeEqual(tagOf(key, content), tag)) return content;
    }
    return null;
  }
}

const derived = (key: Uint8Array, purpose: string, half: 'tag' | 'cipher'): Buffer =>
  createHmac('sha256', key).update(`postlane ${purpose}\0${half}`).digest();

const tagOf = ({ tag }: Key, content: Uint8Array): Buffer =>
  createHmac('sha256', tag).update(content).digest().subarray(0, TAG_BYTES);
