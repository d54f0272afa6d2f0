import type { SiteLimits, Source } from '../domain/policy.ts';
import { type DeliveryOutcome, isLogInLost, isServerFailure, isSiteFailure } from '../domain/reply.ts';
import type { Millis } from '../domain/time.ts';
import { Abortable } from './abortable.ts';
import { Circuits } from './circuits.ts';
import { SmtpConnection } from './connection.ts';
import { type Directory, type Exchange, Exchanges } from './direct.ts';
import type { Endpoint } from './handshake.ts';
import type { LogIns } from './log-ins.ts';
import type { CircuitState, Courier, Credentials, OutgoingMail, Route } from './mail.ts';
import { failed } from './outcome.ts';
import { type Patience, patienceOf } from './patience.ts';
import { type Place, SourcePool } from './source-pool.ts';

export interface CourierOptions {
  /** Asked for every new connection, so that a rotated password is used at once. Null: the source needs no log-in. */
  credentials(source: Source): Promise<Credentials | null>;
  /** Told what became of log-ins, and asked for others. Without it a refused log-in is a failure of the relay. */
  readonly logIns?: Pick<LogIns, 'refused' | 'accepted' | 'isCurrent'>;
  /** Where the mail of domains goes. Asked for direct sources only, which cannot be used without. */
  readonly directory?: Directory;
  /** Told of a host whose TLS turned out to be broken. */
  readonly brokenTls?: (source: Source) => void;
  readonly circuit: { readonly failures: number; readonly resetMs: number };
  /** Multiplies every time-out. 1 in production. */
  readonly patienceFactor: number;
  /** An idle connection is closed after it. */
  readonly idleMs: number;
  readonly now: () => Millis;
  /** Named places where a test may end the process (FAULTS.md 1); does nothing in production. */
  readonly failpoint?: (name: string) => void;
}

/** Credentials that one attempt may try: the newest, the newest read anew, the last good one and the edition before. */
const LOG_INS_MAX = 4;
const SWEEPS_PER_IDLE = 2;
const SWEEP_MS_MAX = 15_000;

/** Makes the courier; it connects to nobody before its first mail. */
export const createCourier = (options: CourierOptions): Courier => new PooledCourier(options);

class PooledCourier implements Courier {
  private readonly options: CourierOptions;
  private readonly patience: Patience;
  /** Per relay: failures before a mail could be offered. */
  private readonly relays: Circuits;
  /** Per source and site: every other failure. */
  private readonly sites: Circuits;
  private readonly pools = new Map<string, SourcePool>();
  private readonly exchanges: Exchanges;
  private readonly attempts = new Map<Abortable, number>();
  private readonly sweeper: NodeJS.Timeout;
  private closed = false;
  private drained: (() => void) | null = null;

  constructor(options: CourierOptions) {
    this.options = options;
    this.patience = patienceOf(options.patienceFactor);
    this.exchanges = new Exchanges({ ...options, patience: this.patience });
    this.relays = new Circuits({ ...options.circuit, now: options.now, isFailure: isServerFailure });
    this.sites = new Circuits({ ...options.circuit, now: options.now, isFailure: isSiteFailure });
    const sweepMs = Math.min(options.idleMs / SWEEPS_PER_IDLE, this.patience.attempt, SWEEP_MS_MAX);
    this.sweeper = setInterval(() => this.sweep(), Math.max(1, sweepMs));
    this.sweeper.unref();
  }

  async deliver(mail: OutgoingMail, route: Route): Promise<DeliveryOutcome> {
    const pool = this.pool(route.source);
    if (this.closed) return failed('connect', 'stopped');
    if (pool.isFull) return failed('connect', 'no-capacity');
    const abortable = new Abortable();
    const abort = (): void => abortable.abort();
    this.attempts.set(abortable, performance.now());
    route.signal?.addEventListener('abort', abort, { once: true });
    if (route.signal?.aborted) abort();
    try {
      if (!(await this.entered(pool, route, abortable))) return failed('connect', this.closed ? 'stopped' : 'aborted');
      try {
        if (route.closing?.aborted) return failed('connect', 'aborted');
        return await this.guarded(route, () => this.attempt(pool, mail, route, abortable));
      } finally {
        pool.leave(route.site);
      }
    } finally {
      route.signal?.removeEventListener('abort', abort);
      this.attempts.delete(abortable);
      if (this.attempts.size === 0) this.drained?.();
    }
  }

