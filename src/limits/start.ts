import type { RateLimits } from '../runtime/limits-port.ts';
import type { Clock, Telemetry } from '../runtime/ports.ts';
import { RedisLimits } from './redis-limits.ts';
import { type RedisWindowOptions, RedisWindows } from './redis-windows.ts';
import { ShareLimits } from './share-limits.ts';

export interface LimitsOptions {
  /** `null`: every worker keeps to its share. */
  readonly redis: RedisWindowOptions | null;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
}

/** Starts the limits that the configuration asks for. Waits at most a second for Redis, and starts without it. */
export async function startLimits({ redis, clock, telemetry }: LimitsOptions): Promise<RateLimits> {
  const insurance = new ShareLimits();
  if (redis !== null) return RedisLimits.start({ store: new RedisWindows(redis), insurance, clock, telemetry });
  telemetry.gauge('postlane_limiter_mode', 1, { mode: 'share' });
  return insurance;
}
