import { parseTags } from './tags.ts';

/** A DKIM key record (RFC 6376 section 3.6.1), read. */
export interface DkimRecord {
  readonly keyType: 'rsa' | 'ed25519';
  /** The public key in base64, without spaces; empty: revoked. */
  readonly publicKey: string;
  readonly bits: number | null;
  readonly testing: boolean;
  /** False where the record is not meant for mail, or for hashes other than SHA-256. */
  readonly fitsUse: boolean;
}

/** Reads a key record; a text where it is none says what is wrong. */
export function parseDkimRecord(text: string): DkimRecord | string {
  const tags = parseTags(text);
  if (typeof tags === 'string') return tags;
  const version = tags.get('v');
  if (version !== undefined && (version !== 'DKIM1' || [...tags.keys()][0] !== 'v'))
    return 'v must come first and be DKIM1';
  const keyType = tags.get('k') ?? 'rsa';
  if (keyType !== 'rsa' && keyType !== 'ed25519') return `there is no key type ${keyType.slice(0, 40)}`;
  const written = tags.get('p');
  if (written === undefined) return 'p, the key itself, is missing';
  const publicKey = written.replace(/\s/g, '');
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(publicKey)) return 'p is not base64';
  const bits = publicKey === '' ? null : keyBits(keyType, Buffer.from(publicKey, 'base64'));
  if (publicKey !== '' && bits === null) return `p is no ${keyType} key`;
  const list = (tag: string, wanted: string): boolean => {
    const value = tags.get(tag);
    return value === undefined || value.split(':').some((item) => item.trim() === wanted || item.trim() === '*');
  };
  return {
    keyType,
    publicKey,
    bits,
    testing: (tags.get('t') ?? '').split(':').some((flag) => flag.trim() === 'y'),
    fitsUse: list('s', 'email') && (tags.get('h') === undefined || list('h', 'sha256')),
  };
}

const ED25519_BYTES = 32;

function keyBits(keyType: DkimRecord['keyType'], key: Buffer): number | null {
  if (keyType === 'ed25519') return key.length === ED25519_BYTES ? ED25519_BYTES * 8 : null;
  return rsaBits(key);
}

const SEQUENCE = 0x30;
const INTEGER = 0x02;
const BIT_STRING = 0x03;

interface Element {
  readonly tag: number;
  readonly content: Buffer;
  readonly rest: Buffer;
}

/** Bits of the modulus of an RSA key: a SubjectPublicKeyInfo, or the bare key that some publish (RFC 8017 appendix A.1.1). */
function rsaBits(der: Buffer): number | null {
  const outer = element(der);
  if (outer?.tag !== SEQUENCE || outer.rest.length > 0) return null;
  let first = element(outer.content);
  if (first?.tag === SEQUENCE) {
    const wrapped = element(first.rest);
    if (wrapped?.tag !== BIT_STRING || wrapped.content[0] !== 0) return null;
    const inner = element(wrapped.content.subarray(1));
    first = inner?.tag === SEQUENCE ? element(inner.content) : null;
  }
  if (first?.tag !== INTEGER) return null;
  const modulus = first.content[0] === 0 ? first.content.subarray(1) : first.content;
  return modulus.length === 0 ? null : modulus.length * 8 - Math.clz32(modulus[0] as number) + 24;
}

/** The element at the head of DER octets. */
function element(der: Buffer): Element | null {
  const [tag, short] = der;
  if (tag === undefined || short === undefined) return null;
  const lengthBytes = short < 0x80 ? 0 : short & 0x7f;
  if (lengthBytes > 3 || short === 0x80 || der.length < 2 + lengthBytes) return null;
  const length = lengthBytes === 0 ? short : der.readUIntBE(2, lengthBytes);
  const from = 2 + lengthBytes;
  if (der.length < from + length) return null;
  return { tag, content: der.subarray(from, from + length), rest: der.subarray(from + length) };
}
