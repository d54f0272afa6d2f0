import type { Millis } from '../../src/domain/time.ts';
import type { Unit } from './unit.ts';

/** Order in which a site's waiting mails are served. No promise across partitions. */
const PRIORITIES = ['high', 'normal', 'low'] as const;

/** The head of a list that is taken from is cut off once it is this long, so that taking stays cheap. */
const CUT_AT = 1_024;
/** So many mails of a backlog are given out together: they are declared, and most of them ended, by one transaction. */
export const CHUNK = 32;
/**
 * So many mails of one lane partition are given out before the next partition has its turn. Every partition that something
 * is under way of commits its own transactions, and one of thirty mails costs the broker hardly more than one of a single
 * mail; so a backlog is worked off a few partitions at a time.
 */
export const RUN_LENGTH = 8 * CHUNK;

class Fifo {
  private items: Unit[] = [];
  private head = 0;

  push(unit: Unit): void {
    this.items.push(unit);
  }

  peek(): Unit | undefined {
    while (this.items[this.head]?.state === 'gone') this.take();
    return this.items[this.head];
  }

  take(): void {
    this.head++;
    if (this.head < CUT_AT) return;
    this.items = this.items.slice(this.head);
    this.head = 0;
  }

  *[Symbol.iterator](): Generator<Unit> {
    for (let at = this.head; at < this.items.length; at++) {
      const unit = this.items[at] as Unit;
      if (unit.state === 'queued') yield unit;
    }
  }
}

/** Where a unit was read: the lane partition that its ending will be committed for. */
const partitionOf = ({ place }: Unit): string => place.slice(0, place.lastIndexOf('/'));

/** Mails in the order in which they came, a run of one lane partition at a time; partitions take turns. */
class Runs {
  /** Per partition; the first one has its turn. */
  private readonly fifos = new Map<string, Fifo>();
  private taken = 0;

  push(unit: Unit): void {
    const partition = partitionOf(unit);
    let fifo = this.fifos.get(partition);
    if (!fifo) {
      fifo = new Fifo();
      this.fifos.set(partition, fifo);
    }
    fifo.push(unit);
  }

  peek(): Unit | undefined {
    for (const [partition, fifo] of this.fifos) {
      const unit = fifo.peek();
      if (unit) return unit;
      this.fifos.delete(partition);
      this.taken = 0;
    }
    return undefined;
  }

  take(): void {
    for (const [partition, fifo] of this.fifos) {
      fifo.take();
      if (++this.taken >= RUN_LENGTH) {
        this.taken = 0;
        this.fifos.delete(partition);
        this.fifos.set(partition, fifo);
      }
      return;
    }
  }

  *[Symbol.iterator](): Generator<Unit> {
    for (const fifo of this.fifos.values()) yield* fifo;
  }
}

/** What waits for one site, and what keeps it waiting. */
export class SiteQueue {
  readonly site: string;
  private readonly waiting = PRIORITIES.map(() => new Runs());
  /** Not before this moment: a limit, or a circuit. */
  blockedUntil: Millis = 0;
  /** Until when the limit of a source has nothing left here. */
  readonly limitedUntil = new Map<string, Millis>();
  length = 0;
  bytes = 0;
  /** Units given out and not yet settled, per source. */
  readonly held = new Map<string, number>();
  /** Start times of the attempts under way, oldest first. */
  readonly startedAt = new Map<Unit, Millis>();

  constructor(site: string) {
    this.site = site;
  }

  push(unit: Unit): void {
    const rank = PRIORITIES.indexOf(unit.job.content.priority);
    (this.waiting[rank < 0 ? 1 : rank] as Runs).push(unit);
    unit.state = 'queued';
    this.length++;
    this.bytes += unit.bytes.length;
  }

  peek(): Unit | undefined {
    for (const fifo of this.waiting) {
      const unit = fifo.peek();
      if (unit) return unit;
    }
    return undefined;
  }

  /** Takes what `peek` answers; the caller says what becomes of it. */
  take(): void {
    const fifo = this.waiting.find((candidate) => candidate.peek() !== undefined);
    const unit = fifo?.peek();
    if (!fifo || !unit) return;
    fifo.take();
    this.left(unit);
  }

  /** A unit leaves without having been taken: it was marked as gone. */
  left(unit: Unit): void {
    this.length--;
    this.bytes -= unit.bytes.length;
  }

  *units(): Generator<Unit> {
    for (const fifo of this.waiting) yield* fifo;
  }

  heldOf(source: string): number {
    return this.held.get(source) ?? 0;
  }

  hold(source: string): void {
    this.held.set(source, this.heldOf(source) + 1);
  }

  release(source: string): void {
    const now = this.heldOf(source) - 1;
    if (now > 0) this.held.set(source, now);
    else this.held.delete(source);
  }

  isIdle(): boolean {
    return this.length === 0 && this.held.size === 0 && this.startedAt.size === 0;
  }
}

/** Units that may not go yet, soonest first: a binary heap by `notBefore`. */
export class Timed {
  private readonly heap: { readonly at: Millis; readonly unit: Unit }[] = [];

  get length(): number {
    return this.heap.length;
  }

  next(): Millis | null {
    return this.heap[0]?.at ?? null;
  }

  push(at: Millis, unit: Unit): void {
    this.heap.push({ at, unit });
    let child = this.heap.length - 1;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (this.at(parent) <= this.at(child)) break;
      this.swap(parent, child);
      child = parent;
    }
  }

  /** Takes the soonest one that is due; undefined where none is. */
  takeDue(now: Millis): Unit | undefined {
    const top = this.heap[0];
    if (!top || top.at > now) return undefined;
    const last = this.heap.pop();
    if (last && this.heap.length > 0) {
      this.heap[0] = last;
      this.sink(0);
    }
    return top.unit;
  }

  private sink(start: number): void {
    let parent = start;
    for (;;) {
      const left = parent * 2 + 1;
      const right = left + 1;
      let least = parent;
      if (left < this.heap.length && this.at(left) < this.at(least)) least = left;
      if (right < this.heap.length && this.at(right) < this.at(least)) least = right;
      if (least === parent) return;
      this.swap(parent, least);
      parent = least;
    }
  }

  private at(index: number): Millis {
    return this.heap[index]?.at ?? Number.POSITIVE_INFINITY;
  }

  private swap(a: number, b: number): void {
    const [first, second] = [this.heap[a], this.heap[b]];
    if (first && second) {
      this.heap[a] = second;
      this.heap[b] = first;
    }
  }
}
