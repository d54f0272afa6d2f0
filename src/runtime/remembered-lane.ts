import type { OwnedLane } from './owned-lane.ts';
import type { Position } from './ports.ts';
import type { Output } from './processor.ts';

/** What is known of a unit that the ledger calls declared. */
export type Known =
  /** It was attempted, and this is what there was to say about it. */
  | { readonly kind: 'said'; readonly outputs: readonly Output[] }
  /** Its attempt never began. */
  | { readonly kind: 'never-begun' }
  /** Its attempt had begun and its end was not seen. */
  | { readonly kind: 'in-doubt' };

/**
 * What a process still knows about a lane that it had to let go without a last commit, because the broker was away. Where
 * the same process is given the lane again and nobody has committed in between, its own sends are not uncertain.
 */
export class RememberedLane<U, R> {
  private readonly lane: OwnedLane<U, R>;
  private readonly said = new Map<number, readonly Output[]>();
  private readonly flying = new Set<number>();
  private readonly neverBegun = new Set<number>();
  /** Units that still count against the in-flight cap: the ledger calls them declared, and a crash would leave them in doubt. */
  private readonly held: Set<number>;
  private readonly positions: readonly Position[];

  constructor(lane: OwnedLane<U, R>) {
    this.lane = lane;
    this.held = new Set(lane.memory?.held);
    this.positions = lane.attempted ? [lane.committed, lane.attempted] : [lane.committed];
    this.inherit(lane.memory, lane.readTo);
    for (const { offset, phase, outputs, held } of lane.slots()) {
      if (held) this.held.add(offset);
      if (phase === 'settled') this.said.set(offset, outputs);
      else if (phase === 'flying') this.flying.add(offset);
      else this.neverBegun.add(offset);
    }
  }

  /** What an earlier memory knew of, and the lane had not come to yet, is known still. */
  private inherit(earlier: RememberedLane<U, R> | null, readTo: number): void {
    if (earlier === null) return;
    for (const [offset, outputs] of earlier.said) if (offset > readTo) this.said.set(offset, outputs);
    for (const offset of earlier.neverBegun) if (offset > readTo) this.neverBegun.add(offset);
  }

  isOf(lane: OwnedLane<U, R>): boolean {
    return this.lane === lane;
  }

  /** Attempts whose end is still to come; they were aborted, so it comes soon. */
  get pending(): number {
    return this.flying.size;
  }

  /** An attempt ended after the lane was let go. */
  landed(offset: number, outputs: readonly Output[]): void {
    if (this.flying.delete(offset)) this.said.set(offset, outputs);
  }

  /** Whether the unit is held; from now on it is not, and who asked must count it. */
  release(offset: number): boolean {
    return this.held.delete(offset);
  }

  /** How many of the units before this offset were held; none is any more. Their end was committed after all. */
  releaseBelow(offset: number): number {
    const below = [...this.held].filter((held) => held < offset);
    for (const held of below) this.held.delete(held);
    return below.length;
  }

  /** How many units were held; none is any more. */
  releaseAll(): number {
    const { size } = this.held;
    this.held.clear();
    return size;
  }

  /** False where another owner has committed since: then nothing that is remembered here holds. */
  holdsAt(position: Position): boolean {
    return this.positions.some(
      ({ nextOffset, metadata }) => nextOffset === position.nextOffset && metadata === position.metadata,
    );
  }

  about(offset: number): Known {
    const outputs = this.said.get(offset);
    if (outputs) return { kind: 'said', outputs };
    // What nobody of us had come to yet is as much in doubt as before: a predecessor may have declared it.
    return { kind: this.neverBegun.has(offset) ? 'never-begun' : 'in-doubt' };
  }
}
