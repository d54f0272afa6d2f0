import type { SiteLimits, Source } from '../domain/policy.ts';
import type { SmtpConnection } from './connection.ts';

/** Attempts that may wait for a connection of one source. */
export const WAITING_MAX = 1_024;

interface Waiter {
  readonly site: string;
  readonly limits: SiteLimits;
  readonly start: () => void;
}

interface Idle {
  readonly connection: SmtpConnection;
  readonly way: string;
  readonly site: string;
  readonly since: number;
}

/**
 * The connections of one source. A *way* is a set of connections that may be used for one another: all of a relay's, or
 * those of one site where the source sends direct. A started attempt holds one slot of its site and at most one connection.
 */
export class SourcePool {
  /** The source as it was given last: limits may change while it runs. */
  source: Source;
  private idle: Idle[] = [];
  private readonly activeBySite = new Map<string, number>();
  private active = 0;
  private waiting: Waiter[] = [];

  constructor(source: Source) {
    this.source = source;
  }

  /** How many attempts for `site` could start now. */
  room(site: string, limits: SiteLimits): number {
    const siteRoom = limits.connectionsMax - (this.activeBySite.get(site) ?? 0);
    return Math.max(0, Math.min(siteRoom, this.source.connectionsMax - this.active));
  }

  /** The same, less what waits already. */
  free(site: string, limits: SiteLimits): number {
    return Math.max(0, this.room(site, limits) - this.waiting.length);
  }

  get isQuiet(): boolean {
    return this.active === 0 && this.waiting.length === 0;
  }

  get isFull(): boolean {
    return this.waiting.length >= WAITING_MAX;
  }

  /** Takes a slot. `start` is called at once, or when there is room; calling the answer before then gives up waiting. */
  enter(site: string, limits: SiteLimits, start: () => void): () => void {
    const waiter = { site, limits, start };
    this.waiting.push(waiter);
    this.startWaiting();
    return () => {
      this.waiting = this.waiting.filter((other) => other !== waiter);
    };
  }

  /** Gives the slot back. */
  leave(site: string): void {
    this.active -= 1;
    const left = (this.activeBySite.get(site) ?? 1) - 1;
    if (left > 0) this.activeBySite.set(site, left);
    else this.activeBySite.delete(site);
    this.startWaiting();
  }

  /** The most recently used idle connection of a way: the rest may grow old and be closed. */
  takeIdle(way: string): SmtpConnection | null {
    for (let index = this.idle.length - 1; index >= 0; index--) {
      const { connection, way: itsWay } = this.idle[index] as Idle;
      if (itsWay !== way) continue;
      this.idle.splice(index, 1);
      if (connection.usable) return connection;
    }
    return null;
  }

  /**
   * Makes room for a new connection: closes the oldest idle ones where the source has as many as it may, or, where the
   * site counts them, the site has; and then waits until the site's are gone.
   */
  async makeRoom(site: string, siteConnectionsMax: number | null): Promise<void> {
    while (this.idle.length > 0 && this.active + this.idle.length > this.source.connectionsMax) {
      void this.idle.shift()?.connection.quit();
    }
    if (siteConnectionsMax === null) return;
    const going: Promise<void>[] = [];
    const ofSite = this.idle.filter((idle) => idle.site === site);
    const tooMany = (this.activeBySite.get(site) ?? 0) + ofSite.length - siteConnectionsMax;
    for (const idle of ofSite.slice(0, Math.max(0, tooMany))) {
      this.idle.splice(this.idle.indexOf(idle), 1);
      going.push(idle.connection.quit());
    }
    if (going.length > 0) await Promise.all(going);
  }

  putIdle(way: string, site: string, connection: SmtpConnection, now: number): void {
    connection.onLost = () => {
      this.idle = this.idle.filter((idle) => idle.connection !== connection);
    };
    this.idle.push({ connection, way, site, since: now });
    // The attempt that put it here still holds its slot.
    if (this.active + this.idle.length > this.source.connectionsMax + 1) void this.idle.shift()?.connection.quit();
  }

  /** Closes what has been idle since before `since`. */
  closeIdle(since: number): void {
    const old = this.idle.filter((idle) => idle.since <= since);
    this.idle = this.idle.filter((idle) => idle.since > since);
    for (const { connection } of old) void connection.quit();
  }

  private startWaiting(): void {
    if (this.waiting.length === 0) return;
    const still: Waiter[] = [];
    for (const waiter of this.waiting) {
      if (this.room(waiter.site, waiter.limits) === 0) {
        still.push(waiter);
        continue;
      }
      this.active += 1;
      this.activeBySite.set(waiter.site, (this.activeBySite.get(waiter.site) ?? 0) + 1);
      waiter.start();
    }
    this.waiting = still;
  }
}
