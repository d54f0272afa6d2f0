import { assert, isPostlaneError, PostlaneError } from '../domain/error.ts';
import { encodeOutputs } from './encode.ts';
import { LaneBook } from './lane-book.ts';
import { LaneReader, type LaneReaderOptions } from './lane-reader.ts';
import type { Attempted, OwnedLane, Slot } from './owned-lane.ts';
import type { IntakeHandler, Position, StoredRecord, Task } from './ports.ts';
import { taskId } from './ports.ts';
import type { Output } from './processor.ts';
import { Rounds, type Urgency } from './rounds.ts';

/** A transient failure is tried again after this long. */
const RETRY_MS = 500;
/** Before a drain's deadline, what still flies is aborted, so that its truth can still be committed. */
const ABORT_GRACE_MS = 2_000;
/** A round does not wait for its time once this much is to be said. */
const SAY_AT_ONCE = 64;
/** How often a drain looks whether everything has landed. */
const DRAIN_POLL_MS = 5;

export interface EffectProcessorOptions<V, U extends object, R>
  extends Omit<LaneReaderOptions<V, U, R>, 'signal' | 'say' | 'taken'> {
  /** Shortest time between two rounds of commits, unless much is to be said. */
  readonly tickMs: number;
  /** Named places where a test may end the process (FAULTS.md 1); does nothing in production. */
  readonly failpoint?: (name: string) => void;
}

/**
 * Runs an `EffectDefinition` over a delivery ledger: read → choose → declare (the position alone) → attempt → settle (commit).
 * An attempt starts only after the commit that declares it; the committed offset's metadata tells a successor which
 * units are done and which are uncertain. Batches only enqueue; attempts start from commits, never from batches.
 */
export class EffectProcessor<V, U extends object, R> implements IntakeHandler {
  private readonly book: LaneBook<U, R>;
  private readonly reader: LaneReader<V, U, R>;
  private readonly stopping = new AbortController();
  private readonly rounds: Rounds;
  private readonly onRoom = (): void => this.pump();
  private pumping = false;
  private pumpAgain = false;
  private wake = new AbortController();
  private readonly options: EffectProcessorOptions<V, U, R>;

  constructor(options: EffectProcessorOptions<V, U, R>) {
    this.options = options;
    const { clock, inFlight, definition } = options;
    const forget = (unit: U): void => definition.forget(unit);
    this.book = new LaneBook({ clock, inFlight, forget, abortGraceMs: ABORT_GRACE_MS });
    const reading: LaneReaderOptions<V, U, R> = {
      ...options,
      signal: this.stopping.signal,
      say: (lane, slot, outputs) => this.say(lane, slot, outputs, null),
      taken: (lane) => this.wakeUp(lane),
    };
    this.reader = new LaneReader(reading, this.book);
    this.rounds = new Rounds({
      clock: options.clock,
      signal: this.stopping.signal,
      tickMs: options.tickMs,
      urgency: () => this.urgency(),
      begin: (ends) => this.round(ends),
    });
  }

  async assigned(tasks: readonly Task[], generation: number): Promise<void> {
    const lost = this.book.dropOthers(tasks, generation);
    await Promise.all(lost.map((lane) => this.options.log.retire(lane.task)));
    this.book.begin(tasks, generation);
    for (const task of tasks) this.options.intake.resume(task);
  }

  async revoking(deadlineMs: number): Promise<void> {
    await this.drain(deadlineMs);
  }

  /** Drains and lets everything go. The intake must have been stopped before, or be stopping. */
  async stop(deadlineMs: number): Promise<void> {
    await this.drain(deadlineMs);
    this.stopping.abort();
    this.wake.abort();
  }

  /** Asks the definition again: something outside changed (a view, a limit, a circuit). */
  poke(): void {
    this.pump();
  }

  batch(task: Task, records: readonly StoredRecord[]): Promise<number> {
    return this.reader.batch(task, records);
  }

  /** Lanes whose reading is paused; for metrics. */
  pausedLanes(): number {
    return this.reader.pausedLanes();
  }

  private wakeUp(lane: OwnedLane<U, R>): void {
    this.pump();
    if (lane.hasSomethingToSay()) this.rounds.soon();
  }

  /** One pump at a time: ask the definition what may go, until it has nothing more to say. */
  private pump(): void {
    this.pumpAgain = true;
    if (this.pumping) return;
    this.pumping = true;
    void this.pumpLoop().catch((error) => this.options.onFatal(error));
  }

  private async pumpLoop(): Promise<void> {
    const { definition, clock, inFlight } = this.options;
    try {
      while (this.pumpAgain && this.book.declaring) {
        this.pumpAgain = false;
        const room = inFlight.reserve();
        const choice = await definition.choose(room, clock.now());
        // Another queue of this process may have all the room, and nothing of ours will tell when it is free again.
        if (choice.attempts.length === room) inFlight.whenFreed(this.onRoom);
        inFlight.free(room - choice.attempts.length);
        for (const unit of choice.attempts) this.chooseOne(unit);
        for (const { unit, outputs } of choice.settled) {
          const place = this.book.placeOf(unit);
          if (place) this.say(place.lane, place.slot, outputs, null);
        }
        if (choice.wakeAt !== null) this.wakeAt(choice.wakeAt);
      }
    } finally {
      this.pumping = false;
    }
  }

