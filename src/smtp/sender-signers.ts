import { PostlaneError } from '../domain/error.ts';
import type { DkimKey } from '../domain/policy.ts';
import type { Millis } from '../domain/time.ts';
import type { Telemetry } from '../runtime/ports.ts';
import { DkimSigner, dkimRecord, type SigningKey, signingKey } from './dkim.ts';

/** A key that may sign. `record`: what the DNS shows of it; a secret that holds another key does not sign. */
export interface ChosenKey extends DkimKey {
  readonly record: string | null;
}

export interface SenderSignersOptions {
  /** The keys of a domain that sign now. Asked for every mail. */
  keysOf(domain: string): readonly ChosenKey[];
  /** Resolves a reference to a private key. */
  secret(reference: string): Promise<string | Buffer>;
  readonly now: () => Millis;
  readonly telemetry: Pick<Telemetry, 'log' | 'count'>;
}

/** A key that could not be loaded is tried again after this long. */
const RETRY_MS = 5_000;

interface Loaded {
  /** Which keys it signs with. */
  readonly id: string;
  readonly signer: DkimSigner | null;
}

interface Domain {
  loaded: Loaded | null;
  loading: Promise<void> | null;
  retryAt: Millis;
}

/**
 * What signs for each domain, as keys come and go. While a new key is loaded the old one signs, and where it cannot be
 * loaded the old one goes on: no mail waits for a rotation.
 */
export class SenderSigners {
  private readonly options: SenderSignersOptions;
  private readonly domains = new Map<string, Domain>();

  constructor(options: SenderSignersOptions) {
    this.options = options;
  }

  /** Null: its mail goes unsigned. Waits only where the domain has had no key yet. */
  async of(name: string): Promise<DkimSigner | null> {
    const keys = this.options.keysOf(name);
    const id = keys.map(({ selector, privateKey }) => `${selector} ${privateKey}`).join('\n');
    let domain = this.domains.get(name);
    if (domain === undefined) {
      domain = { loaded: null, loading: null, retryAt: 0 };
      this.domains.set(name, domain);
    }
    if (domain.loaded?.id === id) return domain.loaded.signer;
    if (domain.loading === null && this.options.now() >= domain.retryAt) this.load(name, domain, keys, id);
    if (domain.loaded === null || domain.loaded.signer === null) await domain.loading;
    return domain.loaded?.signer ?? null;
  }

  private load(name: string, domain: Domain, keys: readonly ChosenKey[], id: string): void {
    const { telemetry, now } = this.options;
    domain.loading = Promise.all(keys.map((key) => this.open(key)))
      .then((opened) => {
        domain.loaded = { id, signer: opened.length > 0 ? new DkimSigner(name, opened) : null };
        telemetry.log('info', 'mail of a domain is signed with these keys', {
          domain: name,
          selectors: selectors(keys),
        });
      })
      .catch((error: unknown) => {
        domain.retryAt = now() + RETRY_MS;
        telemetry.count('postlane_dkim_key_failures_total', { sender: name });
        telemetry.log('error', 'a new key cannot be used; the old one signs', {
          domain: name,
          selectors: selectors(keys),
          error,
        });
      })
      .finally(() => {
        domain.loading = null;
      });
  }

  private async open({ selector, algorithm, privateKey, record }: ChosenKey): Promise<SigningKey> {
    const key = signingKey(selector, algorithm, await this.options.secret(privateKey));
    if (record !== null && publicPart(record) !== publicPart(dkimRecord(key.key))) {
      throw new PostlaneError('CONFIG_INVALID', {
        what: 'the secret holds another key than the one that is published',
        selector,
      });
    }
    return key;
  }
}

const selectors = (keys: readonly ChosenKey[]): string => keys.map(({ selector }) => selector).join(', ');
const publicPart = (record: string): string => /p=([^;]*)/.exec(record)?.[1]?.replace(/\s/g, '') ?? '';
