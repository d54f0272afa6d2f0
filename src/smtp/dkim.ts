import { createPrivateKey, createPublicKey, generateKeyPair, hash, type KeyObject, sign } from 'node:crypto';
import { promisify } from 'node:util';
import { PostlaneError } from '../domain/error.ts';
import type { DkimKey } from '../domain/policy.ts';
import type { Millis } from '../domain/time.ts';
import { relaxedBody, relaxedField } from './dkim-canonical.ts';
import type { HeaderField } from './header-fields.ts';

/** A key of one selector that is ready to sign. */
export interface SigningKey {
  readonly selector: string;
  readonly algorithm: DkimKey['algorithm'];
  readonly key: KeyObject;
}

const RSA_BITS = 2_048;
/** RFC 8301 section 3.2: verifiers reject less. */
const RSA_BITS_MIN = 1_024;

/** Fields that are signed where they occur. One that is added later does not break the signature; these cannot be changed. */
const SIGNED = new Set([
  'from',
  'to',
  'cc',
  'reply-to',
  'subject',
  'date',
  'message-id',
  'in-reply-to',
  'references',
  'mime-version',
  'content-type',
  'content-transfer-encoding',
  'list-unsubscribe',
  'list-unsubscribe-post',
  'list-id',
  'feedback-id',
  'x-entity-ref-id',
  'auto-submitted',
]);
/** Named once more than they occur, so that nobody can add another one (RFC 6376 section 8.15). */
const OVERSIGNED = ['from', 'to', 'subject'];
/** Signature characters per line; folded so that no line exceeds 76. */
const CHUNK = /.{1,72}/g;

/** Signs messages for one domain, with every key that it has. */
export class DkimSigner {
  private readonly domain: string;
  private readonly keys: readonly SigningKey[];

  constructor(domain: string, keys: readonly SigningKey[]) {
    this.domain = domain;
    this.keys = keys;
  }

  /**
   * The DKIM-Signature fields (RFC 6376, relaxed/relaxed; RFC 8463 for Ed25519), one per key, each ended with CRLF: they
   * go in front of the message. The private-key work is done on the thread pool. Same input, same bytes. In place of the
   * body its hash (of the relaxed form, in base64) may be given, where that is had more cheaply.
   */
  async sign(fields: readonly HeaderField[], body: Buffer | (() => string), at: Millis): Promise<string> {
    const bodyHash = typeof body === 'function' ? body() : hash('sha256', relaxedBody(body), 'base64');
    const { names, canonical } = selectFields(fields);
    const signatures = await Promise.all(
      this.keys.map((key) => this.signWith(key, names, canonical, bodyHash, Math.floor(at / 1_000))),
    );
    return signatures.join('');
  }

  private async signWith(
    { selector, algorithm, key }: SigningKey,
    names: readonly string[],
    canonical: string,
    bodyHash: string,
    atSeconds: number,
  ): Promise<string> {
    const parts = [
      `v=1; a=${algorithm}; c=relaxed/relaxed; t=${atSeconds};`,
      `d=${this.domain}; s=${selector};`,
      ...foldedNames(names),
      `bh=${bodyHash};`,
      'b=',
    ];
    // Broken lines are one space in relaxed form.
    const signed = Buffer.from(`${canonical}dkim-signature:${parts.join(' ')}`, 'utf8');
    const signature = await signBytes(algorithm, key, signed);
    const folded = signature.toString('base64').match(CHUNK)?.join('\r\n  ') ?? '';
    return `DKIM-Signature: ${parts.join('\r\n ')}${folded}\r\n`;
  }
}

function signBytes(algorithm: DkimKey['algorithm'], key: KeyObject, bytes: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const settle = (error: Error | null, signature: Buffer): void => (error ? reject(error) : resolve(signature));
    // RFC 8463 section 3: Ed25519 signs the hash of what RSA signs.
    if (algorithm === 'rsa-sha256') sign('sha256', bytes, key, settle);
    else sign(null, hash('sha256', bytes, 'buffer'), key, settle);
  });
}

/** The names of `h=`, and what they stand for: of several fields of one name the last is taken first (RFC 6376 section 5.4.2). */
function selectFields(fields: readonly HeaderField[]): {
  readonly names: readonly string[];
  readonly canonical: string;
} {
  const names: string[] = [];
  let canonical = '';
  for (let index = fields.length - 1; index >= 0; index--) {
    const { name, line } = fields[index] as HeaderField;
    const lower = name.toLowerCase();
    if (!SIGNED.has(lower)) continue;
    names.push(lower);
    canonical += `${relaxedField(name, line)}\r\n`;
  }
  return { names: [...names, ...OVERSIGNED], canonical };
}

/** `h=…;` in lines of at most 76 characters, broken after colons. */
function foldedNames(names: readonly string[]): string[] {
  const lines: string[] = [];
  let line = 'h=';
  names.forEach((name, index) => {
    const piece = index === names.length - 1 ? `${name};` : `${name}:`;
    if (line.length + piece.length > 74) {
      lines.push(line);
      line = '';
    }
    line += piece;
  });
  return [...lines, line];
}

/** Reads a PKCS#8 PEM private key. Throws CONFIG_INVALID where it is none of the stated algorithm, or too weak. */
export function signingKey(selector: string, algorithm: DkimKey['algorithm'], pem: string | Buffer): SigningKey {
  const problem = (message: string, cause?: unknown) =>
    new PostlaneError('CONFIG_INVALID', { problems: [{ path: `dkim ${selector}`, line: null, message }] }, { cause });
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    // OpenSSL's message may quote the key file.
    throw problem('is no PEM private key');
  }
  const wanted = algorithm === 'rsa-sha256' ? 'rsa' : 'ed25519';
  if (key.asymmetricKeyType !== wanted) throw problem(`is a ${key.asymmetricKeyType} key, not ${wanted}`);
  const bits = key.asymmetricKeyDetails?.modulusLength;
  if (wanted === 'rsa' && (bits ?? 0) < RSA_BITS_MIN) throw problem(`has ${bits} bits, less than ${RSA_BITS_MIN}`);
  return { selector, algorithm, key };
}

/** A fresh key pair: the private half as PKCS#8 PEM, and the value of the TXT record to publish. */
export async function generateDkimKey(
  algorithm: DkimKey['algorithm'],
): Promise<{ readonly privateKey: string; readonly record: string }> {
  const generate = promisify(generateKeyPair);
  const { privateKey, publicKey } =
    algorithm === 'rsa-sha256'
      ? await generate('rsa', { modulusLength: RSA_BITS })
      : await generate('ed25519', undefined);
  return { privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), record: dkimRecord(publicKey) };
}

/** The TXT record of a public (or private) key, at `<selector>._domainkey.<domain>` (RFC 6376 section 3.6.1, RFC 8463 section 4). */
export function dkimRecord(key: KeyObject | string | Buffer): string {
  const given = typeof key === 'string' || Buffer.isBuffer(key) ? createPublicKey(key) : key;
  const publicKey = given.type === 'private' ? createPublicKey(given) : given;
  if (publicKey.asymmetricKeyType === 'ed25519') {
    const { x } = publicKey.export({ format: 'jwk' });
    return `v=DKIM1; k=ed25519; p=${Buffer.from(x ?? '', 'base64url').toString('base64')}`;
  }
  return `v=DKIM1; k=rsa; p=${publicKey.export({ type: 'spki', format: 'der' }).toString('base64')}`;
}
