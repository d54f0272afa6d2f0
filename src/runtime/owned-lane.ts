import { assert } from '../domain/error.ts';
import { generationMetadata } from './generation.ts';
import { buildLedger, type Entry, encodeLedger, LEDGER_LENGTH_MAX, LEDGER_LENGTH_SOFT, type Ledger } from './ledger.ts';
import type { Position, Task } from './ports.ts';
import type { Output } from './processor.ts';
import type { RememberedLane } from './remembered-lane.ts';

/**
 * Where a unit of an owned lane partition stands. It only moves down this list; a failed commit moves it one back.
 * - *queued*: read, the definition may choose it. Untouched in the ledger.
 * - *chosen*: to be declared by the next commit.
 * - *flying*: its declaration is committed; the attempt runs.
 * - *settled*: its outputs wait for the next commit. Still declared (or untouched, where it needed no attempt).
 */
export type Phase = 'queued' | 'chosen' | 'flying' | 'settled';

/** How many are declared at once while the ledger is long. */
const DECLARED_WHEN_LONG = 8;

/** One unit that is not done, in a list ordered by offset. */
export interface Slot<U, R> {
  readonly offset: number;
  readonly unit: U | null;
  readonly bytes: number;
  phase: Phase;
  /** What the ledger says once the commit in progress lands. */
  mark: Entry['mark'];
  /** A predecessor had declared it. */
  readonly uncertain: boolean;
  /** Counts against the in-flight cap. */
  held: boolean;
  /** Queued, and held all the same: it never began, but the committed ledger still calls it declared. */
  stale: boolean;
  doneBefore: boolean;
  outputs: readonly Output[];
  result: R | null;
  previous: Slot<U, R> | null;
  next: Slot<U, R> | null;
}

/** A commit as it was attempted, to be recognised if it turns out to have landed after all. */
export interface Attempted<U, R> extends Position {
  readonly declared: readonly Slot<U, R>[];
  readonly settled: readonly Slot<U, R>[];
  /** Stale ones that it calls untouched again. */
  readonly returned: readonly Slot<U, R>[];
}

/** The state of one owned partition of a lane: which units are not done, and what the next commit says about them. */
export class OwnedLane<U, R> {
  readonly task: Task;
  /** Aborted when the lane is let go: ends its waits. */
  readonly abort = new AbortController();
  /** Aborted when its attempts must end early. */
  readonly flights = new AbortController();
  /** Aborted when those of its attempts that have not begun must not begin any more. */
  readonly closing = new AbortController();
  chosen: Slot<U, R>[] = [];
  settled: Slot<U, R>[] = [];
  /** What the next commit must call untouched again, unless it declares it. */
  stale: Slot<U, R>[] = [];
  /** Highest offset that was read; everything below the first slot and up to here is done. */
  readTo: number;
  /** The position as last seen committed. */
  committed: Position;
  /** What this process remembers of an earlier ownership that nobody has followed. */
  memory: RememberedLane<U, R> | null = null;
  /** The commit whose outcome is not known yet. */
  attempted: Attempted<U, R> | null = null;
  committing = false;
  /** A declaration had no answer: nothing more is committed before another generation, which alone ends what it may still do. */
  adrift = false;
  sought = false;
  paused = false;
  live = 0;
  liveBytes = 0;
  flying = 0;
  private head: Slot<U, R> | null = null;
  private tail: Slot<U, R> | null = null;
  private doneAfter = false;
  private sequence = 0;
  readonly inherited: Ledger;

  constructor(task: Task, position: Position, inherited: Ledger, firstOffset: number) {
    this.task = task;
    this.committed = position;
    this.inherited = inherited;
    this.readTo = (position.nextOffset < 0 ? firstOffset : position.nextOffset) - 1;
  }

  /** Takes in a unit that was read after everything before it. */
  append(offset: number, unit: U | null, bytes: number, uncertain: boolean): Slot<U, R> {
    assert(offset > this.readTo, 'offsets ascend', { offset, readTo: this.readTo });
    const slot: Slot<U, R> = {
      offset,
      unit,
      bytes,
      phase: 'queued',
      // A predecessor's declaration holds until its end is committed: a second crash must not forget it.
      mark: uncertain ? 'declared' : 'untouched',
      uncertain,
      held: false,
      stale: false,
      doneBefore: this.doneAfter,
      outputs: [],
      result: null,
      previous: this.tail,
      next: null,
    };
    if (this.tail) this.tail.next = slot;
    else this.head = slot;
    this.tail = slot;
    this.doneAfter = false;
    this.readTo = offset;
    this.live++;
    this.liveBytes += bytes;
    return slot;
  }

