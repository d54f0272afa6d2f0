import { isIPv6 } from 'node:net';
import { BoundedCache } from '../domain/bounded-cache.ts';
import type { Source, TlsPolicy } from '../domain/policy.ts';
import type { DeliveryOutcome, FailureReason } from '../domain/reply.ts';
import { DAY_MS, type Millis } from '../domain/time.ts';
import type { Abortable } from './abortable.ts';
import { SmtpConnection } from './connection.ts';
import type { Endpoint } from './handshake.ts';
import type { Credentials } from './mail.ts';
import { type Failed, failed, type Refused } from './outcome.ts';
import type { Patience } from './patience.ts';
import type { Place } from './source-pool.ts';

/** Where the mail of one domain goes. */
export interface Exchange {
  /** Whose limits hold for it. Absent where nobody asks the exchangers: then those of the site that a mail came with. */
  readonly site?: string;
  /** The set of exchangers: domains that share it can share a connection. */
  readonly group: string;
  /** In the order in which they are tried. */
  readonly hosts: readonly string[];
  /** `required`: never in clear, whatever the source allows. */
  readonly tls: 'opportunistic' | 'required';
}

/** Why there is no way: what the name service stands for. */
export interface NoWay {
  readonly reason: Extract<FailureReason, 'null-mx' | 'no-such-domain' | 'no-address' | 'private-address' | 'dns'>;
  readonly detail: string | null;
}

/** Who takes the mail of which domain, and where that is. Never rejects. */
export interface Directory {
  exchange(domain: string): Promise<Exchange | NoWay>;
  /** Addresses of a host in the family of the source. */
  addresses(host: string, family: 4 | 6): Promise<readonly string[] | NoWay>;
}

export interface ExchangesOptions {
  readonly directory?: Directory;
  readonly brokenTls?: (source: Source) => void;
  readonly patience: Patience;
  readonly now: () => Millis;
}

/** Opens a connection, once the site has a place for it. */
type Dial = (endpoint: Endpoint) => Promise<SmtpConnection | Refused | Failed>;

/** Connections that are tried for one mail: hosts of a large site are down together. */
const TRIES_MAX = 5;
/** How long a host is talked to in clear after its TLS failed; what other mail servers take. */
export const BROKEN_TLS_MS = 3 * DAY_MS;
const BROKEN_HOSTS_MAX = 20_000;
/** RFC 3207 section 4: not available for a temporary reason. */
const TLS_NOT_AVAILABLE = 454;
/** RFC 3207 section 4: must issue a STARTTLS command first. */
const TLS_REQUIRED = 530;

/** Connections to mail exchangers: hosts by preference, TLS where it works, in clear only where that may be. */
export class Exchanges {
  private readonly options: ExchangesOptions;
  private readonly broken = new BoundedCache<true>(BROKEN_HOSTS_MAX);
  /** Connections that are in clear because TLS is known to be broken there; their addresses. */
  private readonly inClear = new WeakMap<SmtpConnection, string>();

  constructor(options: ExchangesOptions) {
    this.options = options;
  }

  async of(domain: string): Promise<Exchange | Failed> {
    const found = await this.options.directory?.exchange(domain);
    if (found === undefined) return failed('connect', 'dns', 'no look-up of mail exchangers');
    return 'reason' in found ? failed('connect', found.reason, found.detail) : found;
  }

  /** Opens a connection to the first host that talks to us. Each try has a place of its own among the site's connections. */
  async connect(
    exchange: Exchange,
    source: Source,
    credentials: Credentials | null,
    abortable: Abortable,
    place: () => Promise<Place | null>,
  ): Promise<SmtpConnection | DeliveryOutcome> {
    const dial: Dial = async (endpoint) => {
      const taken = await place();
      if (taken === null) return failed('connect', 'aborted');
      return SmtpConnection.open(endpoint, credentials, this.options.patience, abortable, taken);
    };
    const family = isIPv6(source.localAddress ?? '') ? 6 : 4;
    let worst: NoWay | null = null;
    let last: Refused | Failed | null = null;
    let tries = 0;
    for (const host of exchange.hosts) {
      const addresses = (await this.options.directory?.addresses(host, family)) ?? [];
      if ('reason' in addresses) {
        // One host of which nobody knows anything may be the one that works.
        if (worst === null || addresses.reason === 'dns') worst = addresses;
        continue;
      }
      for (const address of addresses) {
        if (abortable.isAborted) return failed('connect', 'aborted');
        if (tries++ >= TRIES_MAX) break;
        const opened = await this.open({ host, address, tls: exchange.tls }, source, dial, abortable);
        if (opened instanceof SmtpConnection) return opened;
        last = opened;
      }
    }
    if (last !== null) return last;
    return failed('connect', worst?.reason ?? 'no-address', worst?.detail ?? null);
  }

  /** A server that wants TLS, and was talked to in clear because that had failed: it gets another chance, and so does the mail. */
  judged(outcome: DeliveryOutcome, connection: SmtpConnection): DeliveryOutcome {
    const address = this.inClear.get(connection);
    if (address === undefined || outcome.kind !== 'refused' || outcome.reply.code !== TLS_REQUIRED) return outcome;
    this.broken.set(address, true, 0);
    void connection.quit();
    return failed('tls', 'tls', 'it wants TLS, and its TLS does not work');
  }

  private async open(
    at: { readonly host: string; readonly address: string; readonly tls: Exchange['tls'] },
    source: Source,
    dial: Dial,
    abortable: Abortable,
  ): Promise<SmtpConnection | Refused | Failed> {
    const { now } = this.options;
    const policy = tlsOf(source, at.tls);
    const isBroken = policy === 'opportunistic' && this.broken.get(at.address, now()) === true;
    const endpoint: Endpoint = {
      host: at.host,
      address: at.address,
      port: source.port,
      tls: isBroken ? 'none' : policy,
      // Where clear text would do as well, a certificate proves nothing (RFC 7435).
      tlsVerify: policy === 'opportunistic' ? false : source.tlsVerify,
      localAddress: source.localAddress,
      helo: source.helo,
    };
    let opened = await dial(endpoint);
    let inClear = isBroken;
    if (policy === 'opportunistic' && !isBroken && isTlsFailure(opened) && !abortable.isAborted) {
      if (opened.kind === 'failed') {
        this.broken.set(at.address, true, now() + BROKEN_TLS_MS);
        this.options.brokenTls?.(source);
      }
      opened = await dial({ ...endpoint, tls: 'none' });
      inClear = true;
    }
    if (inClear && opened instanceof SmtpConnection) this.inClear.set(opened, at.address);
    return opened;
  }
}

/** The stricter of what the source and the site ask for. */
function tlsOf(source: Source, site: Exchange['tls']): TlsPolicy {
  if (source.tls === 'implicit') return 'implicit';
  return site === 'required' ? 'starttls' : source.tls;
}

/** Nothing of a mail has gone out when TLS fails: another try in clear cannot make a second copy. */
const isTlsFailure = (opened: SmtpConnection | Refused | Failed): opened is Refused | Failed => {
  if (opened instanceof SmtpConnection || opened.stage !== 'tls') return false;
  return opened.kind === 'failed' ? opened.reason !== 'aborted' : opened.reply.code === TLS_NOT_AVAILABLE;
};
