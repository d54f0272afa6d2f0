import { type KeyObject, X509Certificate } from 'node:crypto';
import { BoundedMap } from '../../src/limits/bounded-map.ts';
import type { Clock } from '../../src/runtime/ports.ts';

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

/** Keys of SNS's certificates, by their URL: few, and each fetched once. */
export class Certificates {
  private readonly known = new BoundedMap<string, Known>(CERTIFICATES_MAX);
  private readonly fetching = new Map<string, Promise<void>>();
  private readonly fetchText: FetchText;
  private readonly clock: Clock;

  constructor(clock: Clock, fetchText: FetchText = fetchOverHttps) {
    this.clock = clock;
    this.fetchText = fetchText;
  }

  /** Undefined where it has to be fetched first, null where there is none that could be used. */
  keyOf(url: string): KeyObject | null | undefined {
    const found = this.known.get(url);
    const now = this.clock.now();
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
    const now = this.clock.now();
    try {
      const certificate = new X509Certificate(await this.fetchText(url));
      const [from, to] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
      const key =
        now >= from && now < to && certificate.publicKey.asymmetricKeyType === 'rsa' ? certificate.publicKey : null;
      this.known.set(url, { key, validUntil: to, until: now + (key === null ? FAILED_MS : FRESH_MS) });
    } catch {
      this.known.set(url, { key: null, validUntil: 0, until: now + FAILED_MS });
    }
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
