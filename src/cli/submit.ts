import type { JobPublisher } from '../../producers/publisher/publisher.ts';
import { isPostlaneError } from '../domain/error.ts';
import type { EmailJobInput } from '../domain/job-input.ts';
import { type NdjsonLine, readNdjson } from '../rows/ndjson.ts';

/** A line that did not become a job in the log. */
export interface BadLine {
  readonly line: number;
  /** A `LineProblem` or a `PublishProblem`. */
  readonly problem: string;
  readonly detail: string;
  /** The line as it was; of one that is too long, its beginning. */
  readonly text: string;
}

export interface SubmitOptions {
  readonly chunks: AsyncIterable<Uint8Array>;
  readonly publisher: Pick<JobPublisher, 'publish' | 'room' | 'flush'>;
  readonly lineBytesMax: number;
  /** Jobs without an id get `<prefix>-<line number>`, so that the same file can be submitted again. Null: a new id each. */
  readonly idPrefix: string | null;
  /** Told of bad lines; reading waits for it. */
  readonly onBad: (bad: BadLine) => void | Promise<void>;
  /** Told after every line. */
  readonly onLine: (counts: SubmitCounts) => void;
  /** Stops reading; what was read is still published. */
  readonly signal: AbortSignal;
}

export interface SubmitCounts {
  /** Lines that were read and not blank. */
  lines: number;
  published: number;
  bad: number;
  /** Lines that no broker took. */
  failed: number;
}

export interface SubmitOutcome extends SubmitCounts {
  /** Of the first line that failed. */
  readonly firstFailedLine: number | null;
  readonly failure: unknown;
  /** The last line that was read; 0: none. */
  readonly lastLine: number;
}

/**
 * Publishes the jobs of an NDJSON file, one per line. A bad line is told and passed over. A job that no broker takes ends the
 * reading: the ones after it would fare no better. Memory does not grow with the file.
 */
export async function submitJobs(options: SubmitOptions): Promise<SubmitOutcome> {
  const { publisher, signal, onLine, onBad } = options;
  const counts: SubmitCounts = { lines: 0, published: 0, bad: 0, failed: 0 };
  const firstFailure: { line: number | null; error: unknown } = { line: null, error: null };
  let lastLine = 0;
  let telling: Promise<void> = Promise.resolve();
  const reject = (line: NdjsonLine, problem: string, detail: string): void => {
    counts.bad++;
    telling = telling.then(() => onBad({ line: line.number, problem, detail, text: line.text }));
  };
  const publish = async (line: NdjsonLine & { ok: true }): Promise<void> => {
    try {
      await publisher.publish(withId(line, options.idPrefix));
      counts.published++;
    } catch (error) {
      if (isPostlaneError(error, 'JOB_REFUSED')) {
        return reject(line, String(error.facts.problem), String(error.facts.detail));
      }
      counts.failed++;
      // Jobs fail in the order in which they were read.
      if (firstFailure.line !== null) return;
      firstFailure.line = line.number;
      firstFailure.error = error;
    }
  };
  const pending = new Set<Promise<void>>();
  for await (const line of readNdjson(options.chunks, options.lineBytesMax)) {
    counts.lines++;
    lastLine = line.number;
    if (line.ok) {
      const publishing = publish(line).finally(() => pending.delete(publishing));
      pending.add(publishing);
    } else {
      reject(line, line.problem, line.detail);
    }
    onLine(counts);
    await publisher.room();
    await telling;
    if (firstFailure.line !== null || signal.aborted) break;
  }
  await publisher.flush();
  await Promise.all(pending);
  await telling;
  return { ...counts, lastLine, firstFailedLine: firstFailure.line, failure: firstFailure.error };
}

function withId({ number, value }: NdjsonLine & { ok: true }, prefix: string | null): EmailJobInput {
  // Whatever it is: publishing checks it.
  const input = value as EmailJobInput;
  if (prefix === null || typeof input !== 'object' || input === null || Array.isArray(input)) return input;
  return input.id === undefined ? { ...input, id: `${prefix}-${number}` } : input;
}
