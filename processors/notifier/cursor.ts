import type { DeliveryResult, WebhookCursor } from '../../src/contracts/generated.ts';
import type { Millis } from '../../src/domain/time.ts';
import type { WebhookEvent } from '../../src/domain/webhook-event.ts';

/** An event that an endpoint is to be told. */
export interface Entry {
  readonly offset: number;
  /** When it was recorded. */
  readonly at: Millis;
  readonly event: WebhookEvent;
  readonly result: DeliveryResult;
}

/** A place in one partition of the results, and what was read behind it and is not settled. */
export class Cursor {
  readonly type: string;
  readonly partition: number;
  /** Before which to stop; null: never. */
  readonly end: number | null;
  private readTo: number;
  private readonly buffered: Entry[] = [];
  private readonly underWay = new Set<number>();

  constructor({ type, partition, offset, end }: WebhookCursor) {
    this.type = type;
    this.partition = partition;
    this.end = end;
    this.readTo = offset;
  }

  /** Where to read on. */
  get offset(): number {
    return this.readTo;
  }

  /** Everything before it is delivered, waits, or is not wanted. */
  get settledTo(): number {
    return Math.min(this.readTo, this.buffered[0]?.offset ?? Infinity, ...this.underWay);
  }

  /** Nothing more will come of it. */
  get isDone(): boolean {
    return this.end !== null && this.settledTo >= this.end;
  }

  get isRead(): boolean {
    return this.end !== null && this.readTo >= this.end;
  }

  /** Keeps what is wanted of what was read, up to `nextOffset`. */
  keep(entries: readonly Entry[], nextOffset: number): void {
    this.buffered.push(...entries.filter(({ offset }) => this.end === null || offset < this.end));
    this.readTo = nextOffset;
  }

  /** The next entry, if one is there; it is not settled before `settle`. */
  begin(): Entry | null {
    const entry = this.buffered.shift() ?? null;
    if (entry !== null) this.underWay.add(entry.offset);
    return entry;
  }

  settle(offset: number): void {
    this.underWay.delete(offset);
  }

  /** It could not even be tried: it is the next one again. */
  giveBack(entry: Entry): void {
    this.underWay.delete(entry.offset);
    const at = this.buffered.findIndex(({ offset }) => offset > entry.offset);
    this.buffered.splice(at < 0 ? this.buffered.length : at, 0, entry);
  }

  get row(): WebhookCursor {
    return { type: this.type, partition: this.partition, offset: this.settledTo, end: this.end };
  }
}
