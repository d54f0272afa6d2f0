import type { Topic } from '../contracts/topic.ts';
import { assert, isPostlaneError, PostlaneError } from '../domain/error.ts';
import type { Codec } from './codec.ts';
import type { EffectDefinition, InFlight } from './effects.ts';
import { deadLetter, encodeOutputs, keyText } from './encode.ts';
import { generationIn } from './generation.ts';
import { decodeLedger, EMPTY_LEDGER, markOf } from './ledger.ts';
import { type Attempted, ledgerText, OwnedLane, type Slot } from './owned-lane.ts';
import type { Clock, Intake, IntakeHandler, Log, Position, StoredRecord, Task, Telemetry } from './ports.ts';
import { taskId } from './ports.ts';
import type { Output } from './processor.ts';
import { RememberedLane } from './remembered-lane.ts';
import { Rounds, type Urgency } from './rounds.ts';

/** A transient failure is tried again after this long. */
const RETRY_MS = 500;
/** Before a drain's deadline, what still flies is aborted, so that its truth can still be committed. */
const ABORT_GRACE_MS = 2_000;
/** A round does not wait for its time once this much is to be said. */
const SAY_AT_ONCE = 64;
/** How often a drain looks whether everything has landed. */
const DRAIN_POLL_MS = 5;

export interface EffectProcessorOptions<V, U extends object, R> {
  readonly definition: EffectDefinition<V, U, R>;
  readonly log: Log;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly intake: Pick<Intake, 'pause' | 'resume' | 'seek' | 'rejoin'>;
  readonly inFlight: InFlight;
  /** Shortest time between two rounds of commits, unless much is to be said. */
  readonly tickMs: number;
  /** Units and bytes that one partition may hold in memory now; its reading pauses above. */
  readAheadMax(): { readonly units: number; readonly bytes: number };
  /** A broken invariant: the process must end. */
  readonly onFatal: (error: unknown) => void;
  /** Named places where a test may end the process (FAULTS.md 1); does nothing in production. */
  readonly failpoint?: (name: string) => void;
}

/**
 * Runs an `EffectDefinition` over a delivery ledger: read → choose → declare (commit) → attempt → settle (commit).
 * An attempt starts only after the commit that declares it; the committed offset's metadata tells a successor which
 * units are done and which are uncertain. Batches only enqueue; attempts start from commits, never from batches.
 */
export class EffectProcessor<V, U extends object, R> implements IntakeHandler {
  private readonly lanes = new Map<string, OwnedLane<U, R>>();
  private readonly migrated = new Set<string>();
  /** Lanes that were let go without a last commit, until they are opened again. */
  private readonly remembered = new Map<string, RememberedLane<U, R>>();
  private readonly places = new Map<U, { readonly lane: OwnedLane<U, R>; readonly slot: Slot<U, R> }>();
  private readonly topicOf: ReadonlyMap<string, Topic<V>>;
  private readonly stopping = new AbortController();
  private generation = 0;
  private declaring = true;
  private readonly rounds: Rounds;
  private readonly onRoom = (): void => this.pump();
  private pumping = false;
  private pumpAgain = false;
  private wake = new AbortController();
  private readonly options: EffectProcessorOptions<V, U, R>;

  constructor(options: EffectProcessorOptions<V, U, R>) {
    this.options = options;
    this.topicOf = new Map(options.definition.inputs.map((topic) => [topic.name, topic]));
    this.rounds = new Rounds({
      clock: options.clock,
      signal: this.stopping.signal,
      tickMs: options.tickMs,
      urgency: () => this.urgency(),
      begin: () => this.round(),
    });
  }

