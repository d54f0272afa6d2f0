import { PostlaneError } from '../domain/error.ts';
import type { Clock, StoredRecord, Telemetry, View } from '../runtime/ports.ts';
import type { KafkaReader } from './client.ts';
import { unlessAborted } from './deadline.ts';
import { PartitionEnds } from './partition-ends.ts';
import { type Fetched, PartitionFetcher } from './partition-fetcher.ts';
import { ReadUp } from './read-up.ts';
import { isBarrier } from './records.ts';

/** What came of one partition: records in order, without barriers, and where to go on reading it. */
export interface ViewPart {
  readonly partition: number;
  readonly records: readonly StoredRecord[];
  readonly nextOffset: number;
}

/** Where a view keeps what it read. Every call may be repeated after a failure: applying twice must do no harm. */
export interface ViewStore {
  /** Where to go on reading the partition: what was last passed as `nextOffset`, or 0. */
  checkpoint(partition: number): number;
  /** Keeps records of a partition, and the offset to go on from, together. */
  apply(partition: number, records: readonly StoredRecord[], nextOffset: number): void | Promise<void>;
  /** As `apply` for each part, for a store to which many calls cost more than one. Absent: `apply` is called. */
  applyTogether?(parts: readonly ViewPart[]): void | Promise<void>;
  /**
   * As `apply`, while nobody looks anything up yet and many more records follow: a store may keep them back, and their
   * offsets with them, until `settle`. Absent: `apply` is called.
   */
  restore?(partition: number, records: readonly StoredRecord[], nextOffset: number): void | Promise<void>;
  /** Takes in what `restore` kept back. */
  settle?(): void | Promise<void>;
  /** The log no longer has what the checkpoint says (topic made anew, log truncated): forget all of the partition. */
  reset(partition: number): void | Promise<void>;
}

export interface ViewFollowerOptions {
  readonly kafka: KafkaReader;
  readonly topic: string;
  readonly store: ViewStore;
  readonly clock: Clock;
  readonly telemetry: Pick<Telemetry, 'log' | 'count'>;
  /** How long the broker may wait for the first record; a quiet view is at least this stale. Default 250 ms. */
  readonly fetchWaitMs?: number;
}

/** What is known of one followed partition. */
interface Followed {
  nextOffset: number;
  /** Everything written before this time has been applied; null before the first catch-up. */
  currentAt: number | null;
  /** The end of the log as it was when last looked at, and when that was: reaching it makes us current as of then. */
  target: { readonly offset: number; readonly at: number } | null;
}

/** What is asked for next: what follows the answers that were given, with another partition first each time. */
interface Asking {
  readonly turn: number;
  /** Partitions whose checkpoint was looked up. */
  readonly begun: Set<number>;
  readonly given: readonly Fetched[];
  readonly notBefore: number;
}

interface Asked {
  readonly answers: readonly Fetched[];
  readonly askedAt: number;
}

const FETCH_WAIT_MS = 250;
/** As long as it has not caught up: an empty topic is caught up with at once, and nothing keeps an open transaction's reader waiting. */
const RESTORE_WAIT_MS = 20;
/**
 * Shortest time between the beginnings of two fetches, for what comes meanwhile to come together: a topic of 500 records a second
 * was fetched 340 times a second otherwise, which cost its broker and its reader a fifth of a processor (measured). Whoever
 * waits for the view to be current is not kept waiting by it.
 */
const GATHER_MS = 50;
/**
 * One answer at most, and one partition of it. Each is in memory several times over while it is decoded, and what lives that
 * long makes V8 keep room for more: 2 MB took 326 MiB to restore three million suppressions, 512 KB 149 and 6 % more time.
 */
const FETCH_BYTES_MAX = 512 * 1024;
const PARTITION_BYTES_MAX = 256 * 1024;
const RETRY_MS_MIN = 200;
const RETRY_MS_MAX = 5_000;

/**
 * Follows a compacted topic into a store, for ever. It knows that it is current by the end of the log that comes with
 * every fetch: once a position passes an end seen at some time, everything written until then has been applied. That holds
 * for a quiet topic as well, and needs nothing to be written. An open transaction of somebody keeps the position, and
 * with it the truth, back. Who cannot wait for a fetch, which takes its time where nothing comes, has the ends asked for.
 *
 * A failure never ends it: it starts over from the store's checkpoints, with back-off, and grows stale meanwhile.
 */
