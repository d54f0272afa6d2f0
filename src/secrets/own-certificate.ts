import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DAY_MS } from '../domain/time.ts';
import { replaceFile } from '../infra/replace-file.ts';
import { selfSigned, yearFrom } from './self-signed.ts';

/** PEM texts, and where the certificate lies for clients that are to trust it. */
export interface OwnCertificate {
  readonly key: string;
  readonly certificate: string;
  readonly certificatePath: string;
}

/** One that ends sooner is made anew. */
const LEFT_MS_MIN = 30 * DAY_MS;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----\n/;
const KEY = /-----BEGIN PRIVATE KEY-----[\s\S]+?-----END PRIVATE KEY-----\n/;

/** Where the certificate of a listener lies that has none configured. */
export const ownCertificatePath = (stateDirectory: string, listener: string): string =>
  join(stateDirectory, 'keys', `${listener}-certificate.pem`);

/**
 * A certificate of our own making for a listener that has none configured: nobody else vouches for it. Made at the first
 * start and kept in the state directory, so that clients can be told to trust it; made anew before it ends.
 */
export async function ownCertificate(
  stateDirectory: string,
  listener: string,
  names: readonly string[],
): Promise<OwnCertificate> {
  const certificatePath = ownCertificatePath(stateDirectory, listener);
  // Both in one file: two processes that start at once must not leave the key of one with the certificate of the other.
  const path = join(stateDirectory, 'keys', `${listener}.pem`);
  const made = usable(await readFile(path, 'utf8').catch(() => ''), names);
  if (made === null) {
    const { key, cert } = selfSigned({ names, ...yearFrom(Date.now()) });
    await replaceFile(path, key + cert);
  }
  const kept = made ?? usable(await readFile(path, 'utf8'), names);
  if (kept === null) throw new TypeError('a certificate that was just made is usable');
  await replaceFile(certificatePath, kept.certificate);
  return { ...kept, certificatePath };
}

function usable(text: string, names: readonly string[]): Omit<OwnCertificate, 'certificatePath'> | null {
  const [key] = KEY.exec(text) ?? [];
  const [certificate] = CERTIFICATE.exec(text) ?? [];
  if (key === undefined || certificate === undefined) return null;
  try {
    const read = new X509Certificate(certificate);
    const isFor = (name: string) => read.checkHost(name) !== undefined || read.checkIP(name) !== undefined;
    const isUsable = read.validToDate.getTime() > Date.now() + LEFT_MS_MIN && names.every(isFor);
    return isUsable ? { key, certificate } : null;
  } catch {
    return null;
  }
}
