import type { SiteLimits, Source } from '../domain/policy.ts';
import type { SmtpConnection } from './connection.ts';
import type { Link } from './handshake.ts';

/** Attempts that may wait for a connection of one source. */
export const WAITING_MAX = 1_024;

interface Waiter {
  readonly site: string;
  readonly limits: SiteLimits;
  readonly start: () => void;
}

/** Who waits until a site has let go of a connection. */
interface Seeker {
  readonly site: string;
  readonly connectionsMax: number;
  readonly take: () => void;
}

/** A place among the connections to a site, to be given the connection that takes it up: it is free again once that is gone. */
export type Place = (link: Link) => void;

interface Idle {
  readonly connection: SmtpConnection;
  readonly way: string;
  readonly site: string;
  readonly since: number;
}

/**
 * The connections of one source. A *way* is a set of connections that may be used for one another: all of a relay's, or
 * those of one site where the source sends direct. A started attempt holds one slot of its site and at most one connection;
 * a connection to a site that counts them has a *place* of its own there, from before it is opened until the site has let
 * go of it, in use, idle or on its way out.
 */
export class SourcePool {
  /** The source as it was given last: limits may change while it runs. */
  source: Source;
  private idle: Idle[] = [];
  private readonly activeBySite = new Map<string, number>();
  private active = 0;
  private waiting: Waiter[] = [];
  private readonly placesBySite = new Map<string, number>();
  /** Idle connections that are being closed, per site. */
  private readonly leavingBySite = new Map<string, number>();
  private seekers: Seeker[] = [];
  private readonly links = new Set<Link>();

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
    add(this.activeBySite, site, -1);
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
   * Takes a place for a new connection to a site, once it has one: idle ones are closed for it, the oldest first. Answers
   * how to give up waiting; `take` is then not called any more.
   */
  seek(site: string, connectionsMax: number, take: (place: Place) => void): () => void {
    this.trim();
    const seeker = { site, connectionsMax, take: () => take(this.place(site)) };
    this.seekers.push(seeker);
    this.makeRoom(site);
    return () => {
      this.seekers = this.seekers.filter((other) => other !== seeker);
    };
  }

  /** Closes the oldest idle connections where a new one would be one more than the source may have. */
  trim(): void {
    while (this.idle.length > 0 && this.active + this.idle.length > this.source.connectionsMax) void this.dismiss(0);
  }

  putIdle(way: string, site: string, connection: SmtpConnection, now: number): void {
    connection.onLost = () => {
      this.idle = this.idle.filter((idle) => idle.connection !== connection);
    };
    this.idle.push({ connection, way, site, since: now });
    // The attempt that put it here still holds its slot.
    if (this.active + this.idle.length > this.source.connectionsMax + 1) void this.dismiss(0);
    this.makeRoom(site);
  }

  /** Closes what has been idle since before `since`. Settles when it is gone. */
  async closeIdle(since: number): Promise<void> {
    const gone: Promise<void>[] = [];
    for (let index = this.idle.length - 1; index >= 0; index--) {
      if ((this.idle[index] as Idle).since <= since) gone.push(this.dismiss(index));
    }
    await Promise.all(gone);
  }

  /** Keeps a connection in view until it is gone. */
  track(link: Link): void {
    this.links.add(link);
    void link.gone.then(() => this.links.delete(link));
  }

  /** Every connection, whatever it is doing. */
  destroyAll(): void {
    for (const link of this.links) link.destroy();
  }

  private dismiss(index: number): Promise<void> {
    const [{ connection, site }] = this.idle.splice(index, 1) as [Idle];
    add(this.leavingBySite, site, 1);
    const gone = connection.quit();
    void gone.then(() => add(this.leavingBySite, site, -1));
    return gone;
  }

  private place(site: string): Place {
    add(this.placesBySite, site, 1);
    return (link) => {
      this.track(link);
      void link.gone.then(() => {
        add(this.placesBySite, site, -1);
        this.makeRoom(site);
      });
    };
  }

  /** Gives out what places there are, and closes as many idle connections as are still wanted. */
  private makeRoom(site: string): void {
    let wanted = 0;
    for (const seeker of this.seekers.filter((one) => one.site === site)) {
      const taken = this.placesBySite.get(site) ?? 0;
      if (taken >= seeker.connectionsMax) {
        wanted = Math.max(wanted, taken - seeker.connectionsMax) + 1;
        continue;
      }
      this.seekers = this.seekers.filter((other) => other !== seeker);
      seeker.take();
    }
    wanted -= this.leavingBySite.get(site) ?? 0;
    for (let index = 0; index < this.idle.length && wanted > 0; wanted--) {
      while (index < this.idle.length && this.idle[index]?.site !== site) index++;
      if (index < this.idle.length) void this.dismiss(index);
    }
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
      add(this.activeBySite, waiter.site, 1);
      waiter.start();
    }
    this.waiting = still;
  }
}

const add = (counts: Map<string, number>, site: string, change: number): void => {
  const count = (counts.get(site) ?? 0) + change;
  if (count > 0) counts.set(site, count);
  else counts.delete(site);
};
