import { Resolver as NodeResolver } from 'node:dns/promises';
import { parseAddress, reverseName } from '../domain/dns/ip.ts';

/** One mail exchanger of a domain. */
export interface MxRecord {
  /** Lower case, without a final dot; empty for the null MX (RFC 7505). */
  readonly exchange: string;
  /** Less is tried first. */
  readonly preference: number;
}

/**
 * What the name service said.
 *
 * - *found*: at least one record.
 * - *none*: the name exists and has no record of the type.
 * - *no-such-name*: the name does not exist (NXDOMAIN).
 * - *unknown*: nobody can tell now: no answer in time, SERVFAIL, REFUSED, or an answer that cannot be read.
 */
export type Lookup<T> =
  | { readonly kind: 'found'; readonly records: readonly T[] }
  | { readonly kind: 'none' }
  | { readonly kind: 'no-such-name' }
  | { readonly kind: 'unknown'; readonly code: string };

/** The port to the name service. Every answer is a value and comes within the time-out; nothing throws. */
export interface Resolver {
  /** Joined as RFC 7208 section 3.3 has it: the strings of one record without anything between them. */
  txt(name: string): Promise<Lookup<string>>;
  mx(name: string): Promise<Lookup<MxRecord>>;
  /** IPv4 addresses. */
  a(name: string): Promise<Lookup<string>>;
  /** IPv6 addresses. */
  aaaa(name: string): Promise<Lookup<string>>;
  /** Names of an address. */
  ptr(address: string): Promise<Lookup<string>>;
  cname(name: string): Promise<Lookup<string>>;
  ns(name: string): Promise<Lookup<string>>;
}

export interface ResolverOptions {
  /** `address` or `address:port` (`[address]:port` for IPv6). Empty: those of the system. */
  readonly servers: readonly string[];
  /** Of one whole look-up, over all tries. */
  readonly timeoutMs: number;
}

/** Queries per look-up: packets get lost. */
const TRIES = 2;
/** Records of one answer that are looked at: an answer of hundreds is an attack or a mistake. */
const RECORDS_MAX = 100;

/** A resolver over the name servers of the configuration. */
export const createResolver = (options: ResolverOptions): Resolver => new DnsResolver(options);

class DnsResolver implements Resolver {
  private readonly inner: NodeResolver;
  private readonly timeoutMs: number;

  constructor({ servers, timeoutMs }: ResolverOptions) {
    this.timeoutMs = timeoutMs;
    this.inner = new NodeResolver({ timeout: Math.max(1, Math.floor(timeoutMs / TRIES)), tries: TRIES });
    if (servers.length > 0) this.inner.setServers([...servers]);
  }

  txt(name: string): Promise<Lookup<string>> {
    return this.look(async () => (await this.inner.resolveTxt(name)).map((strings) => strings.join('')));
  }

  mx(name: string): Promise<Lookup<MxRecord>> {
    return this.look(async () =>
      (await this.inner.resolveMx(name)).map(({ exchange, priority }) => ({
        exchange: bare(exchange),
        preference: priority,
      })),
    );
  }

  a(name: string): Promise<Lookup<string>> {
    return this.look(() => this.inner.resolve4(name));
  }

  aaaa(name: string): Promise<Lookup<string>> {
    return this.look(() => this.inner.resolve6(name));
  }

  ptr(address: string): Promise<Lookup<string>> {
    const octets = parseAddress(address);
    if (octets === null) return Promise.resolve({ kind: 'unknown', code: 'EINVAL' });
    // `reverse` would look into /etc/hosts before it asks.
    return this.look(async () => (await this.inner.resolvePtr(reverseName(octets))).map(bare));
  }

  cname(name: string): Promise<Lookup<string>> {
    return this.look(async () => (await this.inner.resolveCname(name)).map(bare));
  }

  ns(name: string): Promise<Lookup<string>> {
    return this.look(async () => (await this.inner.resolveNs(name)).map(bare));
  }

  private async look<T>(ask: () => Promise<readonly T[]>): Promise<Lookup<T>> {
    let timer: NodeJS.Timeout | undefined;
    // The library's own time-outs are per try and server, and grow; this one holds for the whole.
    const late = new Promise<Lookup<T>>((resolve) => {
      timer = setTimeout(() => resolve({ kind: 'unknown', code: 'ETIMEOUT' }), this.timeoutMs);
    });
    const asked = ask().then(foundIn, failureOf);
    try {
      return await Promise.race([asked, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

const foundIn = <T>(records: readonly T[]): Lookup<T> =>
  records.length === 0 ? { kind: 'none' } : { kind: 'found', records: records.slice(0, RECORDS_MAX) };

function failureOf(error: unknown): Lookup<never> {
  const code = (error as NodeJS.ErrnoException).code ?? 'EUNKNOWN';
  if (code === 'ENOTFOUND') return { kind: 'no-such-name' };
  if (code === 'ENODATA') return { kind: 'none' };
  return { kind: 'unknown', code };
}

const bare = (name: string): string => name.toLowerCase().replace(/\.$/, '');