  circuits(source: Source, site: string): CircuitState {
    const relay = source.mode === 'relay' ? this.relays.state(source.name) : CLOSED;
    const own = this.sites.state(siteKey(source, site));
    return { source: relay.until, site: own.until, trial: relay.trial || own.trial };
  }

  capacity(source: Source, site: string, limits: SiteLimits): number {
    if (this.closed) return 0;
    const relayRoom = source.mode === 'relay' ? this.relays.room(source.name) : Number.POSITIVE_INFINITY;
    return Math.min(this.pool(source).free(site, limits), relayRoom, this.sites.room(siteKey(source, site)));
  }

  /** Through the circuits of the way. In relay mode a failure is either the relay's or the site's, never both. */
  private guarded(route: Route, attempt: () => Promise<DeliveryOutcome>): Promise<DeliveryOutcome> {
    const { source, site } = route;
    if (source.mode !== 'relay') return this.sites.run(siteKey(source, site), attempt);
    // Not a trial of the relay: nothing would be tried.
    if (this.sites.room(siteKey(source, site)) === 0) return Promise.resolve(failed('connect', 'circuit-open'));
    return this.relays.run(source.name, async () => {
      let outcome: DeliveryOutcome | null = null;
      const judged = await this.sites.run(siteKey(source, site), async () => {
        outcome = await attempt();
        return isServerFailure(outcome) ? failed('connect', 'aborted') : outcome;
      });
      return outcome ?? judged;
    });
  }

  async close({ withinMs }: { readonly withinMs: number }): Promise<void> {
    this.closed = true;
    clearInterval(this.sweeper);
    await this.settled(withinMs);
    for (const abortable of this.attempts.keys()) abortable.abort();
    await this.settled(this.patience.stop);
    await within(this.patience.stop, this.closeIdle());
    for (const pool of this.pools.values()) pool.destroyAll();
    this.relays.close();
    this.sites.close();
  }

  async closeIdle(): Promise<void> {
    await Promise.all([...this.pools.values()].map((pool) => pool.closeIdle(Number.POSITIVE_INFINITY)));
  }

  private pool(source: Source): SourcePool {
    let pool = this.pools.get(source.name);
    if (pool === undefined) {
      pool = new SourcePool(source);
      this.pools.set(source.name, pool);
    }
    pool.source = source;
    return pool;
  }

  /** Waits for a slot. False where the attempt was aborted first. */
  private entered(pool: SourcePool, route: Route, abortable: Abortable): Promise<boolean> {
    return new Promise((resolve) => {
      const giveUp = pool.enter(route.site, route.limits, () => {
        abortable.over();
        resolve(true);
      });
      abortable.during(() => {
        giveUp();
        resolve(false);
      });
    });
  }

  private async attempt(
    pool: SourcePool,
    mail: OutgoingMail,
    route: Route,
    abortable: Abortable,
  ): Promise<DeliveryOutcome> {
    const { source, site } = route;
    const exchange = source.mode === 'direct' ? await this.exchanges.of(mail.to.domain) : null;
    if (exchange !== null && 'kind' in exchange) return exchange;
    // Its connections would be counted, and its mails be paced, as another's.
    if (exchange !== null && (exchange.site ?? site) !== site) return failed('connect', 'elsewhere');
    const way = exchange === null ? source.name : `${siteKey(source, site)} ${exchange.group}`;
    const reused = this.takeIdle(pool, way, source);
    if (reused !== null) {
      const outcome = this.exchanges.judged(await reused.deliver(mail, abortable, this.options.failpoint), reused);
      this.release(pool, way, reused, route);
      if (!wasDead(outcome)) return outcome;
    }
    const connection = await this.connect(pool, route, exchange, abortable);
    if (!(connection instanceof SmtpConnection)) return connection;
    const outcome = this.exchanges.judged(
      await connection.deliver(mail, abortable, this.options.failpoint),
      connection,
    );
    this.release(pool, way, connection, route);
    return outcome;
  }

  /** A place among the site's connections. Null where the attempt was aborted first. */
  private place(pool: SourcePool, { site, limits }: Route, abortable: Abortable): Promise<Place | null> {
    if (abortable.isAborted) return Promise.resolve(null);
    return new Promise((resolve) => {
      const giveUp = pool.seek(site, limits.connectionsMax, (place) => {
        abortable.over();
        resolve(place);
      });
      abortable.during(() => {
        giveUp();
        resolve(null);
      });
    });
  }