  private chooseOne(unit: U): void {
    const place = this.book.placeOf(unit);
    if (!place || !this.book.declaring) {
      this.options.inFlight.free(1);
      return this.options.definition.forget(unit);
    }
    const { lane, slot } = place;
    assert(slot.phase === 'queued', 'only a queued unit is chosen', { phase: slot.phase });
    slot.phase = 'chosen';
    if (slot.held) this.options.inFlight.free(1);
    slot.held = true;
    lane.chosen.push(slot);
    this.rounds.soon();
  }

  private wakeAt(at: number): void {
    const { clock } = this.options;
    this.wake.abort();
    this.wake = new AbortController();
    const { signal } = this.wake;
    void clock.sleep(Math.max(1, at - clock.now()), signal).then(() => {
      if (!signal.aborted) this.pump();
    });
  }

  private say(lane: OwnedLane<U, R>, slot: Slot<U, R>, outputs: readonly Output[], result: R | null): void {
    slot.phase = 'settled';
    slot.outputs = outputs;
    slot.result = result;
    lane.settled.push(slot);
    this.rounds.soon();
  }

  private urgency(): Urgency {
    const { inFlight } = this.options;
    let [chosen, settled] = [0, 0];
    for (const lane of this.book.owned()) {
      if (!lane.mayCommit) continue;
      chosen += lane.declarations;
      settled += lane.settled.length;
    }
    if (chosen + settled === 0) return 'none';
    if (chosen + settled >= SAY_AT_ONCE) return 'much';
    if (settled > 0 && (!this.book.declaring || inFlight.used * 2 >= inFlight.max)) return 'all';
    return chosen > 0 ? 'declarations' : 'ends';
  }

  /** Every lane that has something to say commits. */
  private round(ends: boolean): void {
    for (const lane of this.book.owned()) {
      if (!lane.mayCommit || !(ends ? lane.hasSomethingToSay() : lane.declarations > 0)) continue;
      lane.committing = true;
      void this.commit(lane, ends)
        .catch((error) => this.options.onFatal(error))
        .finally(() => {
          lane.committing = false;
          this.rounds.soon();
        });
    }
  }

  private async commit(lane: OwnedLane<U, R>, ends: boolean): Promise<void> {
    const { definition, log, codec, clock, telemetry, failpoint } = this.options;
    if (!this.book.declaring) this.book.unchoose(lane);
    const attempted = lane.prepare(this.book.generation, ends);
    if (!attempted) return;
    lane.attempted = attempted;
    const startedAt = clock.now();
    const results = attempted.settled.filter((slot) => slot.unit !== null && slot.result !== null);
    const pairs = results.map((slot) => ({ unit: slot.unit as U, result: slot.result as R }));
    const summary = pairs.length > 0 ? (definition.summarise?.(pairs, startedAt) ?? []) : [];
    const outputs = encodeOutputs(codec, [...attempted.settled.flatMap((slot) => slot.outputs), ...summary]);
    failpoint?.('before-commit');
    try {
      const { nextOffset, metadata, settled } = attempted;
      await this.rounds.commit(async () => {
        if (settled.length === 0) await log.declare(lane.task, { nextOffset, metadata });
        else await log.commit(lane.task, { outputs, nextOffset, metadata });
      });
    } catch (error) {
      return this.recover(lane, attempted, error);
    }
    failpoint?.('after-commit');
    telemetry.observe('postlane_commit_duration_ms', clock.now() - startedAt, { processor: definition.name });
    telemetry.observe('postlane_ledger_bytes', attempted.metadata.length, { processor: definition.name });
    telemetry.count('postlane_records_out_total', { processor: definition.name }, outputs.length);
    this.believe(lane, attempted);
  }

  /** The log said yes: what was settled is done, what was declared may fly. */
  private believe(lane: OwnedLane<U, R>, attempted: Attempted<U, R>): void {
    const { inFlight, telemetry, definition } = this.options;
    lane.committed = attempted;
    lane.attempted = null;
    for (const slot of attempted.settled) {
      if (slot.unit !== null) this.book.displace(slot.unit);
      if (slot.held) inFlight.free(1);
      slot.held = false;
      if (!lane.abort.signal.aborted) lane.remove(slot);
    }
    for (const slot of attempted.returned) {
      slot.stale = false;
      if (slot.phase !== 'queued') continue;
      inFlight.free(1);
      slot.held = false;
    }
    for (const slot of attempted.declared) slot.stale = false;
    telemetry.count('postlane_records_in_total', { processor: definition.name }, attempted.settled.length);
    if (lane.abort.signal.aborted) return;
    for (const slot of attempted.declared) {
      slot.phase = 'flying';
      lane.flying++;
      void this.fly(lane, slot).catch((error) => this.options.onFatal(error));
    }
    this.reader.readOn(lane);
    this.pump();
  }

