import { partitionOf } from '../../src/domain/partitioner.ts';
import type { Queue, SiteLimits } from '../../src/domain/policy.ts';

/** Partitions of a lane; the name is `<queue>.<provider>`. */
export type PartitionsOf = (lane: string) => number;

/**
 * Which of a site's connections this process may use. Every connection of a limit belongs to one partition of the lanes that
 * share the source, evenly spread, from a partition on that the site's name tells; and its owner may use it. So all workers
 * together stay within the limit with nobody to ask. Where there are fewer connections than partitions, some have none:
 * their mails are handed over to one that has (`heir`). A lane has one at least, or it would starve.
 */
export class ConnectionShares {
  private readonly owned = new Map<string, readonly number[]>();
  private readonly partitionsOf: PartitionsOf;

  constructor(partitionsOf: PartitionsOf) {
    this.partitionsOf = partitionsOf;
  }

  /** This process owns these partitions of a lane. */
  set(queue: Queue, provider: string, partitions: readonly number[]): void {
    this.owned.set(`${queue}.${provider}`, partitions);
  }

  /** `lanes`: all that draw on the connections. Of these limits our part, which may be no connection at all. */
  of(limits: SiteLimits, lanes: readonly string[], site: string): SiteLimits {
    if (lanes.every((lane) => this.ownedOf(lane).length >= this.partitionsOf(lane))) return limits;
    let connectionsMax = 0;
    for (const lane of lanes) {
      const parts = this.partsOf(lane, limits, lanes, site);
      for (const partition of this.ownedOf(lane)) connectionsMax += parts[partition] ?? 0;
    }
    return { ...limits, connectionsMax };
  }

  /** The partition that mails of another one, which has no connection to the site, are handed over to. */
  heir(lane: string, partition: number, limits: SiteLimits, lanes: readonly string[], site: string): number {
    const parts = this.partsOf(lane, limits, lanes, site);
    const having = parts.flatMap((part, index) => (part > 0 ? [index] : []));
    return having[partition % having.length] ?? partition;
  }

  private ownedOf(lane: string): readonly number[] {
    return this.owned.get(lane) ?? [];
  }

  /** How many connections each partition of a lane has. */
  private partsOf(lane: string, limits: SiteLimits, lanes: readonly string[], site: string): readonly number[] {
    const counts = lanes.map(this.partitionsOf);
    const total = counts.reduce((sum, count) => sum + count, 0);
    const at = lanes.indexOf(lane);
    const before = counts.slice(0, at).reduce((sum, count) => sum + count, 0);
    const start = partitionOf(site, total);
    const parts = Array.from({ length: counts[at] ?? 0 }, (_, partition): number =>
      partOf((before + partition - start + total) % total, total, limits.connectionsMax),
    );
    if (!parts.some((part) => part > 0)) parts[start % parts.length] = 1;
    return parts;
  }
}

/** Of `connections` that are dealt out over `places` in even steps, those that fall to one place. */
const partOf = (place: number, places: number, connections: number): number =>
  Math.ceil(((place + 1) * connections) / places) - Math.ceil((place * connections) / places);
