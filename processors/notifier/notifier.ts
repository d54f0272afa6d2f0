import type { WebhookEndpoint, WebhookProgress } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import { isPostlaneError, PostlaneError } from '../../src/domain/error.ts';
import { MINUTE_MS, type Millis, SECOND_MS } from '../../src/domain/time.ts';
import type { EndpointState } from '../../src/domain/webhook-endpoint.ts';
import type { Codec } from '../../src/runtime/codec.ts';
import { encodeOutputs } from '../../src/runtime/encode.ts';
import { generationIn, generationMetadata } from '../../src/runtime/generation.ts';
import type { Intake, IntakeHandler, Log, StoredRecord, Task } from '../../src/runtime/ports.ts';
import { taskId } from '../../src/runtime/ports.ts';
import { emit, type Output } from '../../src/runtime/processor.ts';
import { EndpointRunner } from './endpoint-runner.ts';
import { placeOf } from './place.ts';
import type { Shared } from './ports.ts';
import { begun, NAME } from './step.ts';

/** What was delivered is written so soon; after a crash so much is delivered again. */
const WRITE_MS = 200;
/** Where nothing was delivered, and cursors have only passed over what nobody wants, they are written so seldom. */
const LOOK_MS = 30 * SECOND_MS;
const RETRY_MS = SECOND_MS;
/** How often it is looked whether the results have got new partitions. */
const GROW_MS = MINUTE_MS;
/** Of the time that a rebalance gives us, what deliveries under way may take. */
const DRAIN_SHARE = 0.5;

/** A partition of the endpoints that is ours. */
interface Owned {
  readonly task: Task;
  readonly runners: Map<string, EndpointRunner>;
  /** Rows of endpoints that are deleted, to be deleted too. */
  readonly deleted: Set<string>;
  /** As restored; an endpoint's row moves into its runner. */
  readonly progress: Map<string, WebhookProgress>;
  readonly ended: AbortController;
  /** Aborted when there is something to write. */
  news: AbortController;
  nextOffset: number;
  working: Promise<void>;
}

export interface NotifierOptions {
  readonly shared: Shared;
  readonly log: Log;
  readonly codec: Codec;
  readonly intake: Pick<Intake, 'pause' | 'rejoin'>;
  /** The endpoints of a partition, as they are known now. */
  readonly endpointsOf: (partition: number) => ReadonlyMap<string, WebhookEndpoint>;
  /** Settles when everything that was written to the endpoints before now is known. */
  readonly endpointsCurrent: (signal: AbortSignal) => Promise<void>;
}

/**
 * Owns partitions of the endpoints, by a consumer group, and runs a loop per endpoint in them. Who owns a partition is the only one
 * to write the rows of its endpoints: as a member of the group's present generation, or not at all.
 */
export class Notifier implements IntakeHandler {
  private readonly options: NotifierOptions;
  private readonly owning = new Map<string, Owned>();
  private generation = 0;

  constructor(options: NotifierOptions) {
    this.options = options;
  }

  /** What the endpoints that are ours do, for the gauges. */
  counts(): { readonly states: Readonly<Record<EndpointState, number>>; readonly waiting: number } {
    const runners = [...this.owning.values()].flatMap((owned) => [...owned.runners.values()]);
    const of = (state: EndpointState) => runners.filter((runner) => runner.state === state).length;
    return {
      states: { active: of('active'), failing: of('failing'), paused: of('paused') },
      waiting: runners.reduce((sum, { waiting }) => sum + waiting, 0),
    };
  }

  /** Something was appended to the results. */
  readonly news = (): void => {
    for (const { runners } of this.owning.values()) for (const runner of runners.values()) runner.wake();
  };

  async assigned(tasks: readonly Task[], generation: number): Promise<void> {
    await this.letGo([...this.owning.values()], 0);
    this.generation = generation;
    for (const task of tasks) this.take(task);
  }

  async revoking(deadlineMs: number): Promise<void> {
    await this.letGo([...this.owning.values()], deadlineMs * DRAIN_SHARE);
  }

  /** The endpoints are followed beside the group: of its records only the place is kept. */
  async batch(task: Task, records: readonly StoredRecord[]): Promise<number> {
    const nextOffset = (records.at(-1)?.offset ?? -1) + 1;
    const owned = this.owning.get(taskId(task));
    if (owned) owned.nextOffset = Math.max(owned.nextOffset, nextOffset);
    return nextOffset;
  }

  /** An endpoint was changed, or deleted (null). */
  readonly changed = (partition: number, endpointId: string, endpoint: WebhookEndpoint | null): void => {
    for (const owned of this.owning.values()) {
      if (owned.task.partition !== partition) continue;
      const runner = owned.runners.get(endpointId);
      if (endpoint === null) {
        owned.deleted.add(endpointId);
        void runner?.stop(0);
        owned.runners.delete(endpointId);
        owned.news.abort();
      } else if (runner) runner.change(endpoint);
      else owned.news.abort();
    }
  };

  private take(task: Task): void {
    const owned: Owned = {
      task,
      runners: new Map(),
      deleted: new Set(),
      progress: new Map(),
      ended: new AbortController(),
      news: new AbortController(),
      nextOffset: 0,
      working: Promise.resolve(),
    };
    this.owning.set(taskId(task), owned);
    owned.working = this.work(owned);
  }

  private async letGo(those: readonly Owned[], withinMs: Millis): Promise<void> {
    await Promise.all(
      those.map(async (owned) => {
        await Promise.all([...owned.runners.values()].map((runner) => runner.stop(withinMs)));
        owned.ended.abort();
        owned.news.abort();
        await owned.working;
        if (this.owning.get(taskId(owned.task)) === owned) this.owning.delete(taskId(owned.task));
        await this.options.log.retire(owned.task);
      }),
    );
  }

