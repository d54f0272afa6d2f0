import { topics } from '../contracts/topic.ts';
import { EDITIONS_KEY, editionPrefix, FIRST_EDITION } from '../domain/edition.ts';
import type { Millis } from '../domain/time.ts';
import type { ViewStore } from '../kafka/view-follower.ts';
import type { Codec } from '../runtime/codec.ts';
import type { Clock, Telemetry } from '../runtime/ports.ts';
import { MemoryTable } from './memory-table.ts';

export interface EditionsOptions {
  readonly codec: Codec;
  readonly clock: Pick<Clock, 'now'>;
  readonly telemetry: Pick<Telemetry, 'count'>;
  /** Of the tables that look-ups go to: everything that was written so long ago is in them. */
  readonly stalenessMs: () => number;
}

/**
 * What the keys of rows begin with that look-ups go to. A `ViewFollower` feeds the store; `begin` comes once it and the
 * tables have caught up.
 */
export class Editions {
  /** Of `email.reputation-editions`. */
  readonly store: ViewStore;
  private readonly rows: MemoryTable<{ readonly active: number }>;
  private readonly options: EditionsOptions;
  private inForce: EditionInForce | null = null;

  constructor(options: EditionsOptions) {
    const rows = new MemoryTable(topics.reputationEditions, options.codec, options.telemetry);
    this.options = options;
    this.rows = rows;
    this.store = {
      checkpoint: (partition) => rows.checkpoint(partition),
      reset: (partition) => rows.reset(partition),
      apply: async (partition, records, nextOffset) => {
        await rows.apply(partition, records, nextOffset);
        // A switch is noticed when it is read, not when somebody next looks something up: the wait for the tables begins.
        this.inForce?.at(options.clock.now());
      },
    };
  }

  begin(): void {
    const told = () => (this.rows.get(EDITIONS_KEY) ?? FIRST_EDITION).active;
    this.inForce = new EditionInForce(told, this.options.stalenessMs);
  }

  prefix(): string {
    return editionPrefix(this.inForce?.at(this.options.clock.now()) ?? FIRST_EDITION.active);
  }
}

/**
 * The edition that look-ups go to. A switch is followed as soon as the tables are known to hold everything that was
 * written before it was seen: the rows of a new edition lie in the log before the record that puts it in force.
 */
class EditionInForce {
  private current: number;
  private next: { readonly edition: number; readonly seenAt: Millis } | null = null;
  private readonly told: () => number;
  private readonly stalenessMs: () => number;

  constructor(told: () => number, stalenessMs: () => number) {
    this.told = told;
    this.stalenessMs = stalenessMs;
    this.current = told();
  }

  at(now: Millis): number {
    const told = this.told();
    if (told === this.current) {
      this.next = null;
      return this.current;
    }
    if (this.next?.edition !== told) this.next = { edition: told, seenAt: now };
    if (now - this.stalenessMs() < this.next.seenAt) return this.current;
    this.current = told;
    this.next = null;
    return told;
  }
}
