import { availableParallelism } from 'node:os';
import type { ReputationRules } from '../../../processors/reputation/step.ts';
import { topics } from '../../contracts/topic.ts';
import type { Millis } from '../../domain/time.ts';
import type { KafkaClient } from '../../kafka/client.ts';
import { readPartition } from '../../kafka/partition-reader.ts';
import { type PartitionRange, rangesOf } from '../../kafka/topic-ends.ts';
import type { ConnectionAddresses } from '../connection.ts';
import { STALL_MS } from './fold-partitions.ts';
import type { ReplayTables } from './replay-tables.ts';
import { foldInThreads } from './threads.ts';
import type { ReadAgain } from './told-again.ts';

/** What makes two replays the same: one that was killed goes on only under the same terms. */
export interface ReplayTerms {
  readonly rules: ReputationRules;
  /** Everything about the rules and the beginning that matters, as one text. */
  readonly fingerprint: string;
  /** Only what was written down from then on; null: all that is kept. */
  readonly from: Millis | null;
  /** What raw feedback says when it is read again; absent: what was made of it at the time. */
  readonly again?: ReadAgain | null;
}

export interface ReplayProgress {
  /** Offsets that are folded, and how many of them were read in this run. */
  readonly done: number;
  readonly read: number;
  readonly total: number;
}

export interface ReplayOptions extends ReplayTerms {
  readonly kafka: KafkaClient;
  /** For the threads, which open connections of their own. */
  readonly connection: ConnectionAddresses;
  /** Threads that fold, at most. */
  readonly threads: number;
  readonly tables: ReplayTables;
  readonly signal: AbortSignal;
  readonly progress: (progress: ReplayProgress) => void;
  /** When production's tables began to be read: what was written down since then may be in one of the two only. */
  readonly startedAt: Millis;
}

export interface Replayed {
  /** Offsets read in this run, and what there is of them in all. */
  readonly read: number;
  readonly total: number;
  readonly undecodable: number;
  /** Per partition: where reading ended, and since when the log is complete (0: since its beginning). */
  readonly partitions: readonly { readonly partition: number; readonly end: number; readonly since: Millis }[];
  /** Subjects that something was heard of while the replay ran: their rows in production may be ahead or behind. */
  readonly moving: ReadonlySet<string>;
}

const FINGERPRINT = 'fingerprint';

/** One for each processor, which it leaves to whatever else wants it (its threads give way); eight at most. */
export const THREADS_DEFAULT = Math.max(1, Math.min(8, availableParallelism()));
export const THREADS_MAX = 64;

/** Readies the side tables: true where a replay under the same terms was interrupted and can go on; else they are emptied. */
export async function begin(tables: ReplayTables, { fingerprint }: ReplayTerms): Promise<boolean> {
  // The partitions' stores are named by their number: of a log with other partitions nothing can be kept.
  const terms = `${fingerprint} ${tables.count}`;
  if (tables.common.noted(FINGERPRINT) === terms) return true;
  await tables.clear();
  await tables.common.put([], { [FINGERPRINT]: terms });
  return false;
}

/**
 * Folds `email.reputation` into side tables, in threads that have some partitions each, up to where the log ended when this
 * began. Goes on where an earlier one under the same terms was killed; `begin` comes first. The partitions' stores are
 * closed when it is called, and open when it returns. Throws STOPPED at the signal.
 */
export async function replay(options: ReplayOptions): Promise<Replayed> {
  const { kafka, tables, startedAt, rules, again = null } = options;
  const ranges = await startsOf(options, await rangesOf(kafka, [topics.reputation.name]));
  const total = ranges.reduce((sum, { first, end }) => sum + Math.max(0, end - first), 0);
  let done = 0;
  let read = 0;
  await tables.closePartitions();
  const { undecodable, moving } = await foldInThreads({
    connection: options.connection,
    rules: { suppression: rules.suppression, identity: rules.identity },
    share: { directory: tables.directory, ranges, again, startedAt },
    threads: options.threads,
    signal: options.signal,
    progress(more, moreRead) {
      done += more;
      read += moreRead;
      options.progress({ done, read, total });
    },
  });
  await tables.openPartitions();
  return {
    read,
    total,
    undecodable,
    moving: new Set(moving),
    partitions: await Promise.all(ranges.map((r) => since(options, r))),
  };
}

/** Where each partition begins: at its first record, or at the first one of the time that was asked for. */
async function startsOf(
  { kafka, from }: ReplayOptions,
  ranges: readonly PartitionRange[],
): Promise<readonly PartitionRange[]> {
  if (from === null) return ranges;
  const admin = kafka.admin();
  await admin.connect();
  try {
    const found = await admin.fetchTopicOffsetsByTimestamp(topics.reputation.name, from);
    return ranges.map((range) => {
      const offset = Number(found.find(({ partition }) => partition === range.partition)?.offset ?? range.end);
      return { ...range, first: Math.min(range.end, Math.max(range.first, offset < 0 ? range.end : offset)) };
    });
  } finally {
    await admin.disconnect();
  }
}

/** A log that retention has cut, or of which only a part was asked for, knows nothing of what was before. */
async function since(
  { kafka, from }: ReplayOptions,
  { partition, first, end }: PartitionRange,
): Promise<Replayed['partitions'][number]> {
  if (first === 0) return { partition, end, since: 0 };
  if (from !== null) return { partition, end, since: from };
  let at: Millis | null = null;
  await readPartition(kafka, {
    topic: topics.reputation.name,
    partition,
    fromOffset: first,
    untilOffset: Math.min(first + 1, end),
    stallMs: STALL_MS,
    apply: (records) => {
      at ??= records[0]?.at ?? null;
    },
  });
  // Whatever is not known to be older is taken for older: rows are kept rather than lost.
  return { partition, end, since: at ?? Number.MAX_SAFE_INTEGER };
}
