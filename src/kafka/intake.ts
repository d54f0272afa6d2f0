import { setTimeout as sleep } from 'node:timers/promises';
import type { Batch, Consumer, EachBatchPayload } from 'kafkajs';
import type { Names } from '../contracts/region.ts';
import { assert, PostlaneError } from '../domain/error.ts';
import type { Intake, IntakeHandler, StoredRecord, Task } from '../runtime/ports.ts';
import { taskId } from '../runtime/ports.ts';
import { breathe } from './breath.ts';
import type { Connection } from './client.ts';
import { settlesWithin, withDeadline } from './deadline.ts';
import { type GroupMemory, groupAssigner } from './group-assigner.ts';
import type { GroupHooks, GroupMembership } from './guards/consumer-group.ts';
import { whileBeating } from './heartbeats.ts';
import { type KafkaIntakeOptions, withDefaults } from './intake-options.ts';
import { toStored } from './records.ts';

export type { KafkaIntakeOptions } from './intake-options.ts';

/** Batches of so many partitions are handled at once; each costs one idle promise. */
const PARTITIONS_AT_ONCE = 128;
/** A batch that comes while nothing is ours is read again later: this keeps the fetch loop from spinning meanwhile. */
const NOT_OURS_PAUSE_MS = 50;
/** Beyond the drain, leaving a group and closing its connections may take this long. */
const LEAVE_MS_MAX = 10_000;

/** One assigned partition. */
interface Feed {
  readonly task: Task;
  /** Raised by a seek: an answer that belongs to an older one is dropped. */
  version: number;
  /** By the handler. */
  paused: boolean;
  /** A slow batch is being handled while the fetch loop goes on. */
  aside: boolean;
}

/**
 * A member of a consumer group. Its modes:
 * - *idle*: nothing is ours. Entered at the start, and after a drain.
 * - *consuming*: entered when a join has ended and the handler knows its tasks.
 * - *draining*: before joining again, before leaving, after a crash. The handler settles what is in flight, heartbeats go on.
 * - *stopped*: final.
 * Positions are never committed here: only the tasks' own transactions move them.
 */
export class KafkaIntake implements Intake {
  readonly dead: Promise<Error>;
  private readonly options: Required<KafkaIntakeOptions>;
  private readonly names: Names;
  private readonly connection: Connection<Consumer>;
  private readonly memory: GroupMemory = { generation: -1, assignment: new Map(), nonce: 0 };
  private feeds = new Map<string, Feed>();
  private handler: IntakeHandler | null = null;
  private mode: 'idle' | 'consuming' | 'draining' | 'stopped' = 'idle';
  private running: Promise<void> = Promise.resolve();
  private readonly firstAssignment: Promise<void>;
  private assignedFirst: () => void = () => undefined;
  private stopping: Promise<void> | null = null;
  private rejoinWanted = false;
  private aliveAt = Date.now();
  private die: (error: Error) => void = () => undefined;

  constructor(options: KafkaIntakeOptions) {
    this.options = withDefaults(options);
    this.names = options.kafka.names;
    this.dead = new Promise((resolve) => {
      this.die = resolve;
    });
    this.firstAssignment = new Promise((resolve) => {
      this.assignedFirst = resolve;
    });
    this.connection = options.kafka.consumer({
      ...this.options,
      assigner: groupAssigner(this.memory, this.hooks()),
      restartOnFailure: async () => this.stopping === null,
    });
  }

  /** Joins; settles after the first assignment. A broker that is away is waited for. */
  async start(handler: IntakeHandler): Promise<void> {
    assert(this.handler === null, 'an intake is started once');
    this.handler = handler;
    this.running = this.join();
    await this.running;
    // A first attempt that fails does not end `join`: kafkajs goes on trying.
    const died = this.dead.then((cause) => {
      throw new PostlaneError('KAFKA_UNAVAILABLE', { group: this.options.group, what: 'joining' }, { cause });
    });
    await Promise.race([this.firstAssignment, died]);
  }

