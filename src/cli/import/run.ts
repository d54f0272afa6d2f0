import type { ImportCounts } from '../../../producers/import/checkpoint.ts';
import type { BadLine } from '../../../producers/import/error-file.ts';
import { type Imported, importRows } from '../../../producers/import/import.ts';
import { systemClock } from '../../host/clock.ts';
import type { KafkaClient } from '../../kafka/client.ts';
import { Publisher } from '../../kafka/publisher.ts';
import type { RowFile } from '../../rows/open.ts';
import type { GoodRow } from '../../rows/row.ts';
import type { CliContext } from '../context.ts';
import { visible } from '../visible.ts';
import { ImportProgress } from './progress.ts';
import { keepHeapSmall } from './small-heap.ts';
import type { ImportState } from './state.ts';

export interface RunParts {
  readonly file: RowFile;
  readonly state: ImportState;
  readonly kafka: KafkaClient;
  readonly accept: (row: GoodRow) => Imported;
  readonly rowsPerSecond: number | null;
}

/** What one run of an import did. */
export interface RunOutcome {
  /** Of the whole import. */
  readonly counts: ImportCounts;
  /** Rows that runs before it had done. */
  readonly resumedRows: number;
  readonly isDone: boolean;
  readonly durationMs: number;
}

/** Bad rows that are told as they come; the file has all. */
const TOLD_MAX = 10;
const REQUEST_MS_MAX = 30_000;

/** Imports from where the state is to the end, or to an interruption. */
export async function runImport(parts: RunParts, context: CliContext): Promise<RunOutcome> {
  const { file, state, kafka, accept, rowsPerSecond } = parts;
  keepHeapSmall();
  const publisher = new Publisher({ kafka, deliveryTimeoutMs: REQUEST_MS_MAX });
  const { place, counts: before } = state.reached;
  const progress = new ImportProgress(before, () => file.share, context.tell);
  const told = { bad: 0, isWaiting: false };
  const interrupt = (): void => file.close();
  context.interrupted.addEventListener('abort', interrupt, { once: true });
  const startedAt = performance.now();
  const tellBad = (bad: readonly BadLine[]): void => {
    progress.clear();
    for (const { line, problem, detail } of bad.slice(0, Math.max(0, TOLD_MAX - told.bad))) {
      context.tell(`line ${line}: ${problem}${detail === '' ? '' : ` (${visible(detail)})`}`);
    }
    if (told.bad < TOLD_MAX && told.bad + bad.length >= TOLD_MAX) {
      context.tell(`further bad lines are in ${state.errorsPath} only`);
    }
    told.bad += bad.length;
  };
  try {
    const { counts } = await importRows({
      rows: untilClosed(file.rows(place), context.interrupted),
      from: { place, counts: before },
      accept,
      append: (records) => publisher.append(records),
      errors: state.errors,
      save: (to, reached) => state.save(to, reached),
      rowsPerSecond,
      clock: systemClock,
      signal: context.interrupted,
      onProgress: (reached) => {
        told.isWaiting = false;
        progress.update(reached);
      },
      onBad: tellBad,
      onRetry: () => {
        if (told.isWaiting) return;
        told.isWaiting = true;
        progress.clear();
        context.tell('the brokers do not answer; trying again');
      },
    });
    const isDone = !context.interrupted.aborted;
    if (isDone) await state.finish();
    return { counts, resumedRows: before.rows, isDone, durationMs: Math.round(performance.now() - startedAt) };
  } catch (error) {
    progress.clear();
    context.tell(`stopped behind line ${state.reached.place.lines} or later: the same command goes on`);
    throw error;
  } finally {
    progress.clear();
    context.interrupted.removeEventListener('abort', interrupt);
    file.close();
    await publisher.close();
  }
}

/** An interruption closes the file; what was read of it until then is not an error. */
async function* untilClosed<T>(rows: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  try {
    yield* rows;
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