  private async connect(
    pool: SourcePool,
    route: Route,
    exchange: Exchange | null,
    abortable: Abortable,
  ): Promise<SmtpConnection | DeliveryOutcome> {
    const { source } = route;
    let credentials: Credentials | null;
    try {
      credentials = await this.options.credentials(source);
    } catch {
      return failed('auth', 'auth', 'credentials are not available');
    }
    const open = (as: Credentials | null): Promise<SmtpConnection | DeliveryOutcome> => {
      if (exchange !== null) {
        return this.exchanges.connect(exchange, source, as, abortable, () => this.place(pool, route, abortable));
      }
      pool.trim();
      if (abortable.isAborted) return Promise.resolve(failed('connect', 'aborted'));
      return SmtpConnection.open(endpointOf(source), as, this.patience, abortable, (link) => pool.track(link));
    };
    return credentials === null ? open(null) : this.logIn(source, credentials, open);
  }

  /** A refused log-in is looked up anew and tried again before it counts against the relay: it may have been rotated. */
  private async logIn(
    source: Source,
    first: Credentials,
    open: (as: Credentials) => Promise<SmtpConnection | DeliveryOutcome>,
  ): Promise<SmtpConnection | DeliveryOutcome> {
    const { logIns } = this.options;
    const tried: Credentials[] = [];
    for (let next: Credentials | null = first; ; ) {
      const opened: SmtpConnection | DeliveryOutcome = await open(next);
      if (opened instanceof SmtpConnection) {
        logIns?.accepted(source, next);
        return opened;
      }
      tried.push(next);
      if (logIns === undefined || !isLogInLost(opened) || tried.length >= LOG_INS_MAX) return opened;
      next = await logIns.refused(source, tried).catch(() => null);
      if (next === null) return opened;
    }
  }

  /** Skips connections that logged in with what has been replaced: they have finished their mail. */
  private takeIdle(pool: SourcePool, way: string, source: Source): SmtpConnection | null {
    for (let idle = pool.takeIdle(way); idle !== null; idle = pool.takeIdle(way)) {
      if (this.isCurrent(idle, source)) return idle;
      void idle.quit();
    }
    return null;
  }

  private isCurrent({ credentials }: SmtpConnection, source: Source): boolean {
    return credentials === null || (this.options.logIns?.isCurrent(source, credentials) ?? true);
  }

  private release(pool: SourcePool, way: string, connection: SmtpConnection, route: Route): void {
    if (!connection.usable) return;
    const isSpent = connection.mails >= mailsMax(route) || !this.isCurrent(connection, route.source);
    if (this.closed || isSpent) void connection.quit();
    else pool.putIdle(way, route.site, connection, performance.now());
  }

  private sweep(): void {
    const now = performance.now();
    for (const pool of this.pools.values()) void pool.closeIdle(now - this.options.idleMs);
    for (const [abortable, startedAt] of this.attempts) {
      if (now - startedAt > this.patience.attempt) abortable.abort();
    }
  }

  private async settled(withinMs: number): Promise<void> {
    if (this.attempts.size === 0) return;
    const drained = new Promise<void>((resolve) => {
      this.drained = resolve;
    });
    await within(withinMs, drained);
  }
}

const CLOSED = { until: null, trial: false };

const siteKey = (source: Source, site: string): string => `${source.name} ${site}`;

async function within(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}

const mailsMax = ({ source, limits }: Route): number =>
  source.mode === 'relay'
    ? source.messagesPerConnectionMax
    : Math.min(source.messagesPerConnectionMax, limits.messagesPerConnectionMax);

const endpointOf = (source: Source): Endpoint => ({
  host: source.host,
  port: source.port,
  tls: source.tls,
  tlsVerify: source.tlsVerify,
  localAddress: source.localAddress,
  helo: source.helo,
});

/**
 * A reused connection that the server had closed, or closes with 421, or whose log-in it does not accept any more: MAIL was not taken, so
 * no message byte was sent, and one more try over a fresh connection cannot make a second copy.
 */
const wasDead = (outcome: DeliveryOutcome): boolean =>
  outcome.kind !== 'accepted' &&
  outcome.stage === 'mail' &&
  (outcome.kind === 'refused' ? outcome.reply.code === 421 || isLogInLost(outcome) : outcome.reason === 'reset');
