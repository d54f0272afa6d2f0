import type { ReputationState } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import { subjectOfEdition } from '../../src/domain/edition.ts';
import { dueAt } from '../../src/domain/identity-state.ts';
import { signal } from '../../src/domain/results.ts';
import type { ScoreRules } from '../../src/domain/score.ts';
import { type Millis, SECOND_MS } from '../../src/domain/time.ts';
import type { Codec } from '../../src/runtime/codec.ts';
import type { Clock, LogRecord, Stoppable, StoredRecord, Telemetry } from '../../src/runtime/ports.ts';
import type { TableStates } from '../../src/runtime/table-fold.ts';

/** How often what is due is looked for. With the fold's own rest this keeps rows within two seconds of a bucket's end. */
const LOOK_MS = 500;
/** A tick that was not enough (clocks differ) or was lost is written again after this long. */
const AGAIN_MS = 5 * SECOND_MS;
/** Ticks of one look at most; the others come with the next. */
const TICKS_MAX = 1_000;

/** When each identity of a partition is next due to be judged, kept along with its state. */
export class Schedule {
  private readonly due = new Map<number, Map<string, Millis>>();

  set(partition: number, subject: string, at: Millis | null): void {
    let subjects = this.due.get(partition);
    if (!subjects) {
      subjects = new Map();
      this.due.set(partition, subjects);
    }
    if (at === null) subjects.delete(subject);
    else subjects.set(subject, at);
  }

  forget(partition: number): void {
    this.due.delete(partition);
  }

  /** Subjects of these partitions that are due; they are due again a little later, unless their state says otherwise. */
  take(
    partitions: readonly number[],
    now: Millis,
  ): readonly { readonly partition: number; readonly subject: string }[] {
    const taken: { partition: number; subject: string }[] = [];
    for (const partition of partitions) {
      for (const [subject, at] of this.due.get(partition) ?? []) {
        if (at > now || taken.length >= TICKS_MAX) continue;
        taken.push({ partition, subject });
        this.set(partition, subject, now + AGAIN_MS);
      }
    }
    return taken;
  }
}

/** States that keep a schedule: whatever becomes believed says when it is next due. */
export function scheduled(
  states: TableStates<ReputationState>,
  schedule: Schedule,
  rules: ScoreRules,
  edition: number,
): TableStates<ReputationState> {
  return {
    get: (subject) => states.get(subject),
    checkpoint: (partition) => states.checkpoint(partition),
    async apply(partition, records, nextOffset) {
      await states.apply(partition, records, nextOffset);
      for (const key of new Set(records.map(keyOf))) {
        const subject = subjectOfEdition(key, edition);
        if (subject === null) continue;
        const state = states.get(key);
        schedule.set(partition, subject, state ? dueAt(state, rules) : null);
      }
    },
    async reset(partition) {
      schedule.forget(partition);
      await states.reset(partition);
    },
  };
}

const keyOf = ({ key }: StoredRecord): string => key?.toString('utf8') ?? '';

export interface TickerOptions {
  readonly schedule: Schedule;
  readonly partitions: () => readonly number[];
  readonly append: (records: readonly LogRecord[]) => Promise<unknown>;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
}

/**
 * Notes in the log that time has passed for identities of which nothing is heard: a timer's only effect is a record, so a
 * replay closes the same minutes. A tick that is written twice does no harm.
 */
export function startTicker(options: TickerOptions): Stoppable {
  const stopping = new AbortController();
  const running = tickForEver(options, stopping.signal);
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

async function tickForEver(options: TickerOptions, stopping: AbortSignal): Promise<void> {
  const { schedule, partitions, append, codec, clock, telemetry } = options;
  while (!stopping.aborted) {
    const at = clock.now();
    const records = schedule.take(partitions(), at).map(({ partition, subject }): LogRecord => {
      const facts = { eventId: `tick:${at}`, subject, kind: 'ticked', at, tenant: '', type: 'unknown' } as const;
      const value = codec.encode(topics.reputation, signal(facts));
      return { topic: topics.reputation.name, key: subject, value, partition };
    });
    try {
      await append(records);
    } catch (error) {
      // They are due again soon, and the broker's absence is told elsewhere too.
      if (!stopping.aborted) telemetry.log('warn', 'ticks could not be written', { ticks: records.length, error });
    }
    await clock.sleep(LOOK_MS, stopping);
  }
}
