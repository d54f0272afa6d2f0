import { type Names, namesIn } from '../contracts/region.ts';
import { PostlaneError } from '../domain/error.ts';
import { partitionOf } from '../domain/partitioner.ts';
import type { Millis } from '../domain/time.ts';
import type { Commit, Headers, Landed, Log, LogRecord, Position, StoredRecord, Task } from '../runtime/ports.ts';
import { BARRIER_KEY, taskId } from '../runtime/ports.ts';

/**
 * What may happen to a commit, or to a declaration. `lands-late`: it is reported lost, and lands when the next owner fences; a
 * declaration, which no owner fences, at the worst moment before the group goes on. `vanishes`: like `lost`, and nobody can tell.
 */
export type CommitFault = 'none' | 'commit-lost' | 'commit-landed' | 'commit-lands-late' | 'commit-vanishes';

/** What a broker takes. */
const METADATA_LENGTH_MAX = 4_096;

interface Partition {
  records: StoredRecord[];
  nextOffset: number;
}

const toBuffer = (bytes: Uint8Array | string | null): Buffer | null =>
  bytes === null ? null : Buffer.from(bytes as Uint8Array);

/** One log shared by any number of `MemoryLog`s, each of which stands for a process. */
export class MemoryCluster {
  readonly topics = new Map<string, Partition[]>();
  readonly positions = new Map<string, Position>();
  readonly epochs = new Map<string, number>();
  readonly late = new Map<string, Commit>();
  /** Declarations that had no answer and have not landed yet. */
  readonly strays = new Map<string, { readonly task: Task; readonly position: Position }>();
  /** How often the groups have gone on. */
  generation = 0;
  /** Every position ever committed, in order, for the monotony invariant. */
  readonly history: { readonly task: string; readonly nextOffset: number }[] = [];
  readonly partitionCount: number;
  now: Millis;
  constructor(options: { readonly partitions?: number; readonly now?: Millis } = {}) {
    this.partitionCount = options.partitions ?? 1;
    this.now = options.now ?? 1_700_000_000_000;
  }

  partitions(topic: string): Partition[] {
    let found = this.topics.get(topic);
    if (!found) {
      found = Array.from({ length: this.partitionCount }, () => ({ records: [], nextOffset: 0 }));
      this.topics.set(topic, found);
    }
    return found;
  }

  partition(topic: string, index: number): Partition {
    const found = this.partitions(topic)[index];
    if (!found) throw new PostlaneError('BUG', { what: 'no such partition', topic, index });
    return found;
  }

  append(record: LogRecord): Landed {
    const key = record.key === null ? null : toBuffer(record.key);
    const index = record.partition ?? (key === null ? 0 : partitionOf(key, this.partitionCount));
    const partition = this.partition(record.topic, index);
    const offset = partition.nextOffset++;
    const headers: Headers = { ...(record.headers ?? {}) };
    partition.records.push({ offset, key, value: toBuffer(record.value), headers, at: this.now });
    return { partition: index, offset };
  }

  /** One transaction: appends, a marker per touched partition (it takes an offset, as in Kafka), and the position. */
  land(task: Task, commit: Commit): Landed[] {
    const landed = commit.outputs.map((output) => this.append(output));
    const touched = new Set(commit.outputs.map((output, n) => `${output.topic}\n${landed[n]?.partition}`));
    for (const place of touched) {
      const [topic = '', index = '0'] = place.split('\n');
      this.partition(topic, Number(index)).nextOffset++;
    }
    this.move(task, commit);
    this.landStray(task);
    return landed;
  }

  /** A position and nothing else. */
  move(task: Task, { nextOffset, metadata }: Position): void {
    this.positions.set(taskId(task), { nextOffset, metadata });
    this.history.push({ task: taskId(task), nextOffset });
  }

  /** The groups go on: what strays lands now or, being of an older generation, never. */
  regroup(): void {
    for (const { task } of [...this.strays.values()]) this.landStray(task);
    this.generation++;
  }

  landStray(task: Task): void {
    const stray = this.strays.get(taskId(task));
    if (!stray) return;
    this.strays.delete(taskId(task));
    this.move(task, stray.position);
  }

  /** Records of a partition from an offset on, at most `max`. */
  read(topic: string, index: number, fromOffset: number, max: number): StoredRecord[] {
    const { records } = this.partition(topic, index);
    let low = 0;
    let high = records.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((records[middle] as StoredRecord).offset < fromOffset) low = middle + 1;
      else high = middle;
    }
    return records.slice(low, low + max);
  }

  /** All records of a topic, partition by partition. */
  all(topic: string): StoredRecord[] {
    return this.partitions(topic).flatMap((partition) => partition.records);
  }

  /** The same log as the processes of a region see it: under the names that the code knows. Positions are the region's own. */
  inRegion(region: string): MemoryCluster {
    return new RegionOfCluster(this, namesIn(region));
  }
}

