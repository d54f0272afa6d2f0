import { BoundedCache } from '../../src/domain/bounded-cache.ts';
import type { SiteLimits, Source } from '../../src/domain/policy.ts';
import type { DeliveryOutcome } from '../../src/domain/reply.ts';
import { type ShapingRule, shapingRuleOf } from '../../src/domain/shaping-rules.ts';
import type { Millis } from '../../src/domain/time.ts';

interface Condition {
  readonly rule: ShapingRule;
  readonly until: Millis;
}

/** Sources times sites that are remembered. */
const CONDITIONS_MAX = 50_000;

/**
 * What sites have asked of sources in their replies: nothing for a while, or less of it. Of several that hold at once the
 * strictest counts. Kept by this process alone, as every worker hears the same answers.
 */
export class Conditions {
  private readonly suspended = new BoundedCache<Condition>(CONDITIONS_MAX);
  private readonly slowed = new BoundedCache<Condition>(CONDITIONS_MAX);

  /** Heeds what a server said; answers the rule that fired for the first time in a while, null for none. */
  heed(source: Source, site: string, outcome: DeliveryOutcome, now: Millis): ShapingRule | null {
    if (outcome.kind !== 'refused') return null;
    const rule = shapingRuleOf(outcome.reply, site);
    if (rule === null) return null;
    const kept = rule.action.kind === 'suspend' ? this.suspended : this.slowed;
    const key = keyOf(source, site);
    const before = kept.get(key, now);
    const until = now + rule.action.forMs;
    if (before !== undefined && isStricter(before.rule, rule)) return null;
    kept.set(key, { rule, until: Math.max(until, before?.until ?? 0) }, Math.max(until, before?.until ?? 0));
    return before?.rule.id === rule.id ? null : rule;
  }

  /** Until when nothing goes from the source to the site; null: it may. */
  suspendedUntil(source: Source, site: string, now: Millis): Millis | null {
    return this.suspended.get(keyOf(source, site), now)?.until ?? null;
  }

  /** The limits, or the lower ones that hold for now. */
  limited(source: Source, site: string, limits: SiteLimits, now: Millis): SiteLimits {
    const action = this.slowed.get(keyOf(source, site), now)?.rule.action;
    if (action?.kind !== 'slow') return limits;
    return {
      ...limits,
      ratePerMinute: Math.min(action.ratePerMinute, limits.ratePerMinute ?? Number.POSITIVE_INFINITY),
      connectionsMax: Math.min(action.connectionsMax ?? Number.POSITIVE_INFINITY, limits.connectionsMax),
    };
  }
}

const keyOf = (source: Source, site: string): string => `${source.name}|${site}`;

const isStricter = ({ action: a }: ShapingRule, { action: b }: ShapingRule): boolean =>
  a.kind === 'slow' && b.kind === 'slow' && a.ratePerMinute < b.ratePerMinute;
