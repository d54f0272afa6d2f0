import { createSecureContext, type SecureContext } from 'node:tls';
import { PostlaneError } from '../../domain/error.ts';
import { DAY_MS, MINUTE_MS, type Millis } from '../../domain/time.ts';
import { type KeyAndCertificate, selfSigned, yearFrom } from '../../secrets/self-signed.ts';
import { Api } from './api.ts';
import { Journal, type JournalEntry } from './journal.ts';
import { Listener } from './listener.ts';
import { type JournalSummary, type SimulatorStats, statsOf, summarise } from './report.ts';
import type { SimulatorCredentials } from './sasl.ts';
import { Clients, Deferrals, Greylist, type Setting, type Totals } from './setting.ts';
import { type Extension, readSiteBehaviour, type SiteBehaviour, type SiteRule } from './site-behaviour.ts';
import { EVERY_SITE, Sites } from './sites.ts';

/** How clients may, or must, encrypt. */
export interface SimulatorTls {
  readonly mode: 'none' | 'starttls' | 'implicit';
  /** With `starttls`: MAIL is refused in the clear. Default false. */
  readonly required?: boolean;
  /** PEM. Default: a key of its own, with a certificate that it has signed itself for a year. */
  readonly certificate?: KeyAndCertificate;
  /** Names in the self-signed certificate. Default: `localhost`, the host's address and the host name. */
  readonly names?: readonly string[];
  /** The self-signed certificate has expired yesterday. Default false. */
  readonly expired?: boolean;
}

export interface SimulatorOptions {
  /** 0: any free one, which is the default. */
  readonly smtpPort?: number;
  readonly httpPort?: number;
  /** Default 127.0.0.1. It accepts anything from anybody: not a thing to show to a network. */
  readonly host?: string;
  /** Ports for single sites, so that one of them can refuse connections while the others listen. */
  readonly sitePorts?: Readonly<Record<string, number>>;
  /** Default: none. */
  readonly tls?: SimulatorTls;
  /** Who may log in. Default: nobody need. */
  readonly auth?: SimulatorCredentials | readonly SimulatorCredentials[];
  /** EHLO keywords that are not offered. Default: all are. */
  readonly without?: readonly Extension[];
  /** Octets of a message. Default 25 MiB. */
  readonly sizeMax?: number;
  /** Open connections. Default 2,000. */
  readonly connectionsMax?: number;
  /** Of them from one address; one more is greeted with 421. Default: no limit. */
  readonly clientConnectionsMax?: number;
  /** How long a client may say nothing. Default 15 minutes. */
  readonly idleMs?: Millis;
  /** Journal entries that are kept. Default 1,000,000. */
  readonly entriesMax?: number;
  /** Keeps the sources of messages. Default false. */
  readonly keepRaw?: boolean;
  /** Octets of sources that are kept. Default 256 MiB. */
  readonly rawBytesMax?: number;
}

/** A running mailbox simulator. */
export interface Simulator {
  readonly host: string;
  readonly smtpPort: number;
  readonly httpPort: number;
  readonly sitePorts: Readonly<Record<string, number>>;
  /** PEM of its certificate, for clients to trust; null without TLS. */
  readonly certificate: string | null;
  /** What was accepted and is still kept, the oldest first. */
  journal(options?: { readonly from?: number; readonly limit?: number; readonly raw?: boolean }): JournalEntry[];
  summary(): Promise<JournalSummary>;
  stats(): SimulatorStats;
  sites(): Readonly<Record<string, SiteBehaviour>>;
  /**
   * Makes a recipient domain, or `*` for all others, behave; null restores it. Settles when it is so. Throws CONFIG_INVALID
   * with `facts.problems`.
   */
  setSite(site: string, behaviour: SiteBehaviour | null): Promise<void>;
  /**
   * From now on these may log in, and no others; null: nobody need. Connections that are logged in stay so, unless `endSessions`:
   * then they are answered with 530.
   */
  setCredentials(accepted: readonly SimulatorCredentials[] | null, options?: { readonly endSessions?: boolean }): void;
  /** Log-ins so far, by what became of them. */
  logIns(): { readonly accepted: number; readonly refused: number };
  /** Empties the journal; its numbering and all counts go on. */
  clear(): void;
  /** Closes every connection. Idempotent. */
  stop(): Promise<void>;
}

