import type { Source } from '../../src/domain/policy.ts';
import type { Millis } from '../../src/domain/time.ts';
import { SECOND_MS } from '../../src/domain/time.ts';
import { paceOfDay } from '../../src/domain/warm-up.ts';
import type { Choice } from '../../src/runtime/effects.ts';
import type { Demand } from '../../src/runtime/limits-port.ts';
import type { Output } from '../../src/runtime/processor.ts';
import type { DispatcherPorts } from './dispatcher-ports.ts';
import { CHUNK, SiteQueue, Timed } from './site-queue.ts';
import type { Unit } from './unit.ts';

/** A unit that cannot go within this time goes back to the ladder, where its lane holds other sites too. */
export const WAIT_MS_MAX = 30 * SECOND_MS;
/**
 * Declared units per connection, while a site answers quickly: they bridge the commits between two sends. A bulk lane's
 * unit is held for one tick before it is sent and for another one after, and a connection takes a mail every ten to
 * twenty milliseconds.
 */
const HELD_PER_CONNECTION = 12;
/** A site whose oldest attempt is older than this is slow: it gets no more units than it has connections. */
const SLOW_MS = SECOND_MS;
/** How soon a look-up of mail exchangers is looked after. */
const LOOKING_MS = 20;
/** How often what waits is looked through for expired mails while nothing can go. */
const SWEEP_MS = SECOND_MS;

type Way =
  | { readonly source: Source }
  | { readonly until: Millis; readonly wholeSource: boolean }
  | { readonly full: true }
  /** None of the site's connections from this source is ours. */
  | { readonly othersHave: Source };

/**
 * Decides which of the waiting units of one queue go next. Round robin over sites, so that no site waits for another; per
 * site by priority, then in order. Holds a place of (source, site) for everything it gives out.
 */
export class Dispatcher {
  private readonly sites = new Map<string, SiteQueue>();
  private readonly timed = new Timed();
  /** Mails whose site is being looked up, by recipient domain. */
  private readonly looking = new Map<string, Unit[]>();
  private readonly heldBySource = new Map<string, number>();
  /** Until when a new source has nothing left for a provider: its allowance is spread over the day. */
  private readonly spentUntil = new Map<string, Millis>();
  private turn = 0;
  private sweptAt: Millis = 0;
  private readonly ports: DispatcherPorts;

  constructor(ports: DispatcherPorts) {
    this.ports = ports;
  }