export class ViewFollower implements View {
  private readonly options: ViewFollowerOptions;
  private readonly stopping = new AbortController();
  private readonly followed = new Map<number, Followed>();
  /** Nobody looks anything up until it is first caught up. */
  private restoring = true;
  private running: Promise<void> | null = null;
  private caughtUp: () => void = () => undefined;
  private gaveUp: (error: Error) => void = () => undefined;
  private readonly firstCatchUp: Promise<void>;
  private readonly ends: PartitionEnds;
  private readonly readUp: ReadUp;
  /** How many wait for us to be current. */
  private awaited = 0;
  /** Ends the wait for more to come together; null while there is none. */
  private gathering: AbortController | null = null;

  constructor(options: ViewFollowerOptions) {
    this.options = options;
    this.ends = new PartitionEnds(options.kafka, options.topic);
    const positionOf = (partition: number) => (this.restoring ? -1 : (this.followed.get(partition)?.nextOffset ?? -1));
    this.readUp = new ReadUp(() => this.ends.ask(), positionOf, options.clock);
    this.firstCatchUp = new Promise((resolve, reject) => {
      this.caughtUp = resolve;
      this.gaveUp = reject;
    });
    this.firstCatchUp.catch(() => undefined);
  }

  /** Settles when first caught up; rejects with STOPPED when stopped before. A broker that is away is waited for. */
  start(): Promise<void> {
    this.running ??= this.followForEver();
    return this.firstCatchUp;
  }

  stalenessMs(): number {
    return this.restoring ? Infinity : this.behindMs();
  }

  async current(withinMs: number): Promise<boolean> {
    this.awaited++;
    this.gathering?.abort();
    try {
      return await this.readUp.within(withinMs);
    } finally {
      this.awaited--;
    }
  }

  /** Staleness of what was handed to the store, which may keep it back while it restores. */
  private behindMs(): number {
    let oldest = this.followed.size === 0 ? null : Infinity;
    for (const { currentAt } of this.followed.values()) {
      if (currentAt === null) return Infinity;
      oldest = Math.min(oldest ?? Infinity, currentAt);
    }
    return oldest === null ? Infinity : Math.max(0, this.options.clock.now() - oldest);
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    this.gathering?.abort();
    this.gaveUp(new PostlaneError('STOPPED', { view: this.options.topic }));
    this.readUp.stop();
    this.ends.close();
    await this.running;
  }

  private async followForEver(): Promise<void> {
    const { clock, telemetry, topic } = this.options;
    let delayMs = RETRY_MS_MIN;
    while (!this.stopping.signal.aborted) {
      try {
        await this.follow(() => {
          delayMs = RETRY_MS_MIN;
        });
      } catch (error) {
        if (this.stopping.signal.aborted) return;
        telemetry.count('postlane_view_restarts_total', { topic });
        telemetry.log('warn', 'a view is interrupted and starts over from its checkpoints', { topic, error });
        await clock.sleep(delayMs, this.stopping.signal);
        delayMs = Math.min(delayMs * 2, RETRY_MS_MAX);
      }
    }
  }

  private async follow(progressed: () => void): Promise<void> {
    const { kafka, topic } = this.options;
    const fetcher = new PartitionFetcher(kafka, { bytesMax: FETCH_BYTES_MAX, partitionBytesMax: PARTITION_BYTES_MAX });
    const { signal } = this.stopping;
    try {
      // A stop waits for the store, but not for brokers.
      await unlessAborted(fetcher.connect(topic), signal);
      for (const followed of this.followed.values()) followed.target = null;
      const begun = new Set<number>();
      let asked = this.ask(fetcher, { turn: 0, begun, given: [], notBefore: Number.NEGATIVE_INFINITY });
      for (let turn = 1; !signal.aborted; turn++) {
        const { answers, askedAt } = await asked;
        // The broker reads what comes next while this is taken in. What a failure leaves unread is asked for anew.
        asked = this.ask(fetcher, { turn, begun, given: answers, notBefore: askedAt + GATHER_MS });
        asked.catch(() => undefined);
        await this.take(answers, askedAt);
        progressed();
        if (this.restoring && this.behindMs() !== Infinity) {
          await this.options.store.settle?.();
          this.restoring = false;
          this.caughtUp();
        }
        this.readUp.moved();
      }
    } finally {
      fetcher.close();
    }
  }