  async assigned(tasks: readonly Task[], generation: number): Promise<void> {
    const kept = new Set(tasks.map(taskId));
    const lost = [...this.lanes.values()].filter(
      (lane) => !kept.has(taskId(lane.task)) || this.generation !== generation,
    );
    for (const lane of lost) this.drop(lane);
    await Promise.all(lost.map((lane) => this.options.log.retire(lane.task)));
    for (const id of this.remembered.keys()) if (!kept.has(id)) this.forget(id);
    this.generation = generation;
    this.migrated.clear();
    this.declaring = true;
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

  async batch(task: Task, records: readonly StoredRecord[]): Promise<number> {
    const first = records[0];
    assert(first !== undefined, 'a batch holds at least one record');
    if (this.migrated.has(taskId(task)) || !this.declaring) {
      this.options.intake.pause(task);
      return first.offset;
    }
    try {
      const lane = this.lanes.get(taskId(task)) ?? (await this.open(task, first.offset));
      if (!lane) return first.offset;
      const expected = lane.readTo + 1;
      if (first.offset < expected || (first.offset > expected && !lane.sought)) {
        lane.sought = true;
        return expected;
      }
      return await this.take(lane, records);
    } catch (error) {
      return this.refuse(task, first.offset, error);
    }
  }

  private async open(task: Task, firstOffset: number): Promise<OwnedLane<U, R> | null> {
    const { log, telemetry, definition } = this.options;
    const generation = this.generation;
    const position = await log.open(task);
    if (generation !== this.generation || !this.declaring) {
      await log.retire(task);
      return null;
    }
    this.refuseOlder(task, position);
    const inherited =
      position.nextOffset < 0 ? EMPTY_LEDGER : decodeLedger(position.nextOffset, ledgerText(position.metadata));
    const lane = new OwnedLane<U, R>(task, position, inherited, firstOffset);
    lane.memory = await this.recall(task, position);
    this.options.inFlight.free(lane.memory?.releaseBelow(position.nextOffset) ?? 0);
    this.lanes.set(taskId(task), lane);
    telemetry.count('postlane_tasks_opened_total', { processor: definition.name });
    return lane;
  }

  /** What we still know of the lane, if nobody has committed since we let it go. Its last attempts were aborted: they end soon. */
  private async recall(task: Task, position: Position): Promise<RememberedLane<U, R> | null> {
    const memory = this.remembered.get(taskId(task));
    if (!memory?.holdsAt(position)) {
      this.forget(taskId(task));
      return null;
    }
    const { clock } = this.options;
    for (let waitedMs = 0; memory.pending > 0 && waitedMs < ABORT_GRACE_MS; waitedMs += DRAIN_POLL_MS) {
      await clock.sleep(DRAIN_POLL_MS);
    }
    return memory;
  }

  private refuseOlder(task: Task, position: Position): void {
    if (generationIn(position.metadata) > this.generation) {
      throw new PostlaneError('TASK_MIGRATED', { task: taskId(task), generation: this.generation });
    }
  }

  /** Enqueues records until the lane holds as much as it may; answers where to read on. */
  private async take(lane: OwnedLane<U, R>, records: readonly StoredRecord[]): Promise<number> {
    const { codec, clock, intake } = this.options;
    const topic = this.topicOf.get(lane.task.topic);
    assert(topic !== undefined, 'records of a topic that the definition does not name', { topic: lane.task.topic });
    await codec.prepare(topic, records);
    if (this.lanes.get(taskId(lane.task)) !== lane) return records[0]?.offset as number;
    const now = clock.now();
    for (const record of records) {
      if (this.isFull(lane)) {
        lane.paused = true;
        intake.pause(lane.task);
        this.wakeUp(lane);
        return record.offset;
      }
      this.takeOne(lane, topic, record, now);
    }
    this.wakeUp(lane);
    return (records.at(-1) as StoredRecord).offset + 1;
  }

  private takeOne(lane: OwnedLane<U, R>, topic: Topic<V>, record: StoredRecord, now: number): void {
    const { definition, codec, telemetry } = this.options;
    const mark = markOf(lane.inherited, record.offset);
    const held = lane.memory?.release(record.offset) === true;
    if (mark === 'done') {
      if (held) this.options.inFlight.free(1);
      return lane.passDone(record.offset);
    }
    const known = mark === 'declared' ? lane.memory?.about(record.offset) : undefined;
    if (known?.kind === 'said') {
      const slot = lane.append(record.offset, null, 0, true);
      slot.held = held;
      return this.say(lane, slot, known.outputs, null);
    }
    // Whatever becomes of it: it is chosen again, or its end is said at once.
    if (held) this.options.inFlight.free(1);
    const uncertain = mark === 'declared' && known?.kind !== 'never-begun';
    if (uncertain) telemetry.count('postlane_uncertain_units_total', { processor: definition.name });
    const decoded = codec.decode(topic, record.value);
    if (!decoded.ok) {
      telemetry.count('postlane_dead_letters_total', { processor: definition.name, reason: decoded.reason });
      const { reason, detail } = decoded;
      const letter = {
        stage: definition.stage,
        reason,
        detail,
        processor: definition.name,
        version: definition.version,
      };
      const slot = lane.append(record.offset, null, 0, uncertain);
      return this.say(lane, slot, [deadLetter(lane.task, record, { ...letter, at: now })], null);
    }
    const input = { key: keyText(record), value: decoded.value, at: record.at, record };
    const admission = definition.admit(lane.task, input, uncertain, now);
    if (admission.kind === 'settled') {
      return this.say(lane, lane.append(record.offset, null, 0, uncertain), admission.outputs, null);
    }
    const slot = lane.append(record.offset, admission.unit, admission.bytes, uncertain);
    this.places.set(admission.unit, { lane, slot });
  }

  private isFull(lane: OwnedLane<U, R>): boolean {
    const { units, bytes } = this.options.readAheadMax();
    return lane.live >= units || lane.liveBytes >= bytes;
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
      while (this.pumpAgain && this.declaring) {
        this.pumpAgain = false;
        const room = inFlight.reserve();
        const choice = await definition.choose(room, clock.now());
        // Another queue of this process may have all the room, and nothing of ours will tell when it is free again.
        if (choice.attempts.length === room) inFlight.whenFreed(this.onRoom);
        inFlight.free(room - choice.attempts.length);
        for (const unit of choice.attempts) this.chooseOne(unit);
        for (const { unit, outputs } of choice.settled) {
          const place = this.places.get(unit);
          if (place) this.say(place.lane, place.slot, outputs, null);
        }
        if (choice.wakeAt !== null) this.wakeAt(choice.wakeAt);
      }
    } finally {
      this.pumping = false;
    }
  }

