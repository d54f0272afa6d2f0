import { SECOND_MS } from '../../src/domain/time.ts';

/** So much of a second may be made up for after a pause; the rest of it is lost. */
const CATCH_UP_MS = SECOND_MS;

/** Spaces rows evenly. Time comes from the caller, in ms of any steady clock. */
export class Pace {
  private readonly msPerRow: number;
  private nextAt = Number.NEGATIVE_INFINITY;

  /** Null: as fast as it goes. */
  constructor(rowsPerSecond: number | null) {
    this.msPerRow = rowsPerSecond === null ? 0 : SECOND_MS / rowsPerSecond;
  }

  /** Takes the turn of so many rows, and answers how long to wait for it. */
  take(rows: number, now: number): number {
    const at = Math.max(this.nextAt, now - (this.nextAt === Number.NEGATIVE_INFINITY ? 0 : CATCH_UP_MS));
    this.nextAt = at + rows * this.msPerRow;
    return Math.max(0, at - now);
  }
}
