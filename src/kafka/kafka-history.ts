import type { Topic } from '../contracts/topic.ts';
import { PostlaneError } from '../domain/error.ts';
import type { Millis } from '../domain/time.ts';
import type { Codec } from '../runtime/codec.ts';
import type { History, HistoryPlace, HistoryRead } from '../runtime/history-port.ts';
import type { Clock, StoredRecord, Telemetry } from '../runtime/ports.ts';
import type { KafkaClient } from './client.ts';
import { withDeadline } from './deadline.ts';
import { type Fetched, PartitionFetcher } from './partition-fetcher.ts';
import { isBarrier } from './records.ts';
import { rangesOf } from './topic-ends.ts';
import { ViewFollower, type ViewStore } from './view-follower.ts';

export interface KafkaHistoryOptions<V> {
  readonly kafka: KafkaClient;
  readonly topics: readonly Topic<V>[];
  readonly codec: Codec;
  readonly clock: Clock;
  readonly telemetry: Pick<Telemetry, 'log' | 'count'>;
}

type Entry<V> = HistoryRead<V>['entries'][number];

/** Records of a partition that are kept, decoded: whoever is not far behind is served from them. */
const RECENT_MAX = 1_000;
/** An old place is fetched so much at a time. */
const FETCH_BYTES = 256 * 1_024;
const FETCH_WAIT_MS = 50;
const ASK_MS_MAX = 30_000;

/**
 * The history of some topics: what is new is read once and kept for a while, however many ask for it; what is older is fetched
 * for who asks, several partitions at a time.
 */
export class KafkaHistory<V> implements History<V> {
  private readonly options: KafkaHistoryOptions<V>;
  private readonly recent = new Map<string, RecentTopic<V>>();
  private readonly followers: ViewFollower[] = [];
  private readonly listeners = new Set<() => void>();
  private readonly asking: Asking[] = [];
  private fetching: Promise<void> | null = null;
  private fetcher: PartitionFetcher | null = null;
  private stopped = false;

  constructor(options: KafkaHistoryOptions<V>) {
    this.options = options;
  }

  /** Settles when the ends of the topics are followed. Throws KAFKA_UNAVAILABLE. */
  async start(): Promise<void> {
    const { kafka, topics, codec, clock, telemetry } = this.options;
    const ranges = await rangesOf(
      kafka,
      topics.map(({ name }) => name),
    );
    for (const topic of topics) {
      const ends = ranges.filter((range) => range.topic === topic.name);
      const begin = new Map(ends.map(({ partition, end }) => [partition, end]));
      const store = new RecentTopic<V>(topic, codec, begin, () => this.tell());
      this.recent.set(topic.name, store);
      this.followers.push(new ViewFollower({ kafka, topic: topic.name, store, clock, telemetry }));
    }
    await Promise.all(this.followers.map((follower) => follower.start()));
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.followers.map((follower) => follower.stop()));
    this.fetcher?.close();
    await this.fetching;
  }

  async read(place: HistoryPlace, max: number): Promise<HistoryRead<V>> {
    const recent = this.recentOf(place.topic).read(place.partition, place.offset, max);
    if (recent !== null) return recent;
    const fetched = await this.fetched(place);
    const entries = await this.recentOf(place.topic).decoded(
      fetched.records.filter((record) => record.offset >= place.offset).slice(0, max),
    );
    const cut = fetched.records.length > max;
    const nextOffset = cut ? (fetched.records[max]?.offset ?? fetched.nextOffset) : fetched.nextOffset;
    return { entries, nextOffset, lost: fetched.outOfRange ? Math.max(0, nextOffset - place.offset) : 0 };
  }

  async placesAt(at: Millis): Promise<readonly HistoryPlace[]> {
    const admin = this.options.kafka.admin();
    const ask = async (): Promise<HistoryPlace[]> => {
      await admin.connect();
      const places: HistoryPlace[] = [];
      for (const { name: topic } of this.options.topics) {
        for (const { partition, offset } of await admin.fetchTopicOffsetsByTimestamp(topic, at)) {
          places.push({ topic, partition, offset: Number(offset) });
        }
      }
      return places;
    };
    try {
      return await withDeadline(ask(), ASK_MS_MAX, 'looking for a time in topics');
    } finally {
      void admin.disconnect().catch(() => undefined);
    }
  }

  onNews(call: () => void): () => void {
    this.listeners.add(call);
    return () => this.listeners.delete(call);
  }

  private tell(): void {
    for (const call of this.listeners) call();
  }

  private recentOf(topic: string): RecentTopic<V> {
    const recent = this.recent.get(topic);
    if (recent === undefined) throw new PostlaneError('BUG', { what: 'a topic whose history is not followed', topic });
    return recent;
  }

  /** Asks together with all others who ask for another partition; whoever asks for the same one comes after. */
  private fetched(place: HistoryPlace): Promise<Fetched> {
    if (this.stopped) return Promise.reject(new PostlaneError('STOPPED', { what: 'reading history' }));
    return new Promise((resolve, reject) => {
      this.asking.push({ place, resolve, reject });
      this.fetching ??= this.fetchAll().finally(() => {
        this.fetching = null;
      });
    });
  }

  private async fetchAll(): Promise<void> {
    while (this.asking.length > 0) {
      const round = nextRound(this.asking);
      try {
        const answers = await (await this.connected()).fetch(
          round.map(({ place }) => place),
          FETCH_WAIT_MS,
        );
        for (const { place, resolve, reject } of round) {
          const answer = answers.find(({ topic, partition }) => topic === place.topic && partition === place.partition);
          if (answer === undefined) reject(new PostlaneError('KAFKA_UNAVAILABLE', { what: 'no answer', ...place }));
          else resolve({ ...answer, records: answer.records.filter((record) => !isBarrier(record)) });
        }
      } catch (cause) {
        this.fetcher?.close();
        this.fetcher = null;
        const error = new PostlaneError('KAFKA_UNAVAILABLE', { what: 'reading history' }, { cause });
        for (const { reject } of round) reject(error);
      }
    }
  }

  private async connected(): Promise<PartitionFetcher> {
    if (this.fetcher) return this.fetcher;
    const fetcher = new PartitionFetcher(this.options.kafka, { partitionBytesMax: FETCH_BYTES });
    this.fetcher = fetcher;
    for (const { name } of this.options.topics) await fetcher.connect(name);
    return fetcher;
  }
}

