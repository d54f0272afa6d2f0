import { admit, nextSlot, paceOf } from '../domain/slots.ts';
import { MINUTE_MS, type Millis, SECOND_MS } from '../domain/time.ts';
import type { Demand, LimitsMode, RateLimit, RateLimits, Taken } from '../runtime/limits-port.ts';
import { BoundedMap } from './bounded-map.ts';

/** Sources times sites that a worker keeps apart. Idle ones are the first to be forgotten. */
const KEYS_MAX = 100_000;
/** Wait of a key of which this worker owns no part: its share comes with the next assignment, if at all. */
const NO_SHARE_RETRY_MS = SECOND_MS;
/** Where the share is unknown or tiny, booked slots do not lie further apart than this. */
const SLOT_MS_MAX = 60 * MINUTE_MS;

const GRANTED: Taken = { granted: true };

/**
 * Limits with nobody to ask: each worker keeps to the part of every limit that equals its part of the lanes' partitions.
 * Since the parts add up to one, the total holds. All methods but the port's promises are synchronous.
 */
export class ShareLimits implements RateLimits {
  private readonly shares = new Map<string, number>();
  private readonly due = new BoundedMap<string, Millis>(KEYS_MAX);
  private readonly slots = new BoundedMap<string, Millis>(KEYS_MAX);

  async take(key: string, limit: RateLimit, now: Millis): Promise<Taken> {
    return this.takeNow(key, limit, now);
  }

  async takeAll(demands: readonly Demand[], now: Millis): Promise<Taken> {
    const taken: Demand[] = [];
    for (const demand of demands) {
      const answer = this.takeNow(demand.key, demand.limit, now);
      if (!answer.granted) {
        for (const { key, limit } of taken) this.giveBack(key, limit);
        return answer;
      }
      taken.push(demand);
    }
    return GRANTED;
  }

  takeNow(key: string, limit: RateLimit, now: Millis): Taken {
    const share = this.shareOf(limit);
    if (share === 0) return { granted: false, retryAfterMs: NO_SHARE_RETRY_MS };
    const { granted, due, retryAfterMs } = admit(this.due.get(key) ?? 0, paceOf(limit.ratePerMinute, share), now);
    this.due.set(key, due);
    return granted ? GRANTED : { granted: false, retryAfterMs };
  }

  /** Undoes a grant that led to nothing. */
  giveBack(key: string, limit: RateLimit): void {
    const due = this.due.get(key);
    const share = this.shareOf(limit);
    if (due !== undefined && share > 0) this.due.set(key, due - paceOf(limit.ratePerMinute, share).intervalMs);
  }

  reserve(key: string, limit: RateLimit, now: Millis): Millis {
    const ratePerMinute = Math.max(limit.ratePerMinute * this.shareOf(limit), MINUTE_MS / SLOT_MS_MAX);
    const slot = nextSlot(this.slots.get(key) ?? 0, ratePerMinute, now);
    this.slots.set(key, slot);
    return slot;
  }

  setShare(lane: string, fraction: number): void {
    this.shares.set(lane, Math.min(1, Math.max(0, fraction)));
  }

  /** Mean over the lanes that draw on it: these means, too, add up to one over all workers. */
  shareOf({ sharedBy }: RateLimit): number {
    if (sharedBy.length === 0) return 1;
    return sharedBy.reduce((sum, lane) => sum + (this.shares.get(lane) ?? 0), 0) / sharedBy.length;
  }

  mode(): LimitsMode {
    return 'share';
  }

  async stop(): Promise<void> {}
}
