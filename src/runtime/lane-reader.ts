import type { Topic } from '../contracts/topic.ts';
import { assert, isPostlaneError } from '../domain/error.ts';
import type { Codec } from './codec.ts';
import type { EffectDefinition, InFlight } from './effects.ts';
import { deadLetter, keyText } from './encode.ts';
import type { LaneBook } from './lane-book.ts';
import { decodeLedger, EMPTY_LEDGER, markOf } from './ledger.ts';
import { ledgerText, OwnedLane, type Slot } from './owned-lane.ts';
import type { Clock, Intake, Log, StoredRecord, Task, Telemetry } from './ports.ts';
import { taskId } from './ports.ts';
import type { Output } from './processor.ts';

/** A transient failure is tried again after this long. */
const RETRY_MS = 500;

export interface LaneReaderOptions<V, U extends object, R> {
  readonly definition: EffectDefinition<V, U, R>;
  readonly log: Log;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly intake: Pick<Intake, 'pause' | 'resume' | 'seek' | 'rejoin'>;
  readonly inFlight: InFlight;
  /** Units and bytes that one partition may hold in memory now; its reading pauses above. */
  readAheadMax(): { readonly units: number; readonly bytes: number };
  /** A broken invariant: the process must end. */
  readonly onFatal: (error: unknown) => void;
  /** Ends the waits. */
  readonly signal: AbortSignal;
  /** What is to be said of a unit without an attempt. */
  say(lane: OwnedLane<U, R>, slot: Slot<U, R>, outputs: readonly Output[]): void;
  /** Records were taken into a lane. */
  taken(lane: OwnedLane<U, R>): void;
}

/**
 * Takes what is read into the lanes: opens a lane at its first record, asks the definition to admit what no predecessor has
 * finished, and pauses the reading of a lane that holds as much as it may.
 */
export class LaneReader<V, U extends object, R> {
  private readonly options: LaneReaderOptions<V, U, R>;
  private readonly book: LaneBook<U, R>;
  private readonly topicOf: ReadonlyMap<string, Topic<V>>;

  constructor(options: LaneReaderOptions<V, U, R>, book: LaneBook<U, R>) {
    this.options = options;
    this.book = book;
    this.topicOf = new Map(options.definition.inputs.map((topic) => [topic.name, topic]));
  }

  /** Answers where to read on; see `IntakeHandler`. */
  async batch(task: Task, records: readonly StoredRecord[]): Promise<number> {
    const first = records[0];
    assert(first !== undefined, 'a batch holds at least one record');
    if (this.book.hasMigrated(task) || !this.book.declaring) {
      this.options.intake.pause(task);
      return first.offset;
    }
    try {
      const lane = this.book.of(task) ?? (await this.open(task, first.offset));
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
    const { generation } = this.book;
    const position = await log.open(task);
    if (generation !== this.book.generation || !this.book.declaring) {
      await log.retire(task);
      return null;
    }
    this.book.refuseOlder(task, position);
    const inherited =
      position.nextOffset < 0 ? EMPTY_LEDGER : decodeLedger(position.nextOffset, ledgerText(position.metadata));
    const lane = new OwnedLane<U, R>(task, position, inherited, firstOffset);
    lane.memory = await this.book.recall(task, position);
    this.options.inFlight.free(lane.memory?.releaseBelow(position.nextOffset) ?? 0);
    this.book.own(lane);
    telemetry.count('postlane_tasks_opened_total', { processor: definition.name });
    return lane;
  }

  /** Enqueues records until the lane holds as much as it may; answers where to read on. */
  private async take(lane: OwnedLane<U, R>, records: readonly StoredRecord[]): Promise<number> {
    const { codec, clock, intake } = this.options;
    const topic = this.topicOf.get(lane.task.topic);
    assert(topic !== undefined, 'records of a topic that the definition does not name', { topic: lane.task.topic });
    await codec.prepare(topic, records);
    if (!this.book.owns(lane)) return records[0]?.offset as number;
    const now = clock.now();
    for (const record of records) {
      if (this.isFull(lane)) {
        lane.paused = true;
        intake.pause(lane.task);
        this.options.taken(lane);
        return record.offset;
      }
      this.takeOne(lane, topic, record, now);
    }
    this.options.taken(lane);
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
    // Where its end is said at once, it is held until that is committed.
    const end = (unknown: boolean, outputs: readonly Output[]): void => {
      const slot = lane.append(record.offset, null, 0, unknown);
      slot.held = held;
      this.options.say(lane, slot, outputs);
    };
    if (known?.kind === 'said') return end(true, known.outputs);
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
      return end(uncertain, [deadLetter(lane.task, record, { ...letter, at: now })]);
    }
    const input = { key: keyText(record), value: decoded.value, at: record.at, record };
    const admission = definition.admit(lane.task, input, uncertain, now);
    if (admission.kind === 'settled') return end(uncertain, admission.outputs);
    const slot = lane.append(record.offset, admission.unit, admission.bytes, uncertain);
    if (held && !uncertain) lane.takeStale(slot);
    else if (held) this.options.inFlight.free(1);
    this.book.place(admission.unit, lane, slot);
  }

  private isFull(lane: OwnedLane<U, R>): boolean {
    const { units, bytes } = this.options.readAheadMax();
    return lane.live >= units || lane.liveBytes >= bytes;
  }

  /** Reading goes on once half of what the lane may hold is free again. */
  readOn(lane: OwnedLane<U, R>): void {
    const { units, bytes } = this.options.readAheadMax();
    if (!lane.paused || lane.live * 2 > units || lane.liveBytes * 2 > bytes) return;
    lane.paused = false;
    this.options.intake.resume(lane.task);
  }

  /** Lanes whose reading is paused; for metrics. */
  pausedLanes(): number {
    return this.book.owned().filter(({ paused }) => paused).length;
  }

  private async refuse(task: Task, firstOffset: number, error: unknown): Promise<number> {
    const { log, telemetry, definition, intake, clock, signal } = this.options;
    if (isPostlaneError(error, 'BUG') || isPostlaneError(error, 'LEDGER_CORRUPT')) {
      this.options.onFatal(error);
      throw error;
    }
    intake.pause(task);
    if (isPostlaneError(error, 'TASK_MIGRATED')) {
      await log.retire(task);
      this.book.migrate(task);
      telemetry.count('postlane_tasks_migrated_total', { processor: definition.name });
      intake.rejoin();
      return firstOffset;
    }
    telemetry.log('warn', 'a batch could not be taken in and is tried again', { task: taskId(task), error });
    void clock.sleep(RETRY_MS, signal).then(() => {
      if (!signal.aborted && !this.book.hasMigrated(task)) intake.resume(task);
    });
    return firstOffset;
  }
}