  private async join(): Promise<void> {
    const { client } = this.connection;
    client.on(client.events.HEARTBEAT, () => this.touch());
    client.on(client.events.CRASH, ({ payload }) => this.crashed(payload.error, payload.restart));
    try {
      await client.connect();
      await client.subscribe({ topics: this.options.topics.map(this.names.topic), fromBeginning: true });
      await client.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: PARTITIONS_AT_ONCE,
        eachBatch: (payload) => this.eachBatch(payload),
      });
    } catch (cause) {
      throw new PostlaneError('KAFKA_UNAVAILABLE', { group: this.options.group, what: 'joining' }, { cause });
    }
  }

  pause(task: Task): void {
    const feed = this.feeds.get(taskId(task));
    if (!feed) return;
    feed.paused = true;
    this.applyPause(feed);
  }

  resume(task: Task): void {
    const feed = this.feeds.get(taskId(task));
    if (!feed) return;
    feed.paused = false;
    this.applyPause(feed);
  }

  seek(task: Task, offset: number): void {
    const feed = this.feeds.get(taskId(task));
    if (!feed) return;
    feed.version++;
    this.moveTo(feed, offset);
  }

  /** Drains and joins again, so that the group assigns its partitions anew: for a task that was lost without a rebalance. */
  rejoin(): void {
    this.memory.nonce++;
    this.rejoinWanted = true;
  }

  idleMs(): number {
    return Date.now() - this.aliveAt;
  }

  stop(): Promise<void> {
    this.stopping ??= this.leave();
    return this.stopping;
  }

  private async leave(): Promise<void> {
    const { client } = this.connection;
    // kafkajs does not stop a consumer that is still joining for the first time.
    await settlesWithin(this.running, LEAVE_MS_MAX);
    const withinMs = this.options.drainMs + LEAVE_MS_MAX;
    // Leaving drains first: the guarded consumer group calls `beforeLeave`.
    await withDeadline(client.disconnect(), withinMs, 'leaving a group').catch((error) => {
      this.options.telemetry.log('warn', 'a group could not be left', { group: this.options.group, error });
    });
    // A member that had crashed leaves nothing, and has not drained.
    await this.drain(null);
    this.mode = 'stopped';
    this.assignedFirst();
    this.connection.cut();
  }

  private hooks(): GroupHooks {
    return {
      beforeJoin: (group) => this.drain(group),
      beforeLeave: (group) => this.drain(group),
      afterJoin: (group) => this.joined(group),
      heartbeatError: () => this.rejoinError(),
    };
  }

  /** What kafkajs takes for "join again". */
  private rejoinError(): Error | null {
    if (!this.rejoinWanted) return null;
    this.rejoinWanted = false;
    return Object.assign(new Error('a task was lost without a rebalance'), { type: 'REBALANCE_IN_PROGRESS' });
  }

  private async drain(group: GroupMembership | null): Promise<void> {
    if (this.mode !== 'consuming') return;
    this.mode = 'draining';
    const { drainMs, heartbeatMs, telemetry } = this.options;
    const draining = (this.handler as IntakeHandler).revoking(drainMs).catch((error: unknown) => this.fail(error));
    const settled = await whileBeating(group, heartbeatMs, settlesWithin(draining, drainMs));
    if (!settled) telemetry.log('warn', 'a drain did not end in time', { group: this.options.group, drainMs });
    this.feeds.clear();
    this.mode = 'idle';
  }

  private async joined(group: GroupMembership): Promise<void> {
    const assigned = group.assigned();
    this.memory.generation = group.generationId ?? -1;
    this.memory.assignment = new Map(assigned.map(({ topic, partitions }) => [topic, [...partitions]]));
    const { memberId } = group;
    if (memberId) this.options.members.joined(this.options.group, { memberId, generation: this.memory.generation });
    this.touch();
    if (this.stopping !== null) return;
    // Seeks of an earlier assignment would move a task that comes back to us past what was never handled.
    group.seekOffset.clear();
    const tasks = assigned.flatMap(({ topic: name, partitions }) => {
      const topic = this.names.known(name);
      if (topic === null) return [];
      return partitions.map((partition): Task => ({ group: this.options.group, topic, partition }));
    });
    this.feeds = new Map(tasks.map((task) => [taskId(task), { task, version: 0, paused: false, aside: false }]));
    for (const feed of this.feeds.values()) this.applyPause(feed);
    try {
      const handler = this.handler as IntakeHandler;
      await whileBeating(group, this.options.heartbeatMs, handler.assigned(tasks, this.memory.generation));
      this.mode = 'consuming';
      this.assignedFirst();
    } catch (error) {
      this.fail(error);
    }
  }

  private async eachBatch({ batch, resolveOffset }: EachBatchPayload): Promise<void> {
    this.touch();
    const topic = this.names.known(batch.topic) ?? batch.topic;
    const feed = this.feeds.get(taskId({ group: this.options.group, topic, partition: batch.partition }));
    // Not resolved: what is not handled now is fetched again.
    if (!feed || this.mode !== 'consuming') return sleep(NOT_OURS_PAUSE_MS);
    if (feed.aside || feed.paused) return;
    const version = feed.version;
    const handled = this.deliver(feed, batch);
    if (!(await settlesWithin(handled, this.options.slowBatchMs))) return this.waitAside(feed, handled, version);
    const next = await handled;
    if (next === null || !this.isCurrent(feed, version)) return;
    if (next === endOf(batch)) resolveOffset(batch.messages.at(-1)?.offset as string);
    else this.moveTo(feed, next);
  }

  /** Lets the fetch loop go on without this partition until its batch is handled. */
  private waitAside(feed: Feed, handled: Promise<number | null>, version: number): void {
    feed.aside = true;
    this.applyPause(feed);
    void handled.then((next) => {
      feed.aside = false;
      if (next !== null && this.isCurrent(feed, version)) this.moveTo(feed, next);
      if (this.feeds.get(taskId(feed.task)) === feed) this.applyPause(feed);
    });
  }

  /** Hands a batch over, piece by piece; answers where to read on, or null where the handler failed. Never throws. */
  private async deliver(feed: Feed, batch: Batch): Promise<number | null> {
    const { batchRecordsMax } = this.options;
    const version = feed.version;
    try {
      for (let at = 0; at < batch.messages.length; at += batchRecordsMax) {
        await breathe();
        const records: StoredRecord[] = batch.messages.slice(at, at + batchRecordsMax).map(toStored);
        const next = await (this.handler as IntakeHandler).batch(feed.task, records);
        const isLast = at + batchRecordsMax >= batch.messages.length;
        if (isLast && next === lastOffset(records) + 1) return endOf(batch);
        if (feed.paused || next !== lastOffset(records) + 1 || !this.isCurrent(feed, version)) return next;
      }
      return null;
    } catch (error) {
      this.fail(error);
      return null;
    }
  }

  private isCurrent(feed: Feed, version: number): boolean {
    return this.mode === 'consuming' && this.feeds.get(taskId(feed.task)) === feed && feed.version === version;
  }

  private applyPause(feed: Feed): void {
    const { topic, partition } = feed.task;
    const place = [{ topic: this.names.topic(topic), partitions: [partition] }];
    this.whileRunning(({ pause, resume }) => (feed.paused || feed.aside ? pause(place) : resume(place)));
  }

  private moveTo(feed: Feed, offset: number): void {
    const { topic, partition } = feed.task;
    this.whileRunning(({ seek }) => seek({ topic: this.names.topic(topic), partition, offset: String(offset) }));
  }

  /** Between a crash and its restart kafkajs refuses to be controlled; the next assignment starts afresh anyway. */
  private whileRunning(control: (consumer: Consumer) => void): void {
    try {
      control(this.connection.client);
    } catch (error) {
      this.options.telemetry.log('debug', 'a consumer that is not running was not controlled', { error });
    }
  }

  private crashed(error: Error, restarts: boolean): void {
    const { telemetry, group } = this.options;
    telemetry.count('postlane_consumer_crashes_total', { group, restarts: String(restarts) });
    telemetry.log(restarts ? 'warn' : 'error', 'a consumer crashed', { group, restarts, error });
    if (!restarts && this.stopping === null) this.die(error);
  }

  /** The handler met a broken invariant: the process must end. */
  private fail(error: unknown): void {
    this.options.telemetry.log('error', 'a handler failed', { group: this.options.group, error });
    this.die(error instanceof Error ? error : new Error(String(error)));
  }

  private touch(): void {
    this.aliveAt = Date.now();
  }
}

const lastOffset = (records: readonly StoredRecord[]): number => records.at(-1)?.offset ?? -1;

/** The offset behind everything that was fetched, control records included. */
const endOf = (batch: Batch): number => Number(batch.lastOffset()) + 1;