  /** Fetches what follows the answers that were given, which need not be taken in yet. */
  private async ask(fetcher: PartitionFetcher, { turn, begun, given, notBefore }: Asking): Promise<Asked> {
    const { topic, clock, fetchWaitMs = FETCH_WAIT_MS } = this.options;
    await this.gather(notBefore - clock.now());
    // Looked up each time: partitions may be added.
    const places = inTurn(fetcher.partitions(topic), turn).map((partition) => {
      const followed = this.followedOf(partition, begun);
      const last = given.find((fetched) => fetched.partition === partition);
      return { topic, partition, offset: last?.nextOffset ?? followed.nextOffset };
    });
    const waitMs = this.restoring ? Math.min(RESTORE_WAIT_MS, fetchWaitMs) : fetchWaitMs;
    const askedAt = clock.now();
    return { answers: await unlessAborted(fetcher.fetch(places, waitMs), this.stopping.signal), askedAt };
  }

  /** Lets more come together for so long, unless somebody waits for us to be current. */
  private async gather(forMs: number): Promise<void> {
    if (forMs <= 0 || this.restoring || this.awaited > 0 || this.stopping.signal.aborted) return;
    this.gathering = new AbortController();
    await this.options.clock.sleep(forMs, this.gathering.signal);
    this.gathering = null;
  }

  /** A partition as it stands in the store, where this connection sees it for the first time. */
  private followedOf(partition: number, begun: Set<number>): Followed {
    const followed = this.followed.get(partition) ?? { nextOffset: 0, currentAt: null, target: null };
    if (!begun.has(partition)) {
      begun.add(partition);
      followed.nextOffset = this.options.store.checkpoint(partition);
      this.followed.set(partition, followed);
    }
    return followed;
  }

  private async take(answers: readonly Fetched[], askedAt: number): Promise<void> {
    for (const fetched of answers) if (fetched.outOfRange) await this.reset(fetched);
    const moved = answers.filter(
      ({ partition, nextOffset }) => nextOffset !== this.followed.get(partition)?.nextOffset,
    );
    const parts = moved.map(({ partition, records, nextOffset }) => ({
      partition,
      records: records.filter((record) => !isBarrier(record)),
      nextOffset,
    }));
    await this.apply(parts);
    for (const answer of answers) this.moveOn(answer, askedAt);
  }

  private async reset({ partition, nextOffset }: Fetched): Promise<void> {
    const { store, telemetry, topic } = this.options;
    telemetry.count('postlane_offsets_out_of_range_total', { topic });
    const what = 'a view is read anew: the log no longer has what it had read';
    telemetry.log('warn', what, { topic, partition, nextOffset });
    await store.reset(partition);
    const followed = this.followed.get(partition) as Followed;
    followed.currentAt = null;
    followed.target = null;
  }

  private async apply(parts: readonly ViewPart[]): Promise<void> {
    const { store } = this.options;
    if (store.applyTogether && !this.restoring) {
      if (parts.length > 0) await store.applyTogether(parts);
      return;
    }
    for (const { partition, records, nextOffset } of parts) {
      if (this.restoring && store.restore) await store.restore(partition, records, nextOffset);
      else await store.apply(partition, records, nextOffset);
    }
  }

  private moveOn({ partition, nextOffset, highWatermark }: Fetched, askedAt: number): void {
    const followed = this.followed.get(partition) as Followed;
    followed.nextOffset = nextOffset;
    if (followed.target !== null && followed.nextOffset >= followed.target.offset) {
      followed.currentAt = followed.target.at;
      followed.target = null;
    }
    // The end that came with this answer was true when the broker read, which was after we asked.
    if (followed.nextOffset >= highWatermark) followed.currentAt = Math.max(followed.currentAt ?? 0, askedAt);
    else followed.target ??= { offset: highWatermark, at: askedAt };
  }
}

/** A broker fills an answer in the order in which it is asked: another is first each time, so that none starves the others. */
const inTurn = (partitions: readonly number[], turn: number): readonly number[] => {
  const first = turn % Math.max(1, partitions.length);
  return [...partitions.slice(first), ...partitions.slice(0, first)];
};
