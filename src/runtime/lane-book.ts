import { PostlaneError } from '../domain/error.ts';
import type { InFlight } from './effects.ts';
import { generationIn } from './generation.ts';
import type { OwnedLane, Slot } from './owned-lane.ts';
import type { Clock, Position, Task } from './ports.ts';
import { taskId } from './ports.ts';
import { RememberedLane } from './remembered-lane.ts';

/** How often it is looked whether attempts that were aborted have ended. */
const LANDED_POLL_MS = 5;

export interface LaneBookOptions<U> {
  readonly clock: Clock;
  readonly inFlight: InFlight;
  /** Told of units that are let go without an end. */
  readonly forget: (unit: U) => void;
  /** What was aborted has ended after so long, or is not waited for any more. */
  readonly abortGraceMs: number;
}

/** Where a unit is. */
export interface Place<U, R> {
  readonly lane: OwnedLane<U, R>;
  readonly slot: Slot<U, R>;
}

/**
 * Which lanes a process owns in this generation of its group, what it remembers of those that it had to let go, and which of
 * them it knows to belong to somebody else by now.
 */
export class LaneBook<U extends object, R> {
  private readonly options: LaneBookOptions<U>;
  private readonly lanes = new Map<string, OwnedLane<U, R>>();
  private readonly migrated = new Set<string>();
  /** Lanes that were let go without a last commit, until they are opened again. */
  private readonly remembered = new Map<string, RememberedLane<U, R>>();
  private readonly places = new Map<U, Place<U, R>>();
  private generationNow = 0;
  /** False while everything is brought to its end: nothing further is opened or declared. */
  declaring = true;

  constructor(options: LaneBookOptions<U>) {
    this.options = options;
  }

  get generation(): number {
    return this.generationNow;
  }

  /** Lets go of what another generation, or other tasks, take from us. Answers those lanes, to be retired. */
  dropOthers(tasks: readonly Task[], generation: number): readonly OwnedLane<U, R>[] {
    const kept = new Set(tasks.map(taskId));
    const lost = this.owned().filter((lane) => !kept.has(taskId(lane.task)) || this.generationNow !== generation);
    for (const lane of lost) this.drop(lane);
    return lost;
  }

  /** A generation begins, in which these tasks are ours. */
  begin(tasks: readonly Task[], generation: number): void {
    const kept = new Set(tasks.map(taskId));
    for (const id of this.remembered.keys()) if (!kept.has(id)) this.disown(id);
    this.generationNow = generation;
    this.migrated.clear();
    this.declaring = true;
  }

  of(task: Task): OwnedLane<U, R> | undefined {
    return this.lanes.get(taskId(task));
  }

  owned(): readonly OwnedLane<U, R>[] {
    return [...this.lanes.values()];
  }

  /** False where the lane was let go meanwhile, also where it was opened anew since. */
  owns(lane: OwnedLane<U, R>): boolean {
    return this.lanes.get(taskId(lane.task)) === lane;
  }

  own(lane: OwnedLane<U, R>): void {
    this.lanes.set(taskId(lane.task), lane);
  }

  placeOf(unit: U): Place<U, R> | undefined {
    return this.places.get(unit);
  }

  place(unit: U, lane: OwnedLane<U, R>, slot: Slot<U, R>): void {
    this.places.set(unit, { lane, slot });
  }

  displace(unit: U): void {
    this.places.delete(unit);
  }

  hasMigrated(task: Task): boolean {
    return this.migrated.has(taskId(task));
  }

  migrate(task: Task): void {
    this.migrated.add(taskId(task));
  }

  /** Throws TASK_MIGRATED where a later generation has committed: its member owns the task. */
  refuseOlder(task: Task, position: Position): void {
    if (generationIn(position.metadata) > this.generationNow) {
      throw new PostlaneError('TASK_MIGRATED', { task: taskId(task), generation: this.generationNow });
    }
  }

  /** What we still know of the lane, if nobody has committed since we let it go. Its last attempts were aborted: they end soon. */
  async recall(task: Task, position: Position): Promise<RememberedLane<U, R> | null> {
    const memory = this.remembered.get(taskId(task));
    if (!memory?.holdsAt(position)) {
      this.disown(taskId(task));
      return null;
    }
    const { clock, abortGraceMs } = this.options;
    for (let waitedMs = 0; memory.pending > 0 && waitedMs < abortGraceMs; waitedMs += LANDED_POLL_MS) {
      await clock.sleep(LANDED_POLL_MS);
    }
    return memory;
  }

  /** What is remembered of this lane, if it is this one that was let go last. */
  memoryOf(lane: OwnedLane<U, R>): RememberedLane<U, R> | undefined {
    const memory = this.remembered.get(taskId(lane.task));
    return memory?.isOf(lane) ? memory : undefined;
  }

  /** Lets a lane go: aborts what flies, and remembers what is known of it. What is declared counts as in flight still. */
  drop(lane: OwnedLane<U, R>): void {
    this.lanes.delete(taskId(lane.task));
    this.remembered.set(taskId(lane.task), new RememberedLane(lane));
    lane.abort.abort();
    lane.flights.abort();
    lane.closing.abort();
    for (const slot of lane.slots()) {
      if (slot.unit !== null) {
        this.places.delete(slot.unit);
        if (slot.phase !== 'flying') this.options.forget(slot.unit);
      }
      slot.held = false;
    }
  }

  /** Lets a lane go that another owner has, or will have: what is in doubt about it is not ours any more. */
  dropForGood(lane: OwnedLane<U, R>): void {
    this.migrate(lane.task);
    this.drop(lane);
    this.disown(taskId(lane.task));
  }

  /** What was chosen and not yet declared is simply let go: the ledger says untouched. */
  unchoose(lane: OwnedLane<U, R>): void {
    for (const slot of lane.chosen) {
      slot.phase = 'queued';
      if (slot.held && !slot.stale) this.options.inFlight.free(1);
      slot.held = slot.stale;
      if (slot.unit !== null) this.options.forget(slot.unit);
    }
    lane.chosen = [];
  }

  private disown(id: string): void {
    this.options.inFlight.free(this.remembered.get(id)?.releaseAll() ?? 0);
    this.remembered.delete(id);
  }
}
