import { PostlaneError } from '../../domain/error.ts';
import type { Millis } from '../../domain/time.ts';
import { concernsListener, type SiteRule } from './site-behaviour.ts';
import { SlidingMinute } from './sliding-minute.ts';

/** Sites and pairs of source and site that are counted one by one; what is above is counted under OTHERS. */
export const SITES_MAX = 1_000;
export const PAIRS_MAX = 4_000;
export const OTHERS = '(others)';
/** The rule of every site that has none of its own. */
export const EVERY_SITE = '*';

/** What one source did at one site. */
export interface Pair {
  readonly source: string;
  /** Recipients that were named, whatever was answered. */
  readonly attempts: SlidingMinute;
  readonly messages: SlidingMinute;
  /** Recipients that were taken: what `ratePerMinute` counts. */
  readonly granted: SlidingMinute;
  /** When the last ones were taken, as far as `burstMax` needs it. */
  readonly lately: Millis[];
  attemptsTotal: number;
  messagesTotal: number;
}

/** One recipient domain. */
export interface Site {
  readonly name: string;
  connectionsOpen: number;
  connectionsPeak: number;
  attempts: number;
  messages: number;
  /** How often it was not friendly: by reply code, or by what it did instead of a reply. */
  readonly otherwise: Map<string, number>;
  readonly pairs: Map<string, Pair>;
}

/** Every site that was addressed, and how those behave that were told to. */
export class Sites {
  private readonly sites = new Map<string, Site>();
  private readonly rules = new Map<string, SiteRule>();
  private listenerRules: readonly (readonly [site: string, rule: SiteRule])[] = [];
  private pairs = 0;
  /** Sites with a listener of their own. */
  private readonly ownListeners: ReadonlySet<string>;

  constructor(ownListeners: Iterable<string>) {
    this.ownListeners = new Set(ownListeners);
  }

  at(name: string): Site {
    const found = this.sites.get(name);
    if (found !== undefined) return found;
    if (this.sites.size >= SITES_MAX && name !== OTHERS) return this.at(OTHERS);
    const site: Site = {
      name,
      connectionsOpen: 0,
      connectionsPeak: 0,
      attempts: 0,
      messages: 0,
      otherwise: new Map(),
      pairs: new Map(),
    };
    this.sites.set(name, site);
    return site;
  }

  pair(site: Site, source: string): Pair {
    const found = site.pairs.get(source);
    if (found !== undefined) return found;
    if (this.pairs >= PAIRS_MAX && source !== OTHERS) return this.pair(site, OTHERS);
    this.pairs++;
    const pair: Pair = {
      source,
      attempts: new SlidingMinute(),
      messages: new SlidingMinute(),
      granted: new SlidingMinute(),
      lately: [],
      attemptsTotal: 0,
      messagesTotal: 0,
    };
    site.pairs.set(source, pair);
    return pair;
  }

  all(): Iterable<Site> {
    return this.sites.values();
  }

  /** Null restores. */
  setRule(name: string, rule: SiteRule | null): void {
    if (rule === null) this.rules.delete(name);
    else if (this.rules.size < SITES_MAX || this.rules.has(name)) this.rules.set(name, rule);
    else throw new PostlaneError('LIMIT_EXCEEDED', { what: 'sites with a behaviour', max: SITES_MAX });
    this.listenerRules = [...this.rules].filter(([, each]) => concernsListener(each));
  }

  /** What holds for a recipient of this domain, from this source, now. */
  rule(name: string, source: string, now: Millis): SiteRule | null {
    if (this.rules.size === 0) return null;
    const rule = this.rules.get(name) ?? this.rules.get(EVERY_SITE);
    return rule !== undefined && holds(rule, source, now) ? rule : null;
  }

  /** What holds for every mail of a listener; `own` is the site it belongs to, null for the one of all the others. */
  ofListener(own: string | null, source: string, now: Millis): readonly SiteRule[] {
    if (this.listenerRules.length === 0) return [];
    return this.listenerRules
      .filter(([name, rule]) => this.isAt(name, own) && holds(rule, source, now))
      .map(([, rule]) => rule);
  }

  given(): ReadonlyMap<string, SiteRule> {
    return this.rules;
  }

  private isAt(name: string, own: string | null): boolean {
    if (name === EVERY_SITE || name === own) return true;
    return own === null && !this.ownListeners.has(name);
  }
}

const holds = (rule: SiteRule, source: string, now: Millis): boolean =>
  rule.until > now && (rule.source === null || rule.source === source);

/** Counts one more under a name. */
export const countUp = (counts: Map<string, number>, name: string): void => {
  counts.set(name, (counts.get(name) ?? 0) + 1);
};
