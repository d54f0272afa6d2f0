import { Redis } from 'ioredis';
import { RateLimiterRedis } from 'rate-limiter-flexible';
import type { Window } from '../domain/slots.ts';
import { BoundedMap } from './bounded-map.ts';
import type { Portion, WindowStore } from './window-store.ts';

export interface RedisWindowOptions {
  readonly url: string;
  readonly keyPrefix: string;
  /** After it a command counts as failed, whatever Redis does with it later. */
  readonly commandTimeoutMs: number;
}

const CONNECT_TIMEOUT_MS = 2_000;
const DISCONNECT_TIMEOUT_MS = 100;
const RECONNECT_MS_MAX = 500;
/** A limiter per distinct rate; configurations hold few. */
const LIMITERS_MAX = 1_000;

/**
 * The library's own script counts in whole seconds (and with a duration below one second sets no expiry at all). This one reads the
 * duration that the library passes on as milliseconds, and opens the next window only when the last has expired.
 */
const WINDOW_SCRIPT = `
local consumed = redis.call('incrby', KEYS[1], ARGV[1])
local remaining = redis.call('pttl', KEYS[1])
if remaining < 0 then
  remaining = tonumber(ARGV[2])
  redis.call('pexpire', KEYS[1], remaining)
end
return {consumed, remaining}
`;

/** Windows in Redis, through rate-limiter-flexible. Commands never wait in a queue and are never sent twice. */
export class RedisWindows implements WindowStore {
  private readonly client: Redis;
  private readonly connecting: Promise<void>;
  private readonly keyPrefix: string;
  private readonly limiters = new BoundedMap<string, RateLimiterRedis>(LIMITERS_MAX);

  constructor(options: RedisWindowOptions) {
    this.keyPrefix = `${options.keyPrefix}limit`;
    this.client = new Redis(options.url, {
      lazyConnect: true,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 1,
      autoResendUnfulfilledCommands: false,
      commandTimeout: options.commandTimeoutMs,
      connectTimeout: CONNECT_TIMEOUT_MS,
      // The library waits it out even where the connection is closed already.
      disconnectTimeout: DISCONNECT_TIMEOUT_MS,
      retryStrategy: (attempt) => Math.min(RECONNECT_MS_MAX, attempt * 100),
    });
    // Every failure reaches us through the command that it failed; without a listener the process would die of it.
    this.client.on('error', () => undefined);
    // It goes on trying by itself; until it has succeeded every command fails at once.
    this.connecting = this.client.connect().catch(() => undefined);
  }

  async consume(key: string, window: Window, count: number): Promise<Portion> {
    // `penalty` counts without judging: how many of ours still fitted follows from the sum.
    const result = await this.limiterOf(window).penalty(key, count);
    const before = result.consumedPoints - count;
    const granted = Math.min(count, Math.max(0, window.points - before));
    return { granted, remainingMs: Math.max(0, result.msBeforeNext) };
  }

  async probe(): Promise<void> {
    await this.connecting;
    await this.client.ping();
  }

  async close(): Promise<void> {
    this.client.disconnect();
  }

  private limiterOf(window: Window): RateLimiterRedis {
    const name = `${window.points}/${window.windowMs}`;
    const known = this.limiters.get(name);
    if (known) return known;
    const limiter = new RateLimiterRedis({
      storeClient: this.client,
      keyPrefix: this.keyPrefix,
      points: window.points,
      duration: window.windowMs,
      customIncrTtlLuaScript: WINDOW_SCRIPT,
      rejectIfRedisNotReady: true,
    });
    this.limiters.set(name, limiter);
    return limiter;
  }
}
