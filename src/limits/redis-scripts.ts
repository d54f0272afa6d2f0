import { Redis } from 'ioredis';
import type { Clock, Telemetry } from '../runtime/ports.ts';

export interface RedisScriptsOptions {
  readonly url: string;
  readonly keyPrefix: string;
  /** After it a command counts as failed, whatever Redis does with it later. */
  readonly commandTimeoutMs: number;
  readonly clock: Clock;
  readonly telemetry: Pick<Telemetry, 'log'>;
}

const CONNECT_TIMEOUT_MS = 2_000;
const DISCONNECT_TIMEOUT_MS = 100;
const RECONNECT_MS_MAX = 500;
/** After a failure nobody waits for Redis for so long. */
const LEFT_ALONE_MS = 1_000;

/**
 * Runs scripts in Redis for callers that can do without: a failure is an answer, never an error, and a Redis that hangs
 * costs one time-out per second and not one per request.
 */
export class RedisScripts {
  private readonly options: RedisScriptsOptions;
  private readonly client: Redis;
  private leftAloneUntil = 0;

  constructor(options: RedisScriptsOptions) {
    this.options = options;
    this.client = new Redis(options.url, {
      lazyConnect: true,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 1,
      autoResendUnfulfilledCommands: false,
      commandTimeout: options.commandTimeoutMs,
      connectTimeout: CONNECT_TIMEOUT_MS,
      disconnectTimeout: DISCONNECT_TIMEOUT_MS,
      retryStrategy: (attempt) => Math.min(RECONNECT_MS_MAX, attempt * 100),
    });
    // Every failure reaches us through the command that it failed.
    this.client.on('error', () => undefined);
  }

  /** Settles when connected, or when that takes too long or fails at first: it goes on trying by itself. */
  async connect(): Promise<void> {
    const done = new AbortController();
    const connecting = this.client.connect().catch(() => undefined);
    await Promise.race([connecting, this.options.clock.sleep(CONNECT_TIMEOUT_MS, done.signal)]);
    done.abort();
  }

  /** What the script answers; null where Redis could not be asked. */
  async run(
    script: string,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<{ readonly answer: unknown } | null> {
    const { clock, keyPrefix, telemetry } = this.options;
    if (clock.now() < this.leftAloneUntil) return null;
    try {
      const named = keys.map((key) => `${keyPrefix}${key}`);
      return { answer: await this.client.eval(script, named.length, ...named, ...args) };
    } catch (error) {
      this.leftAloneUntil = clock.now() + LEFT_ALONE_MS;
      telemetry.log('warn', 'Redis does not answer: this process goes by its own memory', { error });
      return null;
    }
  }

  async close(): Promise<void> {
    this.client.disconnect();
  }
}
