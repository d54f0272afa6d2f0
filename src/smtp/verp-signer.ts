import { hash, timingSafeEqual } from 'node:crypto';
import { type Mailbox, parseMailbox } from '../domain/address.ts';
import { assert } from '../domain/error.ts';
import {
  digestInput,
  type JobReference,
  packJob,
  readReturnPathLocal,
  returnPathLocal,
  SIGNATURE_BYTES,
  unpackJob,
} from '../domain/verp.ts';

/** Shorter keys can be guessed from one return path. */
export const VERP_KEY_BYTES_MIN = 16;

/** Makes return paths that name their job, and recognises its own: a forged bounce cannot suppress anybody. */
export class VerpSigner {
  private readonly keys: readonly HmacKey[];

  /** The first key signs; all of them verify, so that bounces survive a rotation. */
  constructor(keys: readonly Uint8Array[]) {
    assert(keys.length > 0, 'no key for return paths');
    for (const key of keys) assert(key.length >= VERP_KEY_BYTES_MIN, 'a key for return paths is too short');
    this.keys = keys.map(hmacKey);
  }

  returnPath(tenant: string, jobId: string, domain: string): Mailbox {
    const identity = packJob(tenant, jobId, () => hash('sha256', digestInput(tenant, jobId), 'buffer'));
    const local = returnPathLocal(identity, signature(this.keys[0] as HmacKey, identity));
    const parsed = parseMailbox(`${local}@${domain}`);
    assert(parsed.ok, 'a return path is no address', { domain });
    return parsed.value;
  }

  /** The job that a return path's local part belongs to; null where we did not write it. */
  verify(local: string): JobReference | null {
    const read = readReturnPathLocal(local);
    if (read === null) return null;
    const ours = this.keys.some((key) => timingSafeEqual(signature(key, read.identity), read.signature));
    return ours ? unpackJob(read.identity) : null;
  }
}

/** The two keyed prefixes of HMAC (RFC 2104). Made once: `createHmac` per mail costs more than composing its header. */
interface HmacKey {
  readonly inner: Buffer;
  readonly outer: Buffer;
}

const BLOCK_BYTES = 64;
const PURPOSE = Buffer.from('postlane return path\0');

function hmacKey(key: Uint8Array): HmacKey {
  const block = Buffer.alloc(BLOCK_BYTES);
  block.set(key.length > BLOCK_BYTES ? hash('sha256', key, 'buffer') : key);
  return {
    inner: Buffer.concat([block.map((byte) => byte ^ 0x36), PURPOSE]),
    outer: block.map((byte) => byte ^ 0x5c) as Buffer,
  };
}

function signature({ inner, outer }: HmacKey, identity: Uint8Array): Uint8Array {
  const digest = hash('sha256', Buffer.concat([inner, identity]), 'buffer');
  return hash('sha256', Buffer.concat([outer, digest]), 'buffer').subarray(0, SIGNATURE_BYTES);
}
