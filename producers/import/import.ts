import { setImmediate } from 'node:timers/promises';
import { isPostlaneError } from '../../src/domain/error.ts';
import { SECOND_MS } from '../../src/domain/time.ts';
import { isRefused } from '../../src/kafka/errors.ts';
import type { GoodRow, Place, Row } from '../../src/rows/row.ts';
import type { Clock, LogRecord } from '../../src/runtime/ports.ts';
import type { ImportCounts } from './checkpoint.ts';
import type { BadLine, ErrorFile } from './error-file.ts';
import { Pace } from './pace.ts';

/** What a row became: a record, or the reason why it is none. */
export type Imported =
  | { readonly ok: true; readonly record: LogRecord }
  | { readonly ok: false; readonly problem: string; readonly detail: string };

export interface ImportParts {
  readonly rows: AsyncIterable<readonly Row[]>;
  /** Where the rows begin, and what was counted before. */
  readonly from: { readonly place: Place; readonly counts: ImportCounts };
  readonly accept: (row: GoodRow) => Imported;
  /** Settles when all of the records are on every in-sync replica. */
  readonly append: (records: readonly LogRecord[]) => Promise<unknown>;
  readonly errors: Pick<ErrorFile, 'write'>;
  /** Keeps how far the import is. Called now and then, and at the end. */
  readonly save: (place: Place, counts: ImportCounts) => Promise<void>;
  readonly rowsPerSecond: number | null;
  readonly clock: Clock;
  /** Stops: what is under way is awaited, and the place is saved. */
  readonly signal: AbortSignal;
  readonly onProgress: (counts: ImportCounts, place: Place) => void;
  /** Told of bad rows as they are written down. */
  readonly onBad: (bad: readonly BadLine[]) => void;
  /** Told when the brokers do not answer, and it is tried again. */
  readonly onRetry: (error: unknown) => void;
}

/** Rows that are appended together. A kill makes this many times `BATCHES_MAX` rows, and those of a second, be read again. */
const BATCH_ROWS_MAX = 500;
const BATCH_BYTES_MAX = 450_000;
/** So many rows are made in one go; then what has come from the brokers has its turn, and the next request goes out. */
const TURN_ROWS = 100;
/** Batches under way: one is made while others are on the wire. */
const BATCHES_MAX = 4;
/** Paced rows go in batches of a tenth of a second. */
const PACED_BATCHES_PER_SECOND = 10;
const SAVE_EVERY_MS = SECOND_MS;
const RETRY_MS_MIN = 200;
const RETRY_MS_MAX = 5 * SECOND_MS;
/** Brokers that are away for longer end the import, which can be gone on with. */
const PATIENCE_MS = 120 * SECOND_MS;

interface Batch {
  readonly records: LogRecord[];
  readonly bad: BadLine[];
  bytes: number;
  end: Place;
}

/**
 * Appends the rows of a file, in constant memory, a bounded number at a time. A bad row goes to the error file and ends nothing.
 *
 * What is saved is never ahead of what is appended and written down, so whoever goes on from there loses no row; rows behind it
 * may be appended a second time, under the same ids and with the same content. Throws KAFKA_UNAVAILABLE when the brokers are away for too long.
 */
export async function importRows(
  parts: ImportParts,
): Promise<{ readonly place: Place; readonly counts: ImportCounts }> {
  const { rowsPerSecond, signal, clock } = parts;
  const run = new Run(parts);
  const pace = new Pace(rowsPerSecond);
  const rowsMax =
    rowsPerSecond === null
      ? BATCH_ROWS_MAX
      : Math.min(BATCH_ROWS_MAX, Math.ceil(rowsPerSecond / PACED_BATCHES_PER_SECOND));
  for await (const batch of batchesOf(parts, rowsMax)) {
    await clock.sleep(pace.take(batch.records.length, performance.now()), signal);
    // It did not have its turn: it is left for whoever goes on.
    if (signal.aborted) break;
    await run.add(batch);
  }
  return run.finish();
}

class Run {
  private readonly parts: ImportParts;
  private readonly underWay: { readonly batch: Batch; readonly appended: Promise<void> }[] = [];
  private place: Place;
  private counts: ImportCounts;
  private savedAt = performance.now();

  constructor(parts: ImportParts) {
    this.parts = parts;
    this.place = parts.from.place;
    this.counts = parts.from.counts;
  }

  async add(batch: Batch): Promise<void> {
    const appended = this.append(batch.records);
    appended.catch(() => undefined); // asked for below, in its turn
    this.underWay.push({ batch, appended });
    while (this.underWay.length >= (this.parts.rowsPerSecond === null ? BATCHES_MAX : 1)) await this.settleOldest();
  }

  async finish(): Promise<{ readonly place: Place; readonly counts: ImportCounts }> {
    while (this.underWay.length > 0) await this.settleOldest();
    await this.parts.save(this.place, this.counts);
    return { place: this.place, counts: this.counts };
  }

  /** In the order of the file, so that one place tells what is done. */
  private async settleOldest(): Promise<void> {
    const { errors, save, onBad, onProgress } = this.parts;
    const oldest = this.underWay.shift();
    if (oldest === undefined) return;
    const { records, bad, end } = oldest.batch;
    await oldest.appended;
    await errors.write(bad);
    if (bad.length > 0) onBad(bad);
    this.place = end;
    this.counts = {
      rows: this.counts.rows + records.length + bad.length,
      published: this.counts.published + records.length,
      refused: this.counts.refused + bad.length,
    };
    onProgress(this.counts, end);
    if (performance.now() - this.savedAt < SAVE_EVERY_MS) return;
    this.savedAt = performance.now();
    await save(this.place, this.counts);
  }

  private async append(records: readonly LogRecord[]): Promise<void> {
    const { append, clock, onRetry, signal } = this.parts;
    if (records.length === 0) return;
    const giveUpAt = performance.now() + PATIENCE_MS;
    for (let waitMs = RETRY_MS_MIN; ; waitMs = Math.min(2 * waitMs, RETRY_MS_MAX)) {
      try {
        await append(records);
        return;
      } catch (error) {
        const isHopeless = !isPostlaneError(error, 'KAFKA_UNAVAILABLE') || isRefused(error.cause);
        if (isHopeless || signal.aborted || performance.now() >= giveUpAt) throw error;
        onRetry(error);
        await clock.sleep(waitMs, signal);
      }
    }
  }
}

async function* batchesOf({ rows, from, accept, signal }: ImportParts, rowsMax: number): AsyncGenerator<Batch> {
  let batch = emptyBatch(from.place);
  let turn = 0;
  for await (const some of rows) {
    for (const row of some) {
      if (++turn % TURN_ROWS === 0) await setImmediate();
      if (signal.aborted) return;
      addRow(batch, row, accept);
      const { records, bad, bytes } = batch;
      if (records.length < rowsMax && bad.length < BATCH_ROWS_MAX && bytes < BATCH_BYTES_MAX) continue;
      yield batch;
      batch = emptyBatch(batch.end);
    }
  }
  if (batch.records.length + batch.bad.length > 0) yield batch;
}

const emptyBatch = (end: Place): Batch => ({ records: [], bad: [], bytes: 0, end });

function addRow(batch: Batch, row: Row, accept: ImportParts['accept']): void {
  const imported: Imported = row.ok ? accept(row) : row;
  if (imported.ok) {
    batch.records.push(imported.record);
    batch.bytes += imported.record.value?.length ?? 0;
  } else {
    const { problem, detail } = imported;
    batch.bad.push({ line: row.line, problem, detail, text: row.text() });
  }
  batch.end = row.end;
}