  /** Units that wait, per provider; for metrics. */
  waiting(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const site of this.sites.values()) {
      const provider = site.peek()?.lane.provider;
      if (provider) counts.set(provider, (counts.get(provider) ?? 0) + site.length);
    }
    return counts;
  }

  /** How long a unit of this site that came now would wait, by the limits alone. */
  private expectedWaitMs(unit: Unit, now: Millis): number {
    const site = this.sites.get(unit.site);
    const [first] = this.ports.sources;
    const ratePerMinute = first === undefined ? null : this.ports.limitsOf(unit, first).ratePerMinute;
    const sharing = this.ports.sources.filter(({ isAway }) => isAway === first?.isAway).length;
    const paced = ratePerMinute === null ? 0 : ((site?.length ?? 0) * 60_000) / (ratePerMinute * sharing);
    return Math.max(paced, (site?.blockedUntil ?? 0) - now);
  }

  /**
   * True where a unit of a lane of many sites must go to the ladder instead of filling the worker. What comes back from
   * there has a slot and is met with more patience: it comes a little early by design, and is not sent round again.
   */
  mustPostpone(unit: Unit, now: Millis): boolean {
    const patienceMs = unit.envelope.postponements > 0 ? 2 * WAIT_MS_MAX : WAIT_MS_MAX;
    return this.expectedWaitMs(unit, now) > patienceMs;
  }

  /** The next free slot of the unit's site, behind what waits here already: what is postponed comes back paced. */
  nextSlot(unit: Unit, now: Millis): Millis {
    const after = now + Math.max(WAIT_MS_MAX, this.expectedWaitMs(unit, now));
    const [source] = this.ports.sources;
    const ratePerMinute = source === undefined ? null : this.ports.limitsOf(unit, source).ratePerMinute;
    if (ratePerMinute === null || !source) return after;
    const limit = { ratePerMinute, sharedBy: this.ports.sharedBy(source, unit) };
    return this.ports.limits.reserve(`${source.name}|${unit.site}`, limit, after);
  }

  add(unit: Unit, now: Millis): void {
    const { notBefore } = unit.envelope;
    if (notBefore !== null && notBefore > now) {
      unit.state = 'timed';
      this.timed.push(notBefore, unit);
    } else this.enter(unit);
  }

  /** Into the queue of its site, which in a lane of many sites may have to be found first. */
  private enter(unit: Unit): void {
    if (!this.ports.locate || unit.lane.provider !== 'other') {
      this.siteOf(unit).push(unit);
      return;
    }
    unit.state = 'timed';
    const { domain } = unit.job.recipient;
    const others = this.looking.get(domain);
    if (others) others.push(unit);
    else this.looking.set(domain, [unit]);
  }

  /** Mails whose site is known by now go into its queue, into the lane of their provider, or to the ladder. */
  private found(settled: { unit: Unit; outputs: readonly Output[] }[], now: Millis): void {
    for (const [domain, units] of this.looking) {
      for (const unit of units) {
        if (unit.state !== 'timed') continue;
        const located = this.ports.locate?.(unit, now) ?? { kind: 'here', site: unit.site };
        if (located.kind === 'looking') break;
        let outputs = located.kind === 'elsewhere' ? located.outputs : null;
        if (located.kind === 'here') {
          unit.site = located.site;
          if (this.mustPostpone(unit, now)) outputs = this.ports.postpone(unit, this.nextSlot(unit, now), now);
        }
        if (outputs === null) this.siteOf(unit).push(unit);
        else {
          unit.state = 'gone';
          settled.push({ unit, outputs });
        }
      }
      if (!units.some(({ state }) => state === 'timed')) this.looking.delete(domain);
    }
  }

  async choose(room: number, now: Millis): Promise<Choice<Unit>> {
    const attempts: Unit[] = [];
    const settled: { unit: Unit; outputs: readonly Output[] }[] = [];
    for (let unit = this.timed.takeDue(now); unit; unit = this.timed.takeDue(now)) {
      if (unit.state === 'timed') this.enter(unit);
    }
    this.found(settled, now);
    if (now - this.sweptAt >= SWEEP_MS) this.sweep(settled, now);
    let left = room;
    const sites = [...this.sites.values()];
    for (let n = 0; n < sites.length && left > 0; n++) {
      const site = sites[(this.turn + n) % sites.length] as SiteQueue;
      left -= await this.serve(site, Math.min(left, fairShare(room, sites)), attempts, settled, now);
      if (site.isIdle() && site.blockedUntil <= now) this.sites.delete(site.site);
    }
    this.turn++;
    return { attempts, settled, wakeAt: this.wakeAt(now) };
  }

  /** An attempt begins; its start time tells a slow site. */
  started(unit: Unit, now: Millis): void {
    this.sites.get(unit.site)?.startedAt.set(unit, now);
  }

  /** Frees what a unit held, wherever it stands; it is never given out again. Idempotent. */
  release(unit: Unit): void {
    const site = this.sites.get(unit.site);
    const { state } = unit;
    unit.state = 'gone';
    if (state === 'queued') site?.left(unit);
    if (state !== 'out' || !unit.source) return;
    site?.startedAt.delete(unit);
    site?.release(unit.source.name);
    this.heldBySource.set(unit.source.name, (this.heldBySource.get(unit.source.name) ?? 1) - 1);
  }

  private siteOf(unit: Unit): SiteQueue {
    let site = this.sites.get(unit.site);
    if (!site) {
      site = new SiteQueue(unit.site);
      this.sites.set(unit.site, site);
    }
    return site;
  }

  private async serve(
    site: SiteQueue,
    room: number,
    attempts: Unit[],
    settled: { unit: Unit; outputs: readonly Output[] }[],
    now: Millis,
  ): Promise<number> {
    let given = 0;
    while (given < room && site.blockedUntil <= now) {
      const unit = site.peek();
      if (!unit) break;
      const skipped = this.ports.skip(unit, now);
      if (skipped) {
        site.take();
        unit.state = 'gone';
        settled.push({ unit, outputs: skipped });
        continue;
      }
      const way = this.way(site, unit, given > 0, now);
      if ('full' in way) break;
      if ('othersHave' in way) {
        site.take();
        unit.state = 'gone';
        settled.push({ unit, outputs: this.ports.handOver(unit, way.othersHave) });
        continue;
      }
      if ('until' in way) {
        this.block(site, unit, way.until, way.wholeSource, settled, now);
        break;
      }
      const refusedForMs = await this.demand(way.source, unit, now);
      if (refusedForMs > 0) {
        if (this.ports.allowance(way.source, unit) !== null) {
          this.spentUntil.set(spentKey(way.source, unit), now + refusedForMs);
          continue;
        }
        site.limitedUntil.set(way.source.name, now + refusedForMs);
        continue;
      }
      // The wait for the limits may have cost us the unit.
      if (unit.state !== 'queued') continue;
      site.take();
      unit.state = 'out';
      unit.source = way.source;
      site.hold(way.source.name);
      this.heldBySource.set(way.source.name, (this.heldBySource.get(way.source.name) ?? 0) + 1);
      attempts.push(unit);
      given++;
    }
    return given;
  }

  /**
   * The source to send over: the first candidate that has room. A retry keeps to the source of its last attempt
   * while that may send at all: a site that greylists knows the mail by it. A source that sends quickly and has enough under
   * way is `full` until a whole chunk fits, unless one was `begun`. Another region's source is not looked at while one of our
   * own may send: that it has no room just now is no reason to leave the region.
   */
  private way(site: SiteQueue, unit: Unit, begun: boolean, now: Millis): Way {
    const last = unit.envelope.lastSource;
    let waitsForOwn = false;
    let until: Millis | null = null;
    let everySource = true;
    let isFull = false;
    let othersHave: Source | null = null;
    const wait = (moment: Millis) => {
      until = until === null ? moment : Math.min(until, moment);
    };
    for (const source of this.candidates(unit)) {
      if (source.isAway && waitsForOwn) break;
      const circuits = this.ports.circuits(source, site.site);
      const closedAt = circuits.source ?? circuits.site;
      if (closedAt !== null && closedAt > now) {
        wait(closedAt);
        if (circuits.source === null) everySource = false;
        continue;
      }
      const spentUntil =
        this.ports.allowance(source, unit) !== null ? (this.spentUntil.get(spentKey(source, unit)) ?? 0) : 0;
      if (spentUntil > now) {
        // Looked at again soon: the lane waits as a whole, and none of its mails is sent round the ladder for it.
        wait(Math.min(spentUntil, now + WAIT_MS_MAX));
        continue;
      }
      everySource = false;
      waitsForOwn ||= !source.isAway;
      const limitedUntil = site.limitedUntil.get(source.name) ?? 0;
      if (this.ports.limitsOf(unit, source).connectionsMax === 0) othersHave ??= source;
      else if (limitedUntil > now) wait(limitedUntil);
      else if (this.hasRoom(source, site, unit, circuits.trial, begun, now)) return { source };
      else isFull = true;
      if (source.name === last) break;
    }
    if (isFull) return { full: true };
    if (othersHave !== null) return { othersHave };
    return until === null ? { full: true } : { until, wholeSource: everySource };
  }

  /**
   * The sources that a unit may go over, in the order in which they are asked: that of its last attempt; then those that are
   * being warmed up for its provider, which become warm by nothing else, and the warm ones; the warm ones first for what
   * must not wait. Where the rest is held for the new ones, the warm ones are none of them. Those of other regions come behind
   * all of ours.
   */
  private candidates(unit: Unit): readonly Source[] {
    const { sources, first, overflow } = this.ports;
    const fresh = sources.filter((source) => this.ports.allowance(source, unit) !== null);
    const last = sources.find(({ name }) => name === unit.envelope.lastSource);
    if (fresh.length === 0 && last === undefined) return sources;
    const warm = sources.filter((source) => !fresh.includes(source));
    const held = overflow === 'hold' && fresh.length > 0;
    const ordered = first === 'warm' ? [...warm, ...fresh] : held ? fresh : [...fresh, ...warm];
    const all = last === undefined ? ordered : [last, ...ordered.filter((source) => source !== last)];
    return all.some(({ isAway }) => isAway) ? [...all].sort(ownFirst) : all;
  }

  private hasRoom(source: Source, site: SiteQueue, unit: Unit, trial: boolean, begun: boolean, now: Millis): boolean {
    // One mail tries whether it works again; the others wait for what it says.
    if (trial && site.heldOf(source.name) > 0) return false;
    const { connectionsMax } = this.ports.limitsOf(unit, source);
    const [oldest] = site.startedAt.values();
    const perConnection = oldest !== undefined && now - oldest > SLOW_MS ? 1 : HELD_PER_CONNECTION;
    const heldMax = Math.min(connectionsMax, source.connectionsMax) * perConnection;
    const sourceRoom = source.connectionsMax * HELD_PER_CONNECTION - (this.heldBySource.get(source.name) ?? 0);
    const room = Math.min(heldMax - site.heldOf(source.name), sourceRoom);
    return room >= (begun || perConnection === 1 ? 1 : Math.min(CHUNK, Math.ceil(heldMax / 2)));
  }

  private async demand(source: Source, unit: Unit, now: Millis): Promise<number> {
    const { ratePerMinute } = this.ports.limitsOf(unit, source);
    const demands: Demand[] = [];
    if (this.ports.queueRatePerMinute !== null) {
      const limit = { ratePerMinute: this.ports.queueRatePerMinute, sharedBy: [] };
      demands.push({ key: `queue|${this.ports.queueName}`, limit });
    }
    if (ratePerMinute !== null) {
      const limit = { ratePerMinute, sharedBy: this.ports.sharedBy(source, unit) };
      demands.push({ key: `${source.name}|${unit.site}`, limit });
    }
    const allowance = this.ports.allowance(source, unit);
    if (allowance !== null) {
      const limit = { ratePerMinute: paceOfDay(allowance), sharedBy: this.ports.sharedBy(source, unit) };
      demands.push({ key: `warm-up|${source.name}|${unit.lane.provider}`, limit });
    }
    if (demands.length === 0) return 0;
    const taken = await this.ports.limits.takeAll(demands, now);
    return taken.granted ? 0 : Math.max(1, taken.retryAfterMs);
  }

  /**
   * Nothing goes to this site until then. In a lane of one site the mails wait where they are, and the lane's reading pauses
   * when enough of them do: Kafka is the buffer. In a lane of many sites they go to the ladder, so that no site holds up
   * another; but where the whole source is shut, every site waits, and the ladder would only be churned.
   */
  private block(
    site: SiteQueue,
    head: Unit,
    until: Millis,
    wholeSource: boolean,
    settled: { unit: Unit; outputs: readonly Output[] }[],
    now: Millis,
  ): void {
    site.blockedUntil = until;
    if (wholeSource || head.lane.provider !== 'other' || until - now <= WAIT_MS_MAX) return;
    for (let unit = site.peek(); unit; unit = site.peek()) {
      site.take();
      unit.state = 'gone';
      settled.push({ unit, outputs: this.ports.postpone(unit, this.nextSlot(unit, now), now) });
    }
  }

  /** Expiry, cancellation and suppression reach also what cannot go now (law 8: nothing declared is raced by it). */
  private sweep(settled: { unit: Unit; outputs: readonly Output[] }[], now: Millis): void {
    this.sweptAt = now;
    for (const site of this.sites.values()) {
      if (site.blockedUntil <= now) continue;
      for (const unit of site.units()) {
        const skipped = this.ports.skip(unit, now);
        if (!skipped) continue;
        unit.state = 'gone';
        site.left(unit);
        settled.push({ unit, outputs: skipped });
      }
    }
  }

  private wakeAt(now: Millis): Millis | null {
    let soonest = this.timed.next();
    if (this.looking.size > 0) soonest = Math.min(soonest ?? Number.POSITIVE_INFINITY, now + LOOKING_MS);
    for (const site of this.sites.values()) {
      if (site.length === 0) continue;
      for (const until of site.limitedUntil.values()) {
        if (until > now) soonest = soonest === null ? until : Math.min(soonest, until);
      }
      const at = Math.min(Math.max(site.blockedUntil, now + 1), now + SWEEP_MS);
      if (site.blockedUntil > now) soonest = soonest === null ? at : Math.min(soonest, at);
    }
    return soonest;
  }
}

const ownFirst = (a: Source, b: Source): number => Number(a.isAway) - Number(b.isAway);

const spentKey = (source: Source, { lane }: Unit): string => `${source.name}|${lane.provider}`;

/** While several sites wait, none takes more than half of the room, but always a whole chunk. */
const fairShare = (room: number, sites: readonly SiteQueue[]): number => {
  const waiting = sites.filter((site) => site.length > 0).length;
  return waiting <= 1 ? room : Math.max(CHUNK, Math.ceil(room / 2));
};
