import type { Writable } from 'node:stream';
import type { Journal } from './journal.ts';

export interface FollowOptions {
  readonly from: number;
  readonly limit: number;
  readonly raw: boolean;
  /** Goes on with what is accepted later, until the reader goes. */
  readonly follows: boolean;
}

/** Writes a journal's lines to one reader, no faster than it reads: what it does not read stays in the journal. */
export class JournalFollower {
  private readonly journal: Journal;
  private readonly out: Writable;
  private readonly options: FollowOptions;
  private isEnded = false;
  private wake: () => void = () => undefined;

  constructor(journal: Journal, out: Writable, options: FollowOptions) {
    this.journal = journal;
    this.out = out;
    this.options = options;
  }

  end(): void {
    this.isEnded = true;
    this.wake();
  }

  /** Settles when everything is written, or the reader has gone. */
  async run(): Promise<void> {
    const { journal, out, options } = this;
    const end = () => this.end();
    const unfollow = options.follows ? journal.follow(() => this.wake()) : () => undefined;
    out.once('close', end);
    out.on('drain', () => this.wake());
    try {
      const last = options.follows ? Number.POSITIVE_INFINITY : journal.position().next;
      let { from, limit } = options;
      while (!this.isEnded && limit > 0 && from < last) {
        const wanted = Math.min(limit, last - from);
        const { bytes, count, next } = options.raw ? journal.lineWithRaw(from) : journal.lines(from, wanted);
        if (count === 0) {
          if (!options.follows) break;
          await this.woken();
          continue;
        }
        limit -= count;
        from = next;
        if (!out.write(bytes)) await this.drained();
      }
    } finally {
      unfollow();
      out.removeListener('close', end);
      out.end();
    }
  }

  /** An entry came, or it is over. */
  private woken(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }

  private async drained(): Promise<void> {
    while (this.out.writableNeedDrain && !this.isEnded) await this.woken();
  }
}
