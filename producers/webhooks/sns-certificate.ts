import { type KeyObject, X509Certificate } from 'node:crypto';
import type { Millis } from '../../src/domain/time.ts';

/** Why a certificate is not taken for one of SNS's. A closed list: it is logged. */
export type CertificateFault =
  | 'unreadable' // no certificate, or more than anybody's chain has
  | 'not-valid-now'
  | 'other-name' // issued to somebody else
  | 'weak-key' // no RSA key of 2048 bits
  | 'authority' // may sign certificates, which what signs messages has no need to
  | 'self-signed'
  | 'untrusted'; // its issuers lead to nobody whom we trust

export type JudgedCertificate =
  | { readonly ok: true; readonly key: KeyObject; readonly validUntil: Millis }
  | { readonly ok: false; readonly fault: CertificateFault };

/** Whose word is enough. */
export interface Anchors {
  readonly certificates: readonly X509Certificate[];
  /** A chain to one of them is asked for, also where the file brings no issuer. */
  readonly required: boolean;
}

const KEY_BITS_MIN = 2_048;
/** A leaf, two issuers and a root; what is longer is not searched. */
const CHAIN_MAX = 8;
const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** The certificates of a PEM file, in its order. Throws where one cannot be read. */
export const certificatesIn = (text: string): readonly X509Certificate[] =>
  [...text.matchAll(PEM)].map(([pem]) => new X509Certificate(pem));

/**
 * The names that Amazon gives to what signs in the region of a host `sns.<region>.<suffix>`: one for the old regions, one
 * per region for those that are opted into, and others in China and for the government of the United States (the
 * SnsHostProvider of AWS's SDK for Java 2; a certificate of af-south-1 names its host as well).
 */
export function signingNames(host: string): readonly string[] {
  const [, region = '', ...suffix] = host.split('.');
  const end = suffix.join('.');
  const partition = region.startsWith('us-gov-') ? 'us-gov-west-1' : region;
  return [
    host,
    `sns-signing.${region}.${end}`,
    `sns-${partition}.${end}`,
    ...(end.endsWith('.cn') ? [] : [`sns.${end}`]),
  ];
}

/**
 * The key of the certificate that lies at `url`, where it is one of SNS's for that region, valid now, with a key of
 * sufficient size.
 *
 * Amazon's file holds the leaf alone, and its issuers lie on another host, which nobody is asked for here: then TLS to a
 * host of Amazon's is what vouches for it. Where the file brings issuers, or `anchors` are required, a chain of
 * certificates that are valid now must lead to an anchor.
 */
export function judgeCertificate(text: string, url: string, now: Millis, anchors: Anchors): JudgedCertificate {
  let read: readonly X509Certificate[];
  try {
    read = certificatesIn(text);
  } catch {
    return fault('unreadable');
  }
  const [leaf, ...issuers] = read;
  if (leaf === undefined || read.length > CHAIN_MAX) return fault('unreadable');
  if (!isValid(leaf, now)) return fault('not-valid-now');
  if (!signingNames(new URL(url).hostname).some((name) => leaf.checkHost(name, { wildcards: false }) !== undefined)) {
    return fault('other-name');
  }
  const { publicKey: key } = leaf;
  const bits = key.asymmetricKeyType === 'rsa' ? (key.asymmetricKeyDetails?.modulusLength ?? 0) : 0;
  if (bits < KEY_BITS_MIN) return fault('weak-key');
  if (leaf.ca) return fault('authority');
  if (leaf.checkIssued(leaf)) return fault('self-signed');
  const needsChain = anchors.required || issuers.length > 0;
  if (needsChain && !leadsTo(leaf, issuers, anchors.certificates, now)) return fault('untrusted');
  return { ok: true, key, validUntil: Date.parse(leaf.validTo) };
}

const fault = (found: CertificateFault): JudgedCertificate => ({ ok: false, fault: found });

const isValid = ({ validFrom, validTo }: X509Certificate, now: Millis): boolean =>
  now >= Date.parse(validFrom) && now < Date.parse(validTo);

function leadsTo(
  leaf: X509Certificate,
  issuers: readonly X509Certificate[],
  anchors: readonly X509Certificate[],
  now: Millis,
): boolean {
  const left = new Set(issuers);
  const reached = [leaf];
  for (const certificate of reached) {
    const hasSigned = (other: X509Certificate): boolean =>
      other.ca && isValid(other, now) && certificate.checkIssued(other) && certificate.verify(other.publicKey);
    if (anchors.some(hasSigned)) return true;
    for (const issuer of left) {
      if (!hasSigned(issuer)) continue;
      left.delete(issuer);
      reached.push(issuer);
    }
  }
  return false;
}
