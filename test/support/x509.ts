import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import {
  bitString,
  element,
  generalizedTime,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  set,
  tagged,
  taggedPrimitive,
  utf8String,
} from '../../src/secrets/der.ts';

/** A certificate of a test, with the key that it is for. */
export interface Issued {
  readonly pem: string;
  readonly name: string;
  readonly key: KeyObject;
}

export interface IssueOptions {
  /** Its subject. */
  readonly name: string;
  /** DNS names that it is for. Default: none, so that the subject counts. */
  readonly dns?: readonly string[];
  readonly from: number;
  readonly until: number;
  /** Default: itself. */
  readonly by?: Issued;
  /** Default false. */
  readonly isAuthority?: boolean;
  /** Of a new key. Default 2048. */
  readonly bits?: number;
  /** Its private key. Default: a new one, which takes about a tenth of a second. */
  readonly key?: KeyObject;
}

const SHA256_WITH_RSA = sequence(objectIdentifier('1.2.840.113549.1.1.11'), Buffer.from([5, 0]));
const named = (name: string): Buffer => sequence(set(sequence(objectIdentifier('2.5.4.3'), utf8String(name))));

/** Issues a certificate (RFC 5280) for an RSA key. */
export function issue(options: IssueOptions): Issued {
  const { name, dns = [], from, until, by, isAuthority = false, bits = 2_048 } = options;
  const privateKey = options.key ?? generateKeyPairSync('rsa', { modulusLength: bits }).privateKey;
  const serial = randomBytes(16);
  serial[0] = ((serial[0] as number) & 0x3f) | 0x40;
  const constraints = sequence(
    objectIdentifier('2.5.29.19'),
    octetString(sequence(...(isAuthority ? [element(0x01, Buffer.from([0xff]))] : []))),
  );
  const names = dns.map((one) => taggedPrimitive(2, Buffer.from(one, 'latin1')));
  const alternatives = sequence(objectIdentifier('2.5.29.17'), octetString(sequence(...names)));
  const certificate = sequence(
    tagged(0, integer(Buffer.from([2]))),
    integer(serial),
    SHA256_WITH_RSA,
    named(by?.name ?? name),
    sequence(generalizedTime(new Date(from)), generalizedTime(new Date(until))),
    named(name),
    createPublicKey(privateKey).export({ type: 'spki', format: 'der' }),
    tagged(3, sequence(constraints, ...(dns.length > 0 ? [alternatives] : []))),
  );
  const signature = sign('sha256', certificate, by?.key ?? privateKey);
  const text = sequence(certificate, SHA256_WITH_RSA, bitString(signature)).toString('base64');
  const pem = `-----BEGIN CERTIFICATE-----\n${text.replace(/.{1,64}/g, '$&\n')}-----END CERTIFICATE-----\n`;
  return { pem, name, key: privateKey };
}