  /** An older owner had finished this one. */
  passDone(offset: number): void {
    this.readTo = offset;
    this.doneAfter = true;
  }

  /** Its end is committed: it leaves the list, and its neighbour remembers that something done lies there. */
  remove(slot: Slot<U, R>): void {
    if (slot.previous) slot.previous.next = slot.next;
    else this.head = slot.next;
    if (slot.next) slot.next.previous = slot.previous;
    else this.tail = slot.previous;
    if (slot.next) slot.next.doneBefore = true;
    else this.doneAfter = true;
    this.live--;
    this.liveBytes -= slot.bytes;
  }

  *slots(): Generator<Slot<U, R>> {
    for (let slot = this.head; slot; slot = slot.next) yield slot;
  }

  /** The next commit must call it untouched again: until then it counts as what it is called, declared. */
  takeStale(slot: Slot<U, R>): void {
    slot.held = true;
    slot.stale = true;
    this.stale.push(slot);
  }

  /** How many units are to be declared, or the contrary. */
  get declarations(): number {
    return this.chosen.length + this.stale.length;
  }

  hasSomethingToSay(): boolean {
    return this.declarations > 0 || this.settled.length > 0;
  }

  /** Whether it has nothing under way that keeps it from committing. */
  get mayCommit(): boolean {
    return !this.committing && !this.adrift && !this.abort.signal.aborted;
  }

  /**
   * Takes what there is to say into one commit, lowest offsets first; without `ends` only what is to be declared. Where the ledger grows long, only the lowest few
   * are declared: filling holes shrinks the map. Where it would not fit at all, the rest waits for a later commit.
   */
  prepare(generation: number, ends: boolean): Attempted<U, R> | null {
    const byOffset = (a: Slot<U, R>, b: Slot<U, R>) => a.offset - b.offset;
    const settled = ends ? this.settled.sort(byOffset) : [];
    const declared = this.chosen.sort(byOffset);
    if (ends) this.settled = [];
    this.chosen = [];
    let ledger = this.mark(settled, declared);
    if (encodeLedger(ledger).length > LEDGER_LENGTH_SOFT && declared.length > DECLARED_WHEN_LONG) {
      this.chosen = [...this.untouch(declared.splice(DECLARED_WHEN_LONG))];
      ledger = this.mark(settled, declared);
    }
    while (encodeLedger(ledger).length > LEDGER_LENGTH_MAX && declared.length + settled.length > 0) {
      if (declared.length > 0) this.chosen = [...this.untouch(declared.splice(declared.length >> 1)), ...this.chosen];
      else this.settled = [...this.unsettle(settled.splice(settled.length >> 1)), ...this.settled];
      ledger = this.mark(settled, declared);
    }
    if (settled.length === 0 && declared.length === 0 && this.stale.length === 0) return null;
    const returned = this.stale.filter(({ phase }) => phase === 'queued');
    this.stale = [];
    this.sequence++;
    const metadata = generationMetadata(generation, `${this.sequence.toString(36)};${encodeLedger(ledger)}`);
    return { nextOffset: ledger.base, metadata, declared, settled, returned };
  }

  private mark(settled: readonly Slot<U, R>[], declared: readonly Slot<U, R>[]): Ledger {
    for (const slot of settled) slot.mark = 'done';
    for (const slot of declared) slot.mark = 'declared';
    return buildLedger(this.slots(), this.doneAfter, this.readTo, this.inherited);
  }

  private untouch(slots: readonly Slot<U, R>[]): readonly Slot<U, R>[] {
    for (const slot of slots) slot.mark = 'untouched';
    return slots;
  }

  /** A unit that was never attempted goes back to untouched, one that was to declared. */
  private unsettle(slots: readonly Slot<U, R>[]): readonly Slot<U, R>[] {
    for (const slot of slots) slot.mark = slot.held || slot.uncertain ? 'declared' : 'untouched';
    return slots;
  }

  /** The attempted commit did not land: what it said must be said again. */
  takeBack(attempted: Attempted<U, R>): void {
    this.chosen = [...this.untouch(attempted.declared), ...this.chosen];
    this.settled = [...this.unsettle(attempted.settled), ...this.settled];
    this.stale = [...attempted.returned, ...this.stale];
  }
}

/** The ledger in committed metadata: what follows generation and sequence. */
export const ledgerText = (metadata: string): string => metadata.replace(/^g\d+;[0-9a-z]+;/, '');