  private chooseOne(unit: U): void {
    const place = this.places.get(unit);
    if (!place || !this.declaring) {
      this.options.inFlight.free(1);
      return this.options.definition.forget(unit);
    }
    const { lane, slot } = place;
    assert(slot.phase === 'queued', 'only a queued unit is chosen', { phase: slot.phase });
    slot.phase = 'chosen';
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
    for (const lane of this.lanes.values()) {
      if (lane.committing) continue;
      chosen += lane.chosen.length;
      settled += lane.settled.length;
    }
    if (chosen + settled === 0) return 'none';
    if (chosen + settled >= SAY_AT_ONCE) return 'much';
    return chosen === 0 && inFlight.used * 2 < inFlight.max ? 'ends' : 'some';
  }

  /** Every lane that has something to say commits. */
  private round(): void {
    for (const lane of this.lanes.values()) {
      if (lane.committing || lane.abort.signal.aborted || !lane.hasSomethingToSay()) continue;
      lane.committing = true;
      void this.commit(lane)
        .catch((error) => this.options.onFatal(error))
        .finally(() => {
          lane.committing = false;
          this.rounds.soon();
        });
    }
  }

  private async commit(lane: OwnedLane<U, R>): Promise<void> {
    const { definition, log, codec, clock, telemetry, failpoint } = this.options;
    if (!this.declaring) this.unchoose(lane);
    const attempted = lane.prepare(this.generation);
    if (!attempted) return;
    lane.attempted = attempted;
    const startedAt = clock.now();
    const results = attempted.settled.filter((slot) => slot.unit !== null && slot.result !== null);
    const pairs = results.map((slot) => ({ unit: slot.unit as U, result: slot.result as R }));
    const summary = pairs.length > 0 ? (definition.summarise?.(pairs, startedAt) ?? []) : [];
    const outputs = encodeOutputs(codec, [...attempted.settled.flatMap((slot) => slot.outputs), ...summary]);
    failpoint?.('before-commit');
    try {
      const { nextOffset, metadata } = attempted;
      await this.rounds.commit(() => log.commit(lane.task, { outputs, nextOffset, metadata }));
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
      if (slot.unit !== null) this.places.delete(slot.unit);
      if (slot.held) inFlight.free(1);
      slot.held = false;
      if (!lane.abort.signal.aborted) lane.remove(slot);
    }
    telemetry.count('postlane_records_in_total', { processor: definition.name }, attempted.settled.length);
    if (lane.abort.signal.aborted) return;
    for (const slot of attempted.declared) {
      slot.phase = 'flying';
      lane.flying++;
      void this.fly(lane, slot).catch((error) => this.options.onFatal(error));
    }
    this.readOn(lane);
    this.pump();
  }

  /** Reading goes on once half of what the lane may hold is free again. */
  private readOn(lane: OwnedLane<U, R>): void {
    const { units, bytes } = this.options.readAheadMax();
    if (!lane.paused || lane.live * 2 > units || lane.liveBytes * 2 > bytes) return;
    lane.paused = false;
    this.options.intake.resume(lane.task);
  }

  /** Lanes whose reading is paused; for metrics. */
  pausedLanes(): number {
    return [...this.lanes.values()].filter(({ paused }) => paused).length;
  }

  private async fly(lane: OwnedLane<U, R>, slot: Slot<U, R>): Promise<void> {
    const { definition, clock, failpoint } = this.options;
    const unit = slot.unit as U;
    failpoint?.('before-effect');
    const result = await definition.perform(unit, lane.flights.signal, lane.closing.signal);
    failpoint?.('after-effect');
    lane.flying--;
    // The lane may have gone to another owner meanwhile: a late result is nobody's business then.
    if (this.lanes.get(taskId(lane.task)) !== lane) return this.late(lane, slot, result);
    this.say(lane, slot, definition.settle(unit, result, clock.now()), result);
    this.pump();
  }

