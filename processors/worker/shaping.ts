import { QUEUES, type Queue, type SiteLimits, type Source } from '../../src/domain/policy.ts';
import type { Host } from '../../src/host/host.ts';
import { sourcesOf } from '../../src/host/sources.ts';
import type { Courier } from '../../src/smtp/mail.ts';
import type { Conditions } from './conditions.ts';
import type { ConnectionShares } from './connection-shares.ts';
import type { SenderParts } from './send.ts';
import type { Unit } from './unit.ts';

/** What the queues of a process know of sites together. */
export interface ShapingParts {
  readonly host: Host;
  readonly courier: Courier;
  readonly conditions: Conditions;
  readonly shares: ConnectionShares;
}

/** Queues whose pool holds the source: all of them draw on its limits. */
const lanesSharing = (host: Host, source: Source): readonly Queue[] =>
  QUEUES.filter((queue) => sourcesOf(host.config, queue).some(({ name }) => name === source.name));

/** Lanes of that provider that draw on the limits of the source. */
export const lanesOn = (host: Host, source: Source, { lane }: Unit): readonly string[] =>
  lanesSharing(host, source).map((queue) => `${queue}.${lane.provider}`);

/** What sites take: by rule, by what they have said lately, and this process's part of it. */
export function shapingOf({ host, courier, conditions, shares }: ShapingParts): {
  limitsOf(unit: Unit, source: Source): SiteLimits;
  heirOf(unit: Unit, source: Source): number;
  circuits: Courier['circuits'];
  answered: NonNullable<SenderParts['answered']>;
} {
  const { config, clock, telemetry } = host;
  const providers = new Map(config.providers.map((rule) => [rule.provider, rule.limits]));
  const sites = new Map(config.sites.map((rule) => [rule.id, rule.limits]));
  const ruled = ({ site, lane }: Unit) => sites.get(site) ?? (providers.get(lane.provider) as SiteLimits);
  return {
    limitsOf(unit, source) {
      const limits = ruled(unit);
      // Behind a relay connections are the relay's, and so are the replies.
      if (source.mode === 'relay') return limits;
      const share = shares.of(limits, lanesOn(host, source, unit), unit.site);
      const isStray = share.connectionsMax === 0 && unit.envelope.handedOver;
      return conditions.limited(source, unit.site, isStray ? { ...share, connectionsMax: 1 } : share, clock.now());
    },
    heirOf(unit, source) {
      const lane = `${unit.lane.queue}.${unit.lane.provider}`;
      const partition = Number(unit.place.split('/')[1]);
      return shares.heir(lane, partition, ruled(unit), lanesOn(host, source, unit), unit.site);
    },
    circuits(source, site) {
      const state = courier.circuits(source, site);
      const until = conditions.suspendedUntil(source, site, clock.now());
      return until === null ? state : { ...state, site: Math.max(until, state.site ?? 0) };
    },
    answered(unit, source, outcome) {
      if (source.mode === 'relay') return;
      const rule = conditions.heed(source, unit.site, outcome, clock.now());
      if (rule === null) return;
      const { provider } = unit.lane;
      telemetry.count('postlane_site_conditions_total', { source: source.name, provider, rule: rule.id });
      telemetry.log('warn', 'a site asks for less', { source: source.name, provider, rule: rule.id, why: rule.why });
    },
  };
}