const HOST_NAME = 'simulator.postlane.test';
const SIZE_MAX = 25 * 1_048_576;
const CONNECTIONS_MAX = 2_000;
const IDLE_MS = 15 * MINUTE_MS;
const ENTRIES_MAX = 1_000_000;
const RAW_BYTES_MAX = 256 * 1_048_576;
const SITE_NAME = /^(?:\*|[a-z0-9](?:[a-z0-9._-]{0,253}[a-z0-9])?|\[[^\]]{1,64}\])$/;
/** The longest that a timer can run; a rule that ends later is looked at again then. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** Starts a mail server whose answers are chosen by the recipient's address; docs/simulator.md lists them. */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const simulator = new RunningSimulator(options);
  try {
    await simulator.start();
    return simulator;
  } catch (cause) {
    await simulator.stop();
    throw new PostlaneError('INFRA_UNAVAILABLE', { what: 'the mailbox simulator did not start' }, { cause });
  }
}

class RunningSimulator implements Simulator {
  readonly host: string;
  readonly certificate: string | null;
  private readonly options: SimulatorOptions;
  private readonly journalOfAll: Journal;
  private readonly totals: Totals = {
    connections: 0,
    connectionsOpen: 0,
    connectionsPeak: 0,
    messages: 0,
    bytes: 0,
    protocolErrors: 0,
  };
  private readonly clients = new Clients();
  private readonly known: Sites;
  private readonly shown: Setting;
  private readonly shared: Listener;
  private readonly own: ReadonlyMap<string, Listener>;
  private readonly api: Api;
  private readonly timers = new Map<string, NodeJS.Timeout>();
  private apiPort = 0;
  private stopping: Promise<void> | null = null;

  constructor(options: SimulatorOptions) {
    this.options = options;
    this.host = options.host ?? '127.0.0.1';
    const sitePorts = Object.keys(options.sitePorts ?? {}).map((site) => site.toLowerCase());
    this.known = new Sites(sitePorts);
    const rawBytesMax = options.keepRaw ? (options.rawBytesMax ?? RAW_BYTES_MAX) : 0;
    this.journalOfAll = new Journal({ entriesMax: options.entriesMax ?? ENTRIES_MAX, rawBytesMax });
    const identity = identityOf(options.tls, this.host);
    this.certificate = identity?.cert ?? null;
    this.shown = this.setting(identity === null ? null : createSecureContext(identity));
    this.shared = new Listener(this.host, null, this.shown);
    this.own = new Map(sitePorts.map((site) => [site, new Listener(this.host, site, this.shown)]));
    this.api = new Api({
      journal: this.journalOfAll,
      stats: () => this.stats(),
      summary: () => this.summary(),
      sites: () => this.sites(),
      setSite: (site, behaviour) => this.setSite(site, behaviour as SiteBehaviour | null),
      clear: () => this.clear(),
    });
  }

  get smtpPort(): number {
    return this.shared.port;
  }

  get httpPort(): number {
    return this.apiPort;
  }

