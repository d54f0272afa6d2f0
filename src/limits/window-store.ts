import type { Window } from '../domain/slots.ts';

/** Tokens of one window. */
export interface Portion {
  /** How many of those asked for; 0 … count. */
  readonly granted: number;
  /** What is left of the window. */
  readonly remainingMs: number;
}

/** A count that all workers share. Every method rejects within a time-out when the store does not answer. */
export interface WindowStore {
  /**
   * Takes up to `count` tokens out of the key's current window, or opens one. Windows of a key do not overlap: the next one
   * opens with the first call after the end of the last.
   */
  consume(key: string, window: Window, count: number): Promise<Portion>;
  /** Settles when the store answers. */
  probe(): Promise<void>;
  close(): Promise<void>;
}
