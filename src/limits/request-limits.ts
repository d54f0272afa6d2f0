import type { Clock } from '../runtime/ports.ts';
import { BoundedMap } from './bounded-map.ts';
import type { RedisScripts } from './redis-scripts.ts';

/** So much in each window of so long; windows of a name do not overlap. */
export interface Allowance {
  /** Unique among all allowances. */
  readonly name: string;
  readonly max: number;
  readonly windowMs: number;
}

/** Null: granted and counted. Else nothing was counted, and it may be granted after so long. */
export type Denied = { readonly retryAfterMs: number } | null;

/** Counts what callers use up, all of a demand or nothing of it. */
export interface RequestLimits {
  take(allowance: Allowance, count: number): Promise<Denied>;
}

interface Window {
  readonly endsAt: number;
  used: number;
}

const NAMES_MAX = 100_000;

/** Counts of one process alone. */
export class MemoryRequestLimits implements RequestLimits {
  private readonly windows = new BoundedMap<string, Window>(NAMES_MAX);
  private readonly clock: Pick<Clock, 'now'>;

  constructor(clock: Pick<Clock, 'now'>) {
    this.clock = clock;
  }

  async take({ name, max, windowMs }: Allowance, count: number): Promise<Denied> {
    const now = this.clock.now();
    let window = this.windows.get(name);
    if (window === undefined || window.endsAt <= now) {
      window = { endsAt: now + windowMs, used: 0 };
      this.windows.set(name, window);
    }
    if (window.used + count > max) return { retryAfterMs: window.endsAt - now };
    window.used += count;
    return null;
  }
}

const TAKE = `
local used = tonumber(redis.call('get', KEYS[1]) or '0')
local left = redis.call('pttl', KEYS[1])
if left <= 0 then
  used = 0
  left = tonumber(ARGV[3])
end
if used + tonumber(ARGV[1]) > tonumber(ARGV[2]) then return left end
redis.call('set', KEYS[1], used + tonumber(ARGV[1]), 'PX', left)
return 0
`;

/** One count for all processes. Where Redis does not answer, each counts by itself: the limit then holds per process. */
export class RedisRequestLimits implements RequestLimits {
  private readonly redis: RedisScripts;
  private readonly insurance: RequestLimits;

  constructor(redis: RedisScripts, insurance: RequestLimits) {
    this.redis = redis;
    this.insurance = insurance;
  }

  async take(allowance: Allowance, count: number): Promise<Denied> {
    const { name, max, windowMs } = allowance;
    const found = await this.redis.run(TAKE, [`allowance:${name}`], [count, max, windowMs]);
    if (found === null) return this.insurance.take(allowance, count);
    const leftMs = Number(found.answer);
    return leftMs > 0 ? { retryAfterMs: leftMs } : null;
  }
}