  get sitePorts(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.own].map(([site, listener]) => [site, listener.port]));
  }

  async start(): Promise<void> {
    await this.shared.open(this.options.smtpPort ?? 0);
    for (const [site, port] of Object.entries(this.options.sitePorts ?? {})) {
      await this.own.get(site.toLowerCase())?.open(port);
    }
    this.apiPort = await this.api.open(this.host, this.options.httpPort ?? 0);
  }

  journal(options?: { readonly from?: number; readonly limit?: number; readonly raw?: boolean }): JournalEntry[] {
    return this.journalOfAll.entries(options);
  }

  summary(): Promise<JournalSummary> {
    return summarise(this.journalOfAll);
  }

  stats(): SimulatorStats {
    return statsOf(this.totals, this.clients, this.known, this.journalOfAll);
  }

  sites(): Readonly<Record<string, SiteBehaviour>> {
    return Object.fromEntries([...this.known.given()].map(([site, { given }]) => [site, given]));
  }

  async setSite(site: string, behaviour: SiteBehaviour | null): Promise<void> {
    const name = site.toLowerCase();
    if (!SITE_NAME.test(name)) {
      throw new PostlaneError('CONFIG_INVALID', { problems: [`a domain or ${EVERY_SITE} is expected`] });
    }
    const rule = behaviour === null ? null : readSiteBehaviour(behaviour);
    this.known.setRule(name, rule);
    clearTimeout(this.timers.get(name));
    this.timers.delete(name);
    if (rule !== null && rule.until !== Number.POSITIVE_INFINITY) this.endLater(name, rule);
    await this.listenWhereWanted();
  }

  setCredentials(accepted: readonly SimulatorCredentials[] | null, { endSessions = false } = {}): void {
    this.shown.auth = accepted && [...accepted];
    if (endSessions) this.shown.session++;
  }

  logIns(): { readonly accepted: number; readonly refused: number } {
    return { ...this.shown.logIns };
  }

  clear(): void {
    this.journalOfAll.clear();
  }

  stop(): Promise<void> {
    this.stopping ??= this.close();
    return this.stopping;
  }

  private async close(): Promise<void> {
    for (const timer of this.timers.values()) clearTimeout(timer);
    this.timers.clear();
    await Promise.all([this.shared.stop(), ...[...this.own.values()].map((each) => each.stop()), this.api.stop()]);
  }

  /** Rules end by the clock wherever they are read; the timer is there for what has to be switched back. */
  private endLater(name: string, rule: SiteRule): void {
    const delayMs = Math.min(Math.max(0, rule.until - Date.now()), TIMER_MS_MAX);
    const end = () => {
      if (rule.until > Date.now()) return this.endLater(name, rule);
      // Where the port is taken by now, nobody can be told but whoever sends next.
      this.setSite(name, null).catch(() => undefined);
    };
    this.timers.set(name, setTimeout(end, delayMs));
  }

  private async listenWhereWanted(): Promise<void> {
    const wanted = (own: string | null) =>
      !this.known.ofListener(own, '', Date.now()).some(({ behaviour }) => behaviour?.kind === 'refuse-connections');
    await Promise.all([
      this.shared.setListening(wanted(null)),
      ...[...this.own].map(([site, listener]) => listener.setListening(wanted(site))),
    ]);
  }

  private setting(secureContext: SecureContext | null): Setting {
    const { options } = this;
    return {
      hostName: HOST_NAME,
      tls: options.tls?.mode ?? 'none',
      tlsRequired: options.tls?.required ?? false,
      secureContext,
      auth: options.auth === undefined ? null : [options.auth].flat(),
      session: 0,
      logIns: { accepted: 0, refused: 0 },
      without: new Set(options.without ?? []),
      sizeMax: options.sizeMax ?? SIZE_MAX,
      connectionsMax: options.connectionsMax ?? CONNECTIONS_MAX,
      clientConnectionsMax: options.clientConnectionsMax ?? Number.POSITIVE_INFINITY,
      idleMs: options.idleMs ?? IDLE_MS,
      sites: this.known,
      journal: this.journalOfAll,
      deferrals: new Deferrals(),
      greylist: new Greylist(),
      totals: this.totals,
      clients: this.clients,
      now: Date.now,
    };
  }
}

function identityOf(tls: SimulatorTls | undefined, host: string): KeyAndCertificate | null {
  if (tls === undefined || tls.mode === 'none') return null;
  if (tls.certificate !== undefined) return tls.certificate;
  const validity = yearFrom(tls.expired ? Date.now() - 366 * DAY_MS : Date.now());
  return selfSigned({ names: tls.names ?? ['localhost', host, HOST_NAME], ...validity });
}
