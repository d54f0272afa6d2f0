import { windowOf } from '../domain/slots.ts';
import type { Millis } from '../domain/time.ts';
import type { Demand, LimitsMode, RateLimit, RateLimits, Taken } from '../runtime/limits-port.ts';
import type { Clock, Telemetry } from '../runtime/ports.ts';
import { BoundedMap } from './bounded-map.ts';
import { Lease } from './lease.ts';
import type { ShareLimits } from './share-limits.ts';
import type { Portion, WindowStore } from './window-store.ts';

export interface RedisLimitsOptions {
  readonly store: WindowStore;
  /** What holds while the store does not answer. */
  readonly insurance: ShareLimits;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
}

const KEYS_MAX = 100_000;
/** Between two probes of a store that failed. */
const PROBE_INTERVAL_MS = 500;
/** How long a start waits for the store. */
const START_PATIENCE_MS = 1_000;
/** Probes in a row that must succeed before the store is trusted again: every change of mode costs a burst. */
const PROBES_IN_A_ROW = 2;
type Waiter = (taken: Taken) => void;

/** What this worker holds of one key, and who waits for more of it. */
interface Holding {
  readonly lease: Lease;
  waiters: Waiter[];
  asking: boolean;
}

const WITHOUT_REDIS = 'Redis does not answer: limits go by share of the lanes';
const GRANTED: Taken = { granted: true };

/**
 * One count for all workers, kept in Redis, with each worker's share of the limit as insurance.
 *
 * - *redis*: tokens come from the store, in small leases. Left when any command fails or times out.
 * - *share*: `ShareLimits` decides alone, and the store is probed in the background. Entered at the start, too.
 *   Left when it has answered twice in a row.
 */
export class RedisLimits implements RateLimits {
  private readonly options: RedisLimitsOptions;
  private readonly stopping = new AbortController();
  private readonly holdings = new BoundedMap<string, Holding>(KEYS_MAX);
  private current: LimitsMode = 'share';
  private probing: Promise<void>;

  private constructor(options: RedisLimitsOptions) {
    this.options = options;
    this.tellMode();
    this.probing = this.probe(1);
  }

  /** Answers once the store was heard, or after a second without it, which is no error: limits then go by share. */
  static async start(options: RedisLimitsOptions): Promise<RedisLimits> {
    const limits = new RedisLimits(options);
    const heard = new AbortController();
    await Promise.race([limits.probing, options.clock.sleep(START_PATIENCE_MS, heard.signal)]);
    heard.abort();
    if (limits.current === 'share') options.telemetry.log('warn', WITHOUT_REDIS);
    return limits;
  }

  mode(): LimitsMode {
    return this.current;
  }

  setShare(lane: string, fraction: number): void {
    this.options.insurance.setShare(lane, fraction);
  }

  reserve(key: string, limit: RateLimit, now: Millis): Millis {
    return this.options.insurance.reserve(key, limit, now);
  }

  async take(key: string, limit: RateLimit, now: Millis): Promise<Taken> {
    if (this.current === 'share' || limit.sharedBy.length === 0) return this.options.insurance.takeNow(key, limit, now);
    const holding = this.holdingOf(key);
    if (holding.lease.take(now)) return GRANTED;
    const waitMs = holding.lease.waitMs(now);
    if (waitMs > 0) return { granted: false, retryAfterMs: waitMs };
    const taken = new Promise<Taken>((resolve) => holding.waiters.push(resolve));
    if (!holding.asking) void this.ask(key, limit, holding);
    return taken;
  }

  async takeAll(demands: readonly Demand[], now: Millis): Promise<Taken> {
    const taken: { readonly demand: Demand; readonly mode: LimitsMode }[] = [];
    for (const demand of demands) {
      const answer = await this.take(demand.key, demand.limit, taken.length === 0 ? now : this.options.clock.now());
      if (!answer.granted) {
        for (const { demand, mode } of taken) this.giveBack(demand, mode);
        return answer;
      }
      taken.push({ demand, mode: demand.limit.sharedBy.length > 0 ? this.current : 'share' });
    }
    return GRANTED;
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.options.store.close();
    await this.probing;
  }

  /** A token goes back to what this worker holds; that of a window that is over is lost. */
  private giveBack({ key, limit }: Demand, mode: LimitsMode): void {
    if (mode === 'share') {
      this.options.insurance.giveBack(key, limit);
      return;
    }
    this.holdings.get(key)?.lease.giveBack(this.options.clock.now());
  }

  private holdingOf(key: string): Holding {
    const known = this.holdings.get(key);
    if (known) return known;
    const fresh: Holding = { lease: new Lease(), waiters: [], asking: false };
    this.holdings.set(key, fresh);
    return fresh;
  }

  /** One command at a time per key serves everyone who waits. Never rejects. */
  private async ask(key: string, limit: RateLimit, holding: Holding): Promise<void> {
    holding.asking = true;
    // One turn later everyone who is asking now is waiting.
    await Promise.resolve();
    while (holding.waiters.length > 0) {
      const waiters = holding.waiters;
      holding.waiters = [];
      const portion = await this.consume(key, limit, holding, waiters.length);
      const now = this.options.clock.now();
      for (const [index, settle] of waiters.entries()) {
        if (portion === null) settle(this.options.insurance.takeNow(key, limit, now));
        else if (index < portion.granted) settle(GRANTED);
        else settle({ granted: false, retryAfterMs: Math.max(1, Math.ceil(portion.remainingMs)) });
      }
    }
    holding.asking = false;
  }

  /** `null` where the store did not answer. */
  private async consume(key: string, limit: RateLimit, { lease }: Holding, waiting: number): Promise<Portion | null> {
    if (this.current === 'share') return null;
    const window = windowOf(limit.ratePerMinute);
    const asked = lease.ask(waiting, window);
    const askedAt = this.options.clock.now();
    try {
      const portion = await this.options.store.consume(key, window, asked);
      lease.answered(portion, asked, Math.min(portion.granted, waiting), window, askedAt);
      return portion;
    } catch (error) {
      this.distrust(error);
      return null;
    }
  }

  private distrust(error: unknown): void {
    if (this.current === 'share' || this.stopping.signal.aborted) return;
    this.change('share');
    this.options.telemetry.log('warn', WITHOUT_REDIS, { error });
    this.probing = this.probe(PROBES_IN_A_ROW);
  }

  private async probe(inARow: number): Promise<void> {
    const { store, clock, telemetry } = this.options;
    const { signal } = this.stopping;
    for (let answered = 0; answered < inARow; ) {
      const ok = await store.probe().then(
        () => true,
        () => false,
      );
      answered = ok ? answered + 1 : 0;
      if (signal.aborted) return;
      if (answered < inARow) await clock.sleep(PROBE_INTERVAL_MS, signal);
      if (signal.aborted) return;
    }
    this.change('redis');
    telemetry.log('info', 'Redis answers: all workers share one count of the limits');
  }

  private change(mode: LimitsMode): void {
    this.current = mode;
    this.holdings.clear();
    this.options.telemetry.count('postlane_limiter_mode_changes_total', { mode });
    this.tellMode();
  }

  private tellMode(): void {
    for (const mode of ['redis', 'share'] as const) {
      this.options.telemetry.gauge('postlane_limiter_mode', this.current === mode ? 1 : 0, { mode });
    }
  }
}
