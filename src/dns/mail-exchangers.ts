import { BoundedCache } from '../domain/bounded-cache.ts';
import { type Exchanger, inOrder, isNullMx, isPrivateAddress, siteNameOf } from '../domain/mail-exchange.ts';
import type { Provider } from '../domain/policy.ts';
import { type SiteRule, siteRuleOf } from '../domain/site-rules.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, type Millis, SECOND_MS } from '../domain/time.ts';
import type { Lookup, MxRecord, Resolver } from './resolver.ts';

/** Who takes a domain's mail, or why nobody does. */
export type Exchange =
  | {
      readonly kind: 'found';
      /** The set of exchangers: domains that share it can share a connection. */
      readonly group: string;
      /** Whose limits its mails count against. */
      readonly site: string;
      readonly provider: Provider;
      readonly tls: 'opportunistic' | 'required';
      readonly exchangers: readonly Exchanger[];
    }
  /** The domain says that it takes no mail (RFC 7505). */
  | { readonly kind: 'null-mx' }
  | { readonly kind: 'no-such-domain' }
  /** The name service does not say. */
  | { readonly kind: 'unknown'; readonly code: string };

/** Addresses to connect to, or why there are none. */
export type Addresses =
  | { readonly kind: 'found'; readonly addresses: readonly string[] }
  | { readonly kind: 'none' }
  /** All of them are private, and not allowed. */
  | { readonly kind: 'private' }
  | { readonly kind: 'unknown'; readonly code: string };

/** A site that was found, to be told to whoever routes. */
export interface LearnedSite {
  readonly domain: string;
  readonly provider: Provider;
  readonly site: string;
}

export interface MailExchangersOptions {
  readonly resolver: Resolver;
  readonly rules: readonly SiteRule[];
  /** Exchangers at addresses that are not public are talked to as well. */
  readonly allowPrivateAddresses: boolean;
  readonly now: () => Millis;
  /** A number in [0, 1): exchangers of one preference share the load. */
  readonly chance: () => number;
  /** Told how look-ups of exchangers end. */
  readonly looked?: (outcome: Exchange['kind']) => void;
}

/** Node's resolver tells no time to live for MX; this is what mail servers commonly give it. */
const FOUND_MS = 15 * MINUTE_MS;
const NOT_FOUND_MS = MINUTE_MS;
/** A name service that fails is asked again soon, but not for every mail. */
const UNKNOWN_MS = 5 * SECOND_MS;
const ADDRESSES_MS = 5 * MINUTE_MS;
const DOMAINS_MAX = 50_000;
const HOSTS_MAX = 50_000;
/** Addresses of one host that are tried. */
const ADDRESSES_MAX = 4;
/** How often a domain's site is told again; rows are forgotten after weeks. */
const TELL_AGAIN_MS = DAY_MS;

/** Who takes the mail of domains, remembered for a while. One look-up at a time per name. */
export class MailExchangers {
  private readonly options: MailExchangersOptions;
  private readonly exchanges = new BoundedCache<Exchange>(DOMAINS_MAX);
  private readonly addressesOf = new BoundedCache<Addresses>(HOSTS_MAX);
  private readonly told = new BoundedCache<string>(DOMAINS_MAX);
  private readonly asking = new Map<string, Promise<Exchange>>();
  private readonly askingAddresses = new Map<string, Promise<Addresses>>();

  constructor(options: MailExchangersOptions) {
    this.options = options;
  }

  /** What is known now; undefined where it has to be looked up, which begins. */
  known(domain: string): Exchange | undefined {
    const found = this.exchanges.get(domain, this.options.now());
    if (found === undefined) void this.of(domain);
    return found;
  }

  /** Never rejects. */
  of(domain: string): Promise<Exchange> {
    const found = this.exchanges.get(domain, this.options.now());
    if (found !== undefined) return Promise.resolve(found);
    return sharing(this.asking, domain, () => this.look(domain));
  }

  /** Hosts in the order in which they are to be tried; another one each time where preferences are equal. */
  hostsOf(exchange: Extract<Exchange, { kind: 'found' }>): readonly string[] {
    return inOrder(exchange.exchangers, this.options.chance);
  }

  /** Addresses of a host that a source of that family can connect to. Never rejects. */
  addresses(host: string, family: 4 | 6): Promise<Addresses> {
    const key = `${family} ${host}`;
    const found = this.addressesOf.get(key, this.options.now());
    if (found !== undefined) return Promise.resolve(found);
    return sharing(this.askingAddresses, key, async () => {
      const { resolver } = this.options;
      const looked = this.judged(await (family === 4 ? resolver.a(host) : resolver.aaaa(host)));
      const forMs = looked.kind === 'unknown' ? UNKNOWN_MS : looked.kind === 'none' ? NOT_FOUND_MS : ADDRESSES_MS;
      this.addressesOf.set(key, looked, this.options.now() + forMs);
      return looked;
    });
  }

  /** What was found of a domain and has not been told today; null otherwise. */
  news(domain: string): LearnedSite | null {
    const now = this.options.now();
    const found = this.exchanges.get(domain, now);
    if (found?.kind !== 'found') return null;
    const known = `${found.provider} ${found.site}`;
    if (this.told.get(domain, now) === known) return null;
    this.told.set(domain, known, now + TELL_AGAIN_MS);
    return { domain, provider: found.provider, site: found.site };
  }

  private async look(domain: string): Promise<Exchange> {
    const found = this.exchangeOf(domain, await this.options.resolver.mx(domain));
    const forMs = found.kind === 'found' ? FOUND_MS : found.kind === 'unknown' ? UNKNOWN_MS : NOT_FOUND_MS;
    this.exchanges.set(domain, found, this.options.now() + forMs);
    this.options.looked?.(found.kind);
    return found;
  }

  private exchangeOf(domain: string, answer: Lookup<MxRecord>): Exchange {
    if (answer.kind === 'unknown') return answer;
    if (answer.kind === 'no-such-name') return { kind: 'no-such-domain' };
    // RFC 5321 section 5.1: a domain without MX records is its own exchanger.
    const exchangers =
      answer.kind === 'none'
        ? [{ host: domain, preference: 0 }]
        : answer.records.map(({ exchange, preference }) => ({ host: exchange, preference }));
    if (isNullMx(exchangers)) return { kind: 'null-mx' };
    const hosts = inOrder(exchangers, () => 0);
    const group = siteNameOf(hosts);
    const rule = siteRuleOf(hosts, this.options.rules);
    const provider = rule?.provider ?? 'other';
    return { kind: 'found', group, site: rule?.id ?? group, provider, tls: rule?.tls ?? 'opportunistic', exchangers };
  }

  private judged(answer: Lookup<string>): Addresses {
    if (answer.kind === 'unknown') return answer;
    if (answer.kind !== 'found') return { kind: 'none' };
    const usable = this.options.allowPrivateAddresses
      ? answer.records
      : answer.records.filter((address) => !isPrivateAddress(address));
    if (usable.length === 0) return { kind: 'private' };
    return { kind: 'found', addresses: usable.slice(0, ADDRESSES_MAX) };
  }
}

/** How long a learned row is believed by whoever routes. */
export const LEARNED_MS_MAX = 30 * 24 * HOUR_MS;

async function sharing<T>(asking: Map<string, Promise<T>>, key: string, ask: () => Promise<T>): Promise<T> {
  const under = asking.get(key);
  if (under !== undefined) return under;
  const asked = ask();
  asking.set(key, asked);
  try {
    return await asked;
  } finally {
    asking.delete(key);
  }
}
