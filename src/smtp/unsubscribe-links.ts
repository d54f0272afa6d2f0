import { createCipheriv, createDecipheriv, createHmac, timingSafeEqual } from 'node:crypto';
import type { EmailJob } from '../contracts/generated.ts';
import { assert } from '../domain/error.ts';
import { isEmailType } from '../domain/job.ts';
import { packLink, type UnsubscribeLink, unpackLink } from '../domain/unsubscribe.ts';

/** Shorter keys can be guessed from one link. */
export const UNSUBSCRIBE_KEY_BYTES_MIN = 16;

const TAG_BYTES = 16;
/** Longer ones are none of ours. */
const TOKEN_LENGTH_MAX = 800;
const BASE64URL = /^[A-Za-z0-9_-]+$/;

/** Two keys from one, so that neither says anything about the other. */
interface Key {
  readonly tag: Buffer;
  readonly cipher: Buffer;
}

/**
 * Makes unsubscribe links, and reads its own. A token says nothing to whoever sees it, cannot be made without the key, and
 * is the same for the same job, so that a second copy of a mail is byte-identical to the first: the tag is a keyed hash of
 * what it holds, and the initial value of the cipher (the construction of RFC 5297).
 */
export class UnsubscribeLinks {
  private readonly baseUrl: string;
  private readonly keys: readonly Key[];

  /** The first key makes links; all of them read, because mails are kept for years. */
  constructor(baseUrl: string, keys: readonly Uint8Array[]) {
    assert(keys.length > 0, 'no key for unsubscribe links');
    for (const key of keys) {
      assert(key.length >= UNSUBSCRIBE_KEY_BYTES_MIN, 'a key for unsubscribe links is too short');
    }
    this.baseUrl = baseUrl.replace(/\/+$/, '');
    this.keys = keys.map((key) => ({ tag: derived(key, 'tag'), cipher: derived(key, 'cipher') }));
  }

  /** Path of the links, without what comes behind it. */
  get path(): string {
    return new URL(this.baseUrl).pathname.replace(/\/+$/, '');
  }

  /** The link for a job; null where its names are too long for one. */
  linkOf({ id, tenant, type, recipient }: Pick<EmailJob, 'id' | 'tenant' | 'type' | 'recipient'>): string | null {
    if (!isEmailType(type)) return null;
    const token = this.tokenFor({ tenant, type, recipient, jobId: id });
    return token === null ? null : `${this.baseUrl}/${token}`;
  }

  tokenFor(link: UnsubscribeLink): string | null {
    const content = packLink(link);
    if (content === null) return null;
    const key = this.keys[0] as Key;
    const tag = tagOf(key, content);
    const cipher = createCipheriv('aes-256-ctr', key.cipher, tag);
    return Buffer.concat([tag, cipher.update(content), cipher.final()]).toString('base64url');
  }

  /** What a token says; null where we did not make it. */
  read(token: string): UnsubscribeLink | null {
    if (token.length > TOKEN_LENGTH_MAX || !BASE64URL.test(token)) return null;
    const bytes = Buffer.from(token, 'base64url');
    // One token, one spelling: bits that nobody reads must not make another one.
    if (bytes.length <= TAG_BYTES || bytes.toString('base64url') !== token) return null;
    const tag = bytes.subarray(0, TAG_BYTES);
    for (const key of this.keys) {
      const cipher = createDecipheriv('aes-256-ctr', key.cipher, tag);
      const content = Buffer.concat([cipher.update(bytes.subarray(TAG_BYTES)), cipher.final()]);
      if (timingSafeEqual(tagOf(key, content), tag)) return unpackLink(content);
    }
    return null;
  }
}

const derived = (key: Uint8Array, purpose: string): Buffer =>
  createHmac('sha256', key).update(`postlane unsubscribe link\0${purpose}`).digest();

const tagOf = ({ tag }: Key, content: Uint8Array): Buffer =>
  createHmac('sha256', tag).update(content).digest().subarray(0, TAG_BYTES);