class RegionOfCluster extends MemoryCluster {
  private readonly whole: MemoryCluster;
  private readonly names: Names;
  constructor(whole: MemoryCluster, names: Names) {
    super({ partitions: whole.partitionCount, now: whole.now });
    this.whole = whole;
    this.names = names;
  }

  override partitions(topic: string): Partition[] {
    return this.whole.partitions(this.names.topic(topic));
  }
}

/** `Log` in memory: one process's view of a `MemoryCluster`. Commits can be made to fail, in every way that Kafka's can. */
export class MemoryLog implements Log {
  private readonly epochs = new Map<string, number>();
  /** In which generation a declaration of a task strayed. */
  private readonly strayed = new Map<string, number>();
  private barriers = 0;
  private readonly cluster: MemoryCluster;
  private readonly nextFault: (task: Task) => CommitFault;
  constructor(cluster: MemoryCluster, nextFault: (task: Task) => CommitFault = () => 'none') {
    this.cluster = cluster;
    this.nextFault = nextFault;
  }

  async open(task: Task): Promise<Position> {
    const id = taskId(task);
    if (this.strayed.get(id) === this.cluster.generation) throw new PostlaneError('TASK_MIGRATED', { task: id });
    const pending = this.cluster.late.get(id);
    if (pending) {
      // The fence waits for a transaction that the coordinator had already decided.
      this.cluster.late.delete(id);
      this.cluster.land(task, pending);
    }
    const epoch = (this.cluster.epochs.get(id) ?? 0) + 1;
    this.cluster.epochs.set(id, epoch);
    this.epochs.set(id, epoch);
    return this.cluster.positions.get(id) ?? { nextOffset: -1, metadata: '' };
  }

  private fenced(task: Task): void {
    const own = this.epochs.get(taskId(task));
    if (own === undefined) throw new PostlaneError('BUG', { what: 'task is not open', task: taskId(task) });
    if (own !== this.cluster.epochs.get(taskId(task))) throw new PostlaneError('TASK_MIGRATED', { task: taskId(task) });
  }

  async restore(
    task: Task,
    topic: string,
    partition: number,
    fromOffset: number,
    apply: (records: readonly StoredRecord[]) => void | Promise<void>,
  ): Promise<number> {
    this.fenced(task);
    const barrier = this.cluster.append({
      topic,
      key: BARRIER_KEY,
      value: null,
      headers: { barrier: `${taskId(task)}.${++this.barriers}` },
      partition,
    });
    const until = barrier.offset;
    let offset = fromOffset;
    while (offset < until) {
      const records = this.cluster.read(topic, partition, offset, 100).filter((record) => record.offset < until);
      const last = records.at(-1);
      if (!last) break;
      const shown = records.filter((record) => record.key?.toString() !== BARRIER_KEY);
      if (shown.length > 0) await apply(shown);
      offset = last.offset + 1;
    }
    return until + 1;
  }

  async commit(task: Task, commit: Commit): Promise<readonly Landed[]> {
    this.fenced(task);
    if (commit.metadata.length > METADATA_LENGTH_MAX)
      throw new PostlaneError('KAFKA_COMMIT_UNKNOWN', { reason: 'metadata too large' });
    const fault = this.nextFault(task);
    if (fault === 'none') return this.cluster.land(task, commit);
    if (fault === 'commit-landed') this.cluster.land(task, commit);
    if (fault === 'commit-lands-late') this.cluster.late.set(taskId(task), commit);
    this.epochs.delete(taskId(task));
    throw new PostlaneError('KAFKA_COMMIT_UNKNOWN', { task: taskId(task), fault });
  }

  async declare(task: Task, position: Position): Promise<void> {
    this.fenced(task);
    const refused = position.metadata.length > METADATA_LENGTH_MAX;
    const fault = refused ? 'commit-lost' : this.nextFault(task);
    const id = taskId(task);
    if (fault === 'none' || fault === 'commit-landed') {
      this.cluster.move(task, position);
      this.cluster.landStray(task);
    }
    if (fault === 'none') return;
    this.epochs.delete(id);
    if (fault === 'commit-lost') throw new PostlaneError('KAFKA_COMMIT_UNKNOWN', { task: id, fault });
    if (fault === 'commit-lands-late') this.cluster.strays.set(id, { task, position });
    this.strayed.set(id, this.cluster.generation);
    throw new PostlaneError('KAFKA_COMMIT_STRAY', { task: id, fault });
  }

  async retire(task: Task): Promise<void> {
    this.epochs.delete(taskId(task));
  }
}
