import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { isIP } from 'node:net';
import { DAY_MS, type Millis } from '../domain/time.ts';
import {
  bitString,
  generalizedTime,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  set,
  tagged,
  taggedPrimitive,
  utf8String,
} from './der.ts';

/** Key and certificate in PEM. */
export interface KeyAndCertificate {
  readonly key: string;
  readonly cert: string;
}

export interface CertificateOptions {
  /** DNS names and IPv4 addresses that it is for; the first is its subject. */
  readonly names: readonly string[];
  readonly from: Millis;
  readonly until: Millis;
}

/** A day is enough of a past for clocks that disagree. */
export const yearFrom = (now: Millis): { readonly from: Millis; readonly until: Millis } => ({
  from: now - DAY_MS,
  until: now + 365 * DAY_MS,
});

/** Makes a key (ECDSA, P-256) and a certificate (RFC 5280) that it has signed itself, so that a client may take it as its root. */
export function selfSigned({ names, from, until }: CertificateOptions): KeyAndCertificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const algorithm = sequence(objectIdentifier('1.2.840.10045.4.3.2')); // ecdsa-with-SHA256
  const name = sequence(set(sequence(objectIdentifier('2.5.4.3'), utf8String(names[0] as string)))); // commonName
  const serial = randomBytes(16);
  serial[0] = ((serial[0] as number) & 0x3f) | 0x40; // positive, and as long as it looks
  const certificate = sequence(
    tagged(0, integer(Buffer.from([2]))), // version 3
    integer(serial),
    algorithm,
    name,
    sequence(generalizedTime(new Date(from)), generalizedTime(new Date(until))),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    tagged(3, sequence(alternativeNames(names))),
  );
  const signature = sign('sha256', certificate, privateKey);
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    cert: pem(sequence(certificate, algorithm, bitString(signature))),
  };
}

function alternativeNames(names: readonly string[]): Buffer {
  const entries = names.map((name) =>
    isIP(name) === 4
      ? taggedPrimitive(7, Buffer.from(name.split('.').map(Number)))
      : taggedPrimitive(2, Buffer.from(name, 'latin1')),
  );
  return sequence(objectIdentifier('2.5.29.17'), octetString(sequence(...entries)));
}

const pem = (der: Buffer): string =>
  `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replace(/.{1,64}/g, '$&\n')}-----END CERTIFICATE-----\n`;
