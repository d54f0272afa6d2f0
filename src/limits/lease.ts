import type { Window } from '../domain/slots.ts';
import type { Millis } from '../domain/time.ts';
import type { Portion } from './window-store.ts';

/** A worker takes at most this part of a window in advance, so that it does not starve the others. */
const LEASE_RATIO_MAX = 0.4;

/**
 * The tokens of one key that this worker took in advance. They end with the window that they come from, so what is granted
 * in a window is never more than the window holds.
 */
export class Lease {
  private tokens = 0;
  /** End of the window; 0 where nothing is known about one. */
  private endsAt: Millis = 0;
  private windowMs = 0;
  /** The window is spent: the store need not be asked before it ends. */
  private spent = false;
  /** How many to take at once: doubles while they are used up, shrinks by what is left over, so a quiet key costs the others nothing. */
  private size = 1;

  /** True where a token was there. */
  take(now: Millis): boolean {
    this.expire(now);
    if (this.tokens === 0) return false;
    this.tokens -= 1;
    return true;
  }

  /** How long the store need not be asked; 0 where it is worth asking. */
  waitMs(now: Millis): number {
    this.expire(now);
    return this.spent ? Math.max(1, Math.ceil(this.endsAt - now)) : 0;
  }

  /** How many tokens to ask for when `waiting` need one now. */
  ask(waiting: number, window: Window): number {
    const sizeMax = Math.max(1, Math.floor(window.points * LEASE_RATIO_MAX));
    return Math.min(window.points, Math.max(waiting, Math.min(this.size, sizeMax)));
  }

  /**
   * The store's answer to `asked` tokens, of which `used` went to those who waited. The window's end is counted from before
   * the question was put, so it cannot be believed later than it is.
   */
  answered(portion: Portion, asked: number, used: number, window: Window, askedAt: Millis): void {
    this.expire(askedAt);
    this.endsAt = askedAt + Math.min(portion.remainingMs, window.windowMs);
    this.windowMs = window.windowMs;
    // What was given back meanwhile is of the same window, or it would have expired.
    this.tokens += portion.granted - used;
    this.spent = portion.granted < asked;
    if (!this.spent) this.size = Math.min(window.points, this.size * 2);
  }

  /** Takes a token back that led to nothing; one whose window is over is lost. */
  giveBack(now: Millis): void {
    this.expire(now);
    if (this.endsAt > 0) this.tokens += 1;
  }

  private expire(now: Millis): void {
    // A clock that was set back must not stretch a window.
    if (this.endsAt === 0 || (now < this.endsAt && this.endsAt - now <= this.windowMs)) return;
    this.size = Math.max(1, this.size - this.tokens);
    this.tokens = 0;
    this.endsAt = 0;
    this.spent = false;
  }
}