  /** An attempt ended after its lane was let go: remembered, in case the lane comes back to us untouched. */
  private late(lane: OwnedLane<U, R>, slot: Slot<U, R>, result: R): void {
    const { definition, clock } = this.options;
    const unit = slot.unit as U;
    const memory = this.remembered.get(taskId(lane.task));
    if (memory?.isOf(lane)) memory.landed(slot.offset, definition.settle(unit, result, clock.now()));
    definition.forget(unit);
  }

  /**
   * A commit failed. Nobody's own attempts become uncertain by that: their outcomes are still in memory, and the
   * committed position, read again behind a new fence, tells whether the commit landed.
   */
  private async recover(lane: OwnedLane<U, R>, attempted: Attempted<U, R>, error: unknown): Promise<void> {
    const { log, clock, telemetry, definition } = this.options;
    let cause = error;
    telemetry.count('postlane_commit_failures_total', { processor: definition.name });
    telemetry.log('warn', 'a commit failed; the ledger is read again', { task: taskId(lane.task), error });
    for (;;) {
      await log.retire(lane.task);
      if (lane.abort.signal.aborted) return;
      if (isPostlaneError(cause, 'TASK_MIGRATED')) return this.letGo(lane);
      try {
        const position = await log.open(lane.task);
        this.refuseOlder(lane.task, position);
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

  private letGo(lane: OwnedLane<U, R>): void {
    const { telemetry, definition, intake } = this.options;
    this.migrated.add(taskId(lane.task));
    telemetry.count('postlane_tasks_migrated_total', { processor: definition.name });
    intake.pause(lane.task);
    this.drop(lane);
    this.forget(taskId(lane.task));
    intake.rejoin();
  }

  private async refuse(task: Task, firstOffset: number, error: unknown): Promise<number> {
    const { log, telemetry, definition, intake, clock } = this.options;
    if (isPostlaneError(error, 'BUG') || isPostlaneError(error, 'LEDGER_CORRUPT')) {
      this.options.onFatal(error);
      throw error;
    }
    intake.pause(task);
    if (isPostlaneError(error, 'TASK_MIGRATED')) {
      await log.retire(task);
      this.migrated.add(taskId(task));
      telemetry.count('postlane_tasks_migrated_total', { processor: definition.name });
      intake.rejoin();
      return firstOffset;
    }
    telemetry.log('warn', 'a batch could not be taken in and is tried again', { task: taskId(task), error });
    void clock.sleep(RETRY_MS, this.stopping.signal).then(() => {
      if (!this.stopping.signal.aborted && !this.migrated.has(taskId(task))) intake.resume(task);
    });
    return firstOffset;
  }

  /** Lets a lane go: aborts what flies, and remembers what is known of it. What is declared counts as in flight still. */
  private drop(lane: OwnedLane<U, R>): void {
    const { definition } = this.options;
    this.lanes.delete(taskId(lane.task));
    this.remembered.set(taskId(lane.task), new RememberedLane(lane));
    lane.abort.abort();
    lane.flights.abort();
    lane.closing.abort();
    for (const slot of lane.slots()) {
      if (slot.unit !== null) {
        this.places.delete(slot.unit);
        if (slot.phase !== 'flying') definition.forget(slot.unit);
      }
      slot.held = false;
    }
  }

  /** Another owner has the lane, or will: what is in doubt about it is not ours any more. */
  private forget(id: string): void {
    this.options.inFlight.free(this.remembered.get(id)?.releaseAll() ?? 0);
    this.remembered.delete(id);
  }

  /**
   * Stops declaring, lets what flies settle and commits it; then lets every lane go. What was declared and still waits for
   * its turn is given back: many turns would not fit into the time. What still flies shortly before the deadline is aborted,
   * so that even its end is written by us; what is not settled by then is uncertain.
   */
  private async drain(deadlineMs: number): Promise<void> {
    const { clock, log } = this.options;
    this.declaring = false;
    const startedAt = clock.now();
    const lanes = [...this.lanes.values()];
    for (const lane of lanes) {
      this.unchoose(lane);
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
    for (const lane of lanes) if (this.lanes.get(taskId(lane.task)) === lane) this.drop(lane);
    await Promise.all(lanes.map((lane) => log.retire(lane.task)));
  }

  private isBusy(lane: OwnedLane<U, R>): boolean {
    if (this.lanes.get(taskId(lane.task)) !== lane) return false;
    return lane.flying > 0 || lane.settled.length > 0 || lane.committing;
  }

  /** What was chosen and not yet declared is simply let go: the ledger says untouched. */
  private unchoose(lane: OwnedLane<U, R>): void {
    const { definition, inFlight } = this.options;
    for (const slot of lane.chosen) {
      slot.phase = 'queued';
      if (slot.held) inFlight.free(1);
      slot.held = false;
      if (slot.unit !== null) definition.forget(slot.unit);
    }
    lane.chosen = [];
  }
}

const same = (a: Position, b: Position): boolean => a.nextOffset === b.nextOffset && a.metadata === b.metadata;
