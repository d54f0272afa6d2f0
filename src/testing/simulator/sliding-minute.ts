import { MINUTE_MS, type Millis } from '../../domain/time.ts';

/** Events of one minute that are remembered at most: 17,000 per second. */
export const EVENTS_MAX = 2 ** 20;
const EVENTS_FIRST = 64;

/** Counts events in the minute that ends now, exactly, and keeps the most that any such minute held. */
export class SlidingMinute {
  private times = new Float64Array(EVENTS_FIRST);
  private first = 0;
  private length = 0;
  private most = 0;
  private readonly eventsMax: number;

  constructor(eventsMax: number = EVENTS_MAX) {
    this.eventsMax = eventsMax;
  }

  /** The most events of any minute. A minute with more than the bound counts as the bound. */
  get max(): number {
    return this.most;
  }

  add(now: Millis): void {
    this.forget(now);
    if (this.length === this.times.length) this.grow();
    this.times[(this.first + this.length) & (this.times.length - 1)] = now;
    this.length++;
    if (this.length > this.most) this.most = this.length;
  }

  /** Events later than a minute before `now`. */
  count(now: Millis): number {
    this.forget(now);
    return this.length;
  }

  private forget(now: Millis): void {
    const mask = this.times.length - 1;
    while (this.length > 0 && (this.times[this.first] as number) <= now - MINUTE_MS) {
      this.first = (this.first + 1) & mask;
      this.length--;
    }
  }

  private grow(): void {
    const { times, first, length } = this;
    if (length >= this.eventsMax) {
      this.first = (first + 1) & (times.length - 1);
      this.length--;
      return;
    }
    const larger = new Float64Array(length * 2);
    for (let index = 0; index < length; index++) larger[index] = times[(first + index) & (times.length - 1)] as number;
    this.times = larger;
    this.first = 0;
  }
}
