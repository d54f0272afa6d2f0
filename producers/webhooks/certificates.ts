import { type KeyObject, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { rootCertificates } from 'node:tls';
import { PostlaneError } from '../../src/domain/error.ts';
import { BoundedMap } from '../../src/limits/bounded-map.ts';
import type { Clock, Telemetry } from '../../src/runtime/ports.ts';
import { type Anchors, certificatesIn, judgeCertificate } from './sns-certificate.ts';

/** Fetches a text over HTTPS from a host that was checked, following nobody elsewhere. Throws where that fails. */
export type FetchText = (url: string) => Promise<string>;

const CERTIFICATES_MAX = 32;
const FETCHES_MAX = 4;
/** A certificate is looked at anew after a day; a failure is not repeated for a while, whoever asks. */
const FRESH_MS = 86_400_000;
const FAILED_MS = 60_000;
const TEXT_LENGTH_MAX = 32_768;
const FETCH_MS_MAX = 5_000;

interface Known {
  readonly key: KeyObject | null;
  readonly validUntil: number;
  readonly until: number;
}

export interface CertificatesParts {
  readonly clock: Clock;
  readonly telemetry: Pick<Telemetry, 'log'>;
  readonly anchors: Anchors;
  readonly fetchText?: FetchText;
}

/**
 * Whom certificates of SNS may come from: the authorities that Node trusts; where a PEM file of issuers is configured, those
 * in it, and then nobody else, and always. Throws CONFIG_INVALID for a file that holds no certificate.
 */
export async function anchorsOf(caFile: string | null): Promise<Anchors> {
  if (caFile === null)
    return { certificates: rootCertificates.map((pem) => new X509Certificate(pem)), required: false };
  let certificates: readonly X509Certificate[] = [];
  let reason = 'it holds no certificate in PEM';
  try {
    certificates = certificatesIn(await readFile(caFile, 'utf8'));
  } catch (error) {
    reason = (error as Error).message;
  }
  if (certificates.length > 0) return { certificates, required: true };
  throw new PostlaneError('CONFIG_INVALID', { what: `webhooks.sns_ca_file: ${reason}` });
}

/** Keys of SNS's certificates, by their URL: few, and each fetched once. */
export class Certificates {
  private readonly known = new BoundedMap<string, Known>(CERTIFICATES_MAX);
  private readonly fetching = new Map<string, Promise<void>>();
  private readonly parts: CertificatesParts;

  constructor(parts: CertificatesParts) {
    this.parts = parts;
  }

  /** Undefined where it has to be fetched first, null where there is none that could be used. */
  keyOf(url: string): KeyObject | null | undefined {
    const found = this.known.get(url);
    const now = this.parts.clock.now();
    if (found === undefined || found.until <= now) return undefined;
    return found.validUntil > now ? found.key : null;
  }

  /** Settles when `keyOf` knows. False where too many are being fetched. */
  async fetch(url: string): Promise<boolean> {
    const underWay = this.fetching.get(url);
    if (underWay === undefined && this.fetching.size >= FETCHES_MAX) return false;
    const work = underWay ?? this.load(url).finally(() => this.fetching.delete(url));
    this.fetching.set(url, work);
    await work;
    return true;
  }

  private async load(url: string): Promise<void> {
    const { clock, telemetry, anchors, fetchText = fetchOverHttps } = this.parts;
    let fault = 'not-fetched';
    try {
      const text = await fetchText(url);
      const now = clock.now();
      const judged = judgeCertificate(text, url, now, anchors);
      if (judged.ok) {
        const { key, validUntil } = judged;
        return this.known.set(url, { key, validUntil, until: now + FRESH_MS });
      }
      fault = judged.fault;
    } catch {
      // Amazon's host does not answer: asked again in a while.
    }
    telemetry.log('warn', 'what SNS signs by this certificate is refused', { url, fault });
    this.known.set(url, { key: null, validUntil: 0, until: clock.now() + FAILED_MS });
  }
}

/** Over TLS to Amazon's own host: that is what the certificate's authority rests on. */
export async function fetchOverHttps(url: string): Promise<string> {
  const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(FETCH_MS_MAX) });
  if (!response.ok || response.body === null) throw new Error(`status ${response.status}`);
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (text.length > TEXT_LENGTH_MAX) throw new Error('too long');
  }
  return text;
}
