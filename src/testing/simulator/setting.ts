import type { SecureContext } from 'node:tls';
import type { Millis } from '../../domain/time.ts';
import type { Journal } from './journal.ts';
import type { SimulatorCredentials } from './sasl.ts';
import type { Extension } from './site-behaviour.ts';
import type { Site, Sites } from './sites.ts';

/** What all conversations of a simulator share. */
export interface Setting {
  /** Name that the server goes by. */
  readonly hostName: string;
  readonly tls: 'none' | 'starttls' | 'implicit';
  /** MAIL is refused before STARTTLS. */
  readonly tlsRequired: boolean;
  readonly secureContext: SecureContext | null;
  /** Who may log in, as of now. Null: nobody need log in. */
  auth: readonly SimulatorCredentials[] | null;
  /** Whoever logged in before the present one must log in again. */
  session: number;
  /** Log-ins so far. */
  readonly logIns: { accepted: number; refused: number };
  readonly without: ReadonlySet<Extension>;
  /** Octets of a message. */
  readonly sizeMax: number;
  readonly connectionsMax: number;
  readonly idleMs: Millis;
  readonly sites: Sites;
  readonly journal: Journal;
  readonly deferrals: Deferrals;
  readonly totals: Totals;
  readonly now: () => Millis;
}

/** Counts over all sites. */
export interface Totals {
  connections: number;
  connectionsOpen: number;
  connectionsPeak: number;
  /** One per recipient, as the journal has them. */
  messages: number;
  bytes: number;
  /** Commands that no client should send, and messages that were malformed. */
  protocolErrors: number;
}

/** Addresses whose deferrals are remembered; the oldest is forgotten, and begins again. */
const DEFERRED_ADDRESSES_MAX = 200_000;

/** How often each address was deferred. */
export class Deferrals {
  private readonly counts = new Map<string, number>();

  /** True while `address` has been deferred fewer than `times` times; counts it then. */
  another(address: string, times: number): boolean {
    const count = this.counts.get(address) ?? 0;
    if (count >= times) return false;
    this.counts.set(address, count + 1);
    if (this.counts.size > DEFERRED_ADDRESSES_MAX) this.counts.delete(this.counts.keys().next().value as string);
    return true;
  }
}

/** One client's connection, and what it has done. */
export class Connection {
  readonly ip: string;
  /** The site that its listener belongs to; null for the listener of all the others. */
  readonly ownSite: string | null;
  /** Transactions that were accepted. */
  messages = 0;
  private readonly visited = new Map<Site, number>();

  constructor(ip: string, ownSite: string | null) {
    this.ip = ip;
    this.ownSite = ownSite;
  }

  /** Counts the connection among those of the site. False where there would be more than `connectionsMax`. */
  visit(site: Site, connectionsMax: number): boolean {
    if (this.visited.has(site)) return true;
    if (site.connectionsOpen >= connectionsMax) return false;
    this.visited.set(site, 0);
    site.connectionsOpen++;
    site.connectionsPeak = Math.max(site.connectionsPeak, site.connectionsOpen);
    return true;
  }

  messagesTo(site: Site): number {
    return this.visited.get(site) ?? 0;
  }

  countMessage(site: Site): void {
    this.visited.set(site, this.messagesTo(site) + 1);
  }

  /** The connection is gone. */
  leave(): void {
    for (const site of this.visited.keys()) site.connectionsOpen--;
    this.visited.clear();
  }
}