  private async fly(lane: OwnedLane<U, R>, slot: Slot<U, R>): Promise<void> {
    const { definition, clock, failpoint } = this.options;
    const unit = slot.unit as U;
    failpoint?.('before-effect');
    const result = await definition.perform(unit, lane.flights.signal, lane.closing.signal);
    failpoint?.('after-effect');
    lane.flying--;
    // The lane may have gone to another owner meanwhile: a late result is nobody's business then.
    if (!this.book.owns(lane)) return this.late(lane, slot, result);
    this.say(lane, slot, definition.settle(unit, result, clock.now()), result);
    this.pump();
  }

  /** An attempt ended after its lane was let go: remembered, in case the lane comes back to us untouched. */
  private late(lane: OwnedLane<U, R>, slot: Slot<U, R>, result: R): void {
    const { definition, clock } = this.options;
    const unit = slot.unit as U;
    this.book.memoryOf(lane)?.landed(slot.offset, definition.settle(unit, result, clock.now()));
    definition.forget(unit);
  }

  /**
   * A commit failed. Nobody's own attempts become uncertain by that: their outcomes are still in memory, and the
   * committed position, read again behind a new fence, tells whether the commit landed.
   */
  private async recover(lane: OwnedLane<U, R>, attempted: Attempted<U, R>, error: unknown): Promise<void> {
    const { log, clock, telemetry, definition } = this.options;
    let cause = error;
    if (isPostlaneError(error, 'KAFKA_COMMIT_STRAY')) return this.castAdrift(lane, error);
    telemetry.count('postlane_commit_failures_total', { processor: definition.name });
    telemetry.log('warn', 'a commit failed; the ledger is read again', { task: taskId(lane.task), error });
    for (;;) {
      await log.retire(lane.task);
      if (lane.abort.signal.aborted) return;
      if (isPostlaneError(cause, 'TASK_MIGRATED')) return this.letGo(lane);
      try {
        const position = await log.open(lane.task);
        this.book.refuseOlder(lane.task, position);
        if (same(position, attempted)) return this.believe(lane, attempted);
        if (!same(position, lane.committed)) throw new PostlaneError('TASK_MIGRATED', { task: taskId(lane.task) });
        lane.attempted = null;
        lane.takeBack(attempted);
        return;
      } catch (again) {
        cause = again;
        if (!isPostlaneError(again, 'TASK_MIGRATED')) await clock.sleep(RETRY_MS, lane.abort.signal);
      }
    }
  }

  /**
   * Whether a declaration has landed is not known, and reading would not tell: it may land later. What flies goes on to its end;
   * then the group is joined anew, and what we remember of the lane holds wherever its position is found.
   */
  private async castAdrift(lane: OwnedLane<U, R>, error: unknown): Promise<void> {
    const { log, telemetry, definition, intake } = this.options;
    telemetry.count('postlane_commit_failures_total', { processor: definition.name });
    telemetry.log('warn', 'a declaration had no answer; the group is joined anew', { task: taskId(lane.task), error });
    lane.adrift = true;
    await log.retire(lane.task);
    if (this.book.declaring) intake.rejoin();
  }

  private letGo(lane: OwnedLane<U, R>): void {
    const { telemetry, definition, intake } = this.options;
    telemetry.count('postlane_tasks_migrated_total', { processor: definition.name });
    intake.pause(lane.task);
    this.book.dropForGood(lane);
    intake.rejoin();
  }

  /**
   * Stops declaring, lets what flies settle and commits it; then lets every lane go. What was declared and still waits for
   * its turn is given back: many turns would not fit into the time. What still flies shortly before the deadline is aborted,
   * so that even its end is written by us; what is not settled by then is uncertain.
   */
  private async drain(deadlineMs: number): Promise<void> {
    const { clock, log } = this.options;
    this.book.declaring = false;
    const startedAt = clock.now();
    const lanes = this.book.owned();
    for (const lane of lanes) {
      this.book.unchoose(lane);
      lane.closing.abort();
    }
    const busy = () => lanes.some((lane) => this.isBusy(lane));
    let aborted = false;
    while (busy() && clock.now() - startedAt < deadlineMs) {
      if (!aborted && clock.now() - startedAt > deadlineMs - ABORT_GRACE_MS) {
        aborted = true;
        for (const lane of lanes) lane.flights.abort();
      }
      await clock.sleep(DRAIN_POLL_MS);
    }
    for (const lane of lanes) if (this.book.owns(lane)) this.book.drop(lane);
    await Promise.all(lanes.map((lane) => log.retire(lane.task)));
  }

  private isBusy(lane: OwnedLane<U, R>): boolean {
    if (!this.book.owns(lane)) return false;
    return lane.flying > 0 || lane.committing || (lane.settled.length > 0 && !lane.adrift);
  }
}

const same = (a: Position, b: Position): boolean => a.nextOffset === b.nextOffset && a.metadata === b.metadata;
