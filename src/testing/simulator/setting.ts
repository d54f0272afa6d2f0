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
  /** From one address. */
  readonly clientConnectionsMax: number;
  readonly idleMs: Millis;
  readonly sites: Sites;
  readonly journal: Journal;
  readonly deferrals: Deferrals;
  readonly greylist: Greylist;
  readonly totals: Totals;
  readonly clients: Clients;
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

/** Client addresses that are counted one by one. */
const CLIENTS_MAX = 10_000;

export interface Client {
  connectionsOpen: number;
  connectionsPeak: number;
}

/** Who is connected from where. */
export class Clients {
  private readonly clients = new Map<string, Client>();

  at(ip: string): Client {
    const found = this.clients.get(ip);
    if (found !== undefined) return found;
    const client = { connectionsOpen: 0, connectionsPeak: 0 };
    if (this.clients.size < CLIENTS_MAX) this.clients.set(ip, client);
    return client;
  }

  all(): Iterable<[ip: string, client: Client]> {
    return this.clients;
  }
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

/** Who has named which address, and when first. */
export class Greylist {
  private readonly first = new Map<string, Millis>();

  /** True until `delayMs` after the first time. */
  holdsBack(triplet: string, delayMs: Millis, now: Millis): boolean {
    const first = this.first.get(triplet);
    if (first !== undefined) return now < first + delayMs;
    this.first.set(triplet, now);
    if (this.first.size > DEFERRED_ADDRESSES_MAX) this.first.delete(this.first.keys().next().value as string);
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
