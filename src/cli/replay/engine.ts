import type { ReputationRules } from '../../../processors/reputation/step.ts';
import { topics } from '../../contracts/topic.ts';
import { PostlaneError } from '../../domain/error.ts';
import type { Millis } from '../../domain/time.ts';
import type { KafkaClient } from '../../kafka/client.ts';
import { readPartition } from '../../kafka/partition-reader.ts';
import { type PartitionRange, rangesOf } from '../../kafka/topic-ends.ts';
import type { Codec } from '../../runtime/codec.ts';
import type { SideTables } from '../../store/side-tables.ts';
import { SideFold } from './side-fold.ts';
import { type ReadAgain, ToldAgain } from './told-again.ts';

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
  readonly done: number;
  readonly total: number;
}

export interface ReplayOptions extends ReplayTerms {
  readonly kafka: KafkaClient;
  readonly codec: Codec;
  readonly tables: SideTables;
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
/** A partition that gives nothing for so long ends the replay. */
const STALL_MS = 60_000;
/** Clocks of brokers and of this process may differ by so much, and a fold may rest so long. */
const CLOCK_SKEW_MS = 2_000;

/** Readies the side tables: true where a replay under the same terms was interrupted and can go on; else they are emptied. */
export async function begin(tables: SideTables, { fingerprint }: ReplayTerms): Promise<boolean> {
  if (tables.noted(FINGERPRINT) === fingerprint) return true;
  tables.clear();
  await tables.put([], { [FINGERPRINT]: fingerprint });
  return false;
}

/**
 * Folds `email.reputation` into side tables, each partition by itself and all of them at once, up to where the log ended
 * when this began. Goes on where an earlier one under the same terms was killed; `begin` comes first. Throws STOPPED at the signal.
 */
export async function replay(options: ReplayOptions): Promise<Replayed> {
  const { kafka, tables, signal, startedAt } = options;
  const ranges = await startsOf(options, await rangesOf(kafka, [topics.reputation.name]));
  const total = ranges.reduce((sum, { first, end }) => sum + Math.max(0, end - first), 0);
  const moving = new Set<string>();
  const sides = ranges.map((range) => {
    const again = options.again ?? null;
    const told = again && new ToldAgain(tables, options.codec, range.partition, again);
    return new SideFold(tables, options.codec, options.rules, range.partition, told);
  });
  let done = 0;
  let read = 0;
  const tell = () => options.progress({ done, total });
  await Promise.all(
    ranges.map(async (range, n) => {
      const side = sides[n] as SideFold;
      const from = Math.max(range.first, side.nextOffset() ?? range.first);
      done += from - range.first;
      let position = from;
      await readPartition(kafka, {
        topic: topics.reputation.name,
        partition: range.partition,
        fromOffset: from,
        untilOffset: range.end,
        stallMs: STALL_MS,
        async apply(records) {
          if (signal.aborted) throw new PostlaneError('STOPPED', { what: 'the replay; it goes on where it is' });
          await side.apply(records);
          for (const { at, key } of records) if (at > startedAt - CLOCK_SKEW_MS && key) moving.add(key.toString());
          const next = (records.at(-1)?.offset ?? position) + 1;
          done += next - position;
          read += next - position;
          position = next;
          tell();
        },
      });
      await side.finish(range.end);
      done += range.end - position;
    }),
  );
  tell();
  const undecodable = sides.reduce((sum, side) => sum + side.undecodable, 0);
  return {
    read,
    total,
    undecodable,
    moving,
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
