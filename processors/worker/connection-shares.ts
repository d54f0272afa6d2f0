import type { Queue, SiteLimits } from '../../src/domain/policy.ts';

/**
 * Which part of a site's connections this process may use: as much as its part of the lanes that share the source, so that
 * all workers together stay within the limit with nobody to ask. One connection at least, or a small limit would starve a lane.
 */
export class ConnectionShares {
  private readonly shares = new Map<string, number>();

  /** This process owns `fraction` (0 … 1) of a lane's partitions. */
  set(queue: Queue, provider: string, fraction: number): void {
    this.shares.set(`${queue}.${provider}`, fraction);
  }

  /** `lanes`: `<queue>.<provider>`, all that draw on the connections. */
  of(limits: SiteLimits, lanes: readonly string[]): SiteLimits {
    const sum = lanes.reduce((total, lane) => total + (this.shares.get(lane) ?? 0), 0);
    const share = lanes.length === 0 ? 1 : sum / lanes.length;
    if (share >= 1) return limits;
    return { ...limits, connectionsMax: Math.max(1, Math.floor(limits.connectionsMax * share)) };
  }
}