  /** Until the partition is let go: opens it, and writes what changes. */
  private async work(owned: Owned): Promise<void> {
    const { clock, telemetry } = this.options.shared;
    let isOpen = false;
    let isRestored = false;
    let growAt = 0;
    for (;;) {
      owned.news = new AbortController();
      const isEnding = owned.ended.signal.aborted;
      if (isEnding && !isRestored) return;
      try {
        if (!isOpen) await this.open(owned);
        isOpen = true;
        if (!isRestored) await this.restore(owned);
        isRestored = true;
        await this.begin(owned);
        if (!isEnding && clock.now() >= growAt) {
          await Promise.all([...owned.runners.values()].map((runner) => runner.grow()));
          growAt = clock.now() + GROW_MS;
        }
        await this.write(owned);
      } catch (error) {
        if (isEnding) return;
        isOpen = false;
        await this.options.log.retire(owned.task);
        if (isPostlaneError(error, 'TASK_MIGRATED')) return this.migrated(owned);
        telemetry.count('postlane_commit_failures_total', { processor: NAME });
        telemetry.log('warn', 'how far endpoints were told cannot be written now', { task: taskId(owned.task), error });
        await clock.sleep(RETRY_MS, owned.ended.signal);
        continue;
      }
      if (isEnding) return;
      const isUnwritten = [...owned.runners.values()].some((runner) => runner.isUnwritten);
      await clock.sleep(isUnwritten ? LOOK_MS : Number.MAX_SAFE_INTEGER, owned.news.signal);
      await clock.sleep(WRITE_MS, owned.ended.signal);
    }
  }

  /** Somebody else owns it: what we have begun is told again there. */
  private async migrated(owned: Owned): Promise<void> {
    this.options.shared.telemetry.count('postlane_tasks_migrated_total', { processor: NAME });
    this.owning.delete(taskId(owned.task));
    await Promise.all([...owned.runners.values()].map((runner) => runner.stop(0)));
    this.options.intake.rejoin();
  }

  private async open(owned: Owned): Promise<void> {
    const position = await this.options.log.open(owned.task);
    if (generationIn(position.metadata) > this.generation) {
      throw new PostlaneError('TASK_MIGRATED', { task: taskId(owned.task), generation: this.generation });
    }
    owned.nextOffset = Math.max(owned.nextOffset, position.nextOffset);
  }

  private async restore(owned: Owned): Promise<void> {
    const { log, codec, shared, endpointsCurrent, endpointsOf } = this.options;
    const topic = topics.webhookProgress;
    const { progress, task } = owned;
    await log.restore(task, topic.name, task.partition, 0, async (records) => {
      await codec.prepare(
        topic,
        records.filter(({ value }) => value !== null),
      );
      for (const { key, value } of records) {
        const endpointId = key?.toString('utf8') ?? '';
        const decoded = value === null ? null : codec.decode(topic, value);
        if (decoded?.ok) progress.set(endpointId, decoded.value);
        else progress.delete(endpointId);
      }
    });
    await endpointsCurrent(owned.ended.signal);
    for (const endpointId of progress.keys()) {
      if (!endpointsOf(task.partition).has(endpointId)) owned.deleted.add(endpointId);
    }
    shared.telemetry.count('postlane_tasks_opened_total', { processor: NAME });
  }

  /** Begins to tell the endpoints that are not told yet. */
  private async begin(owned: Owned): Promise<void> {
    const { endpointsOf, shared } = this.options;
    for (const [endpointId, endpoint] of endpointsOf(owned.task.partition)) {
      if (owned.ended.signal.aborted) return;
      if (owned.runners.has(endpointId)) continue;
      owned.deleted.delete(endpointId);
      const known = owned.progress.get(endpointId) ?? begun(endpoint, await this.beginning(endpoint), endpoint.at);
      owned.progress.delete(endpointId);
      // It may have been changed or deleted while we asked.
      const current = endpointsOf(owned.task.partition).get(endpointId);
      if (current && !owned.ended.signal.aborted) {
        owned.runners.set(endpointId, new EndpointRunner(shared, current, known, () => owned.news.abort()));
      }
    }
  }

  private async beginning({ at }: WebhookEndpoint) {
    const places = await this.options.shared.history.placesAt(at);
    return places.map((place) => ({ ...placeOf(place), end: null }));
  }

  private async write(owned: Owned): Promise<void> {
    const { log, codec, shared } = this.options;
    const { partition } = owned.task;
    const now = shared.clock.now();
    const outputs: Output[] = [];
    const written: (() => void)[] = [];
    for (const [endpointId, runner] of owned.runners) {
      const changed = runner.row(now);
      if (changed === null) continue;
      outputs.push(emit(topics.webhookProgress, endpointId, changed.row, { partition }));
      written.push(changed.done);
    }
    const deleted = [...owned.deleted];
    for (const endpointId of deleted) outputs.push(emit(topics.webhookProgress, endpointId, null, { partition }));
    if (outputs.length === 0) return;
    const { nextOffset } = owned;
    const metadata = generationMetadata(this.generation);
    await log.commit(owned.task, { outputs: encodeOutputs(codec, outputs), nextOffset, metadata });
    for (const done of written) done();
    for (const endpointId of deleted) owned.deleted.delete(endpointId);
    shared.telemetry.count('postlane_records_out_total', { processor: NAME }, outputs.length);
  }
}
