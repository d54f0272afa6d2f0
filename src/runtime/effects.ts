import type { Topic } from '../contracts/topic.ts';
import type { Millis } from '../domain/time.ts';
import type { Task } from './ports.ts';
import type { Input, Output } from './processor.ts';

/** What became of a record when it was taken in. */
export type Admission<U> =
  | { readonly kind: 'queued'; readonly unit: U; readonly bytes: number }
  /** It needs no attempt (expired, uncertain and held, invalid …): these outputs are its end here. */
  | { readonly kind: 'settled'; readonly outputs: readonly Output[] };

export interface Choice<U> {
  /** To be declared, and attempted once the declaration is committed. At most the room that was given. */
  readonly attempts: readonly U[];
  /** Done without an attempt: skipped, or sent back to the ladder. */
  readonly settled: readonly { readonly unit: U; readonly outputs: readonly Output[] }[];
  /** When to ask again although nothing happened (a limit that frees, a not-before); null: never. */
  readonly wakeAt: Millis | null;
}

/**
 * A processor whose work cannot be undone or repeated freely: what it does to the world is bounded by a ledger.
 * `U` is its own unit object, `R` what an attempt answers. The `EffectProcessor` runs it.
 */
export interface EffectDefinition<V, U extends object, R> {
  readonly name: string;
  readonly version: string;
  readonly stage: string;
  /** Every topic of the group; one group has one fixed topic set. */
  readonly inputs: readonly Topic<V>[];
  /** Takes a record in. `uncertain`: a predecessor had declared it and never said what became of it. */
  admit(task: Task, input: Input<V>, uncertain: boolean, now: Millis): Admission<U>;
  /** Picks from everything admitted. Never called twice at once. Must hold what it gives out until `settle` or `forget`. */
  choose(room: number, now: Millis): Promise<Choice<U>>;
  /**
   * The effect. Never throws: what the world does is a value. Ends early, truthfully, when `abort` aborts. Once `closing`
   * has aborted nothing begins any more: an attempt that still waits for its turn ends without having touched the world.
   */
  perform(unit: U, abort: AbortSignal, closing: AbortSignal): Promise<R>;
  /** What to write about an attempt. Frees what the unit held. */
  settle(unit: U, result: R, now: Millis): readonly Output[];
  /** The unit is not ours any more: free what it holds and never choose it again. Idempotent. */
  forget(unit: U): void;
  /** Outputs about all attempts that one transaction settles (pre-aggregated counts). */
  summarise?(settled: readonly { readonly unit: U; readonly result: R }[], now: Millis): readonly Output[];
}

/**
 * The in-flight cap of a process, which all of its queues share: a crash hits all of its partitions at once. Counts units from
 * the moment they are chosen until their end is committed.
 */
export class InFlight {
  readonly max: number;
  private readonly whole: InFlight | null;
  private count = 0;
  private readonly waiting = new Set<() => void>();

  /** With a `whole`, a share of it: at most `max` of its room, and only while it has any. */
  constructor(max: number, whole: InFlight | null = null) {
    this.max = max;
    this.whole = whole;
  }

  get used(): number {
    return this.count;
  }

  /** Takes all the room there is, so that nobody else chooses into it meanwhile; what is not needed is freed again. */
  reserve(): number {
    return this.take(this.max);
  }

  free(by: number): void {
    if (by === 0) return;
    this.count -= by;
    this.whole?.free(by);
    const freed = [...this.waiting];
    this.waiting.clear();
    for (const call of freed) queueMicrotask(call);
  }

  /** Called once when there is room again: whoever frees it may have nothing to do with who waits for it. */
  whenFreed(call: () => void): void {
    this.waiting.add(call);
    this.whole?.whenFreed(call);
  }

  private take(atMost: number): number {
    const room = Math.max(0, Math.min(atMost, this.max - this.count));
    const taken = this.whole ? this.whole.take(room) : room;
    this.count += taken;
    return taken;
  }
}
