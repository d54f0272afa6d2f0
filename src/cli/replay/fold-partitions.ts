import type { ReputationRules } from '../../../processors/reputation/step.ts';
import { topics } from '../../contracts/topic.ts';
import { PostlaneError } from '../../domain/error.ts';
import type { Millis } from '../../domain/time.ts';
import type { KafkaClient } from '../../kafka/client.ts';
import { readPartition } from '../../kafka/partition-reader.ts';
import type { Codec } from '../../runtime/codec.ts';
import { SideTables } from '../../store/side-tables.ts';
import { partitionDirectory } from './replay-tables.ts';
import { SideFold } from './side-fold.ts';
import { type ReadAgain, ToldAgain } from './told-again.ts';

/** Partitions that one thread folds from end to end. Data only: it is sent to the thread. */
export interface Share {
  readonly directory: string;
  readonly ranges: readonly { readonly partition: number; readonly first: number; readonly end: number }[];
  readonly again: ReadAgain | null;
  /** When production's tables began to be read: what was written down since then may be in one of the two only. */
  readonly startedAt: Millis;
}

export interface FoldOptions extends Share {
  readonly kafka: KafkaClient;
  readonly codec: Codec;
  readonly rules: ReputationRules;
  readonly signal: AbortSignal;
  /** Offsets that are done since it was told last, and how many of them were read in this run. */
  readonly progress: (done: number, read: number) => void;
}

export interface Folded {
  /** Records that could not be decoded. */
  readonly undecodable: number;
  /** Subjects that something was heard of since `startedAt`. */
  readonly moving: readonly string[];
}

/** A partition that gives nothing for so long ends the replay. */
export const STALL_MS = 60_000;
/** Clocks of brokers and of this process may differ by so much, and a fold may rest so long. */
const CLOCK_SKEW_MS = 2_000;

/** While one is folded the next part of another is fetched; more only keep more in memory, which V8 moves about all the while. */
const PARTITIONS_AT_ONCE = 2;

/**
 * Folds partitions of `email.reputation`, each by itself and some of them at once, from where an earlier run was killed.
 * Throws STOPPED at the signal.
 */
export async function foldPartitions(options: FoldOptions): Promise<Folded> {
  const moving = new Set<string>();
  const waiting = [...options.ranges];
  const counts: number[] = [];
  const inTurn = async (): Promise<void> => {
    for (let range = waiting.shift(); range !== undefined; range = waiting.shift()) {
      counts.push(await foldPartition(options, range, moving));
    }
  };
  try {
    await Promise.all(Array.from({ length: PARTITIONS_AT_ONCE }, inTurn));
  } finally {
    // After an error no other is begun.
    waiting.length = 0;
  }
  return { undecodable: counts.reduce((sum, count) => sum + count, 0), moving: [...moving] };
}

async function foldPartition(
  options: FoldOptions,
  { partition, first, end }: Share['ranges'][number],
  moving: Set<string>,
): Promise<number> {
  const { kafka, codec, rules, again, signal, startedAt, progress } = options;
  const tables = await SideTables.open(partitionDirectory(options.directory, partition));
  try {
    const told = again && new ToldAgain(tables, codec, partition, again);
    const side = new SideFold(tables, codec, rules, partition, told);
    let position = Math.max(first, side.nextOffset() ?? first);
    progress(position - first, 0);
    await readPartition(kafka, {
      topic: topics.reputation.name,
      partition,
      fromOffset: position,
      untilOffset: end,
      stallMs: STALL_MS,
      async apply(records) {
        if (signal.aborted) {
          await side.flush();
          throw new PostlaneError('STOPPED', { what: 'the replay; it goes on where it is' });
        }
        await side.apply(records);
        for (const { at, key } of records) if (at > startedAt - CLOCK_SKEW_MS && key) moving.add(key.toString());
        const next = (records.at(-1)?.offset ?? position) + 1;
        progress(next - position, next - position);
        position = next;
      },
    });
    await side.finish(end);
    progress(end - position, 0);
    return side.undecodable;
  } finally {
    await tables.close();
  }
}