interface Asking {
  readonly place: HistoryPlace;
  readonly resolve: (fetched: Fetched) => void;
  readonly reject: (error: Error) => void;
}

/** Takes one question per partition out of those that wait. */
function nextRound(asking: Asking[]): Asking[] {
  const partitions = new Set<string>();
  const round = asking.filter(({ place: { topic, partition } }) => {
    const key = `${topic}/${partition}`;
    const isFirst = !partitions.has(key);
    partitions.add(key);
    return isFirst;
  });
  for (const asked of round) asking.splice(asking.indexOf(asked), 1);
  return round;
}

interface RecentPartition<V> {
  entries: Entry<V>[];
  /** Everything from here … */
  from: number;
  /** … to here was read. */
  next: number;
}

/** The newest records of a topic, decoded once. */
class RecentTopic<V> implements ViewStore {
  private readonly topic: Topic<V>;
  private readonly codec: Codec;
  private readonly begin: ReadonlyMap<number, number>;
  private readonly tell: () => void;
  private readonly partitions = new Map<number, RecentPartition<V>>();

  constructor(topic: Topic<V>, codec: Codec, begin: ReadonlyMap<number, number>, tell: () => void) {
    this.topic = topic;
    this.codec = codec;
    this.begin = begin;
    this.tell = tell;
  }

  /** Null: it lies before what is kept. */
  read(partition: number, offset: number, max: number): HistoryRead<V> | null {
    const recent = this.of(partition);
    if (offset < recent.from) return null;
    if (offset >= recent.next) return { entries: [], nextOffset: offset, lost: 0 };
    const first = firstAt(recent.entries, offset);
    const entries = recent.entries.slice(first, first + max);
    const after = recent.entries[first + max];
    return { entries, nextOffset: after?.offset ?? recent.next, lost: 0 };
  }

  async decoded(records: readonly StoredRecord[]): Promise<Entry<V>[]> {
    await this.codec.prepare(this.topic, records);
    return records.flatMap(({ offset, at, value }) => {
      const decoded = this.codec.decode(this.topic, value);
      return decoded.ok ? [{ offset, at, value: decoded.value }] : [];
    });
  }

  checkpoint(partition: number): number {
    return this.of(partition).next;
  }

  async apply(partition: number, records: readonly StoredRecord[], nextOffset: number): Promise<void> {
    const recent = this.of(partition);
    const entries = await this.decoded(records);
    recent.entries.push(...entries);
    recent.next = nextOffset;
    const tooMany = recent.entries.length - RECENT_MAX;
    if (tooMany > 0) {
      recent.from = (recent.entries[tooMany - 1] as Entry<V>).offset + 1;
      recent.entries = recent.entries.slice(tooMany);
    }
    if (entries.length > 0) this.tell();
  }

  reset(partition: number): void {
    this.partitions.set(partition, { entries: [], from: 0, next: 0 });
  }

  private of(partition: number): RecentPartition<V> {
    const known = this.partitions.get(partition);
    if (known) return known;
    const begin = this.begin.get(partition) ?? 0;
    const made = { entries: [], from: begin, next: begin };
    this.partitions.set(partition, made);
    return made;
  }
}

/** Index of the first entry at or after an offset. */
function firstAt<V>(entries: readonly Entry<V>[], offset: number): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((entries[middle] as Entry<V>).offset < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}
