import { once } from 'node:events';
import { createReadStream, createWriteStream, type WriteStream } from 'node:fs';
import { resolve } from 'node:path';
import { stderr, stdin } from 'node:process';
import type { Readable } from 'node:stream';
import { type Command, InvalidArgumentError } from 'commander';
import { createPublisher } from '../../../producers/publisher/create.ts';
import { PostlaneError } from '../../domain/error.ts';
import { connectionOf } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { ProgressLine } from '../progress-line.ts';
import { type BadLine, type SubmitCounts, type SubmitOutcome, submitJobs } from '../submit.ts';
import { visible } from '../visible.ts';

interface SubmitCommandOptions {
  readonly config?: string;
  readonly errors?: string;
  readonly idPrefix?: string;
  readonly json?: true;
}

const EXIT_FAILED = 1;
const EXIT_BAD_LINES = 2;
const EXIT_INTERRUPTED = 130;
/** Escapes and base64 make a job's line longer than the job; beyond this many times it is no job in any case. */
const LINE_PER_JOB_MAX = 8;

/** `postlane submit FILE`: jobs from a file of NDJSON. */
export function register(program: Command, context: CliContext): void {
  program
    .command('submit')
    .summary('publish jobs from a file, one JSON object per line')
    .description(
      'Publishes the jobs of an NDJSON file, in constant memory. A line that is no job is reported with its number and the ' +
        'reason, and the rest goes through. Ends with 0 where every line was published, 2 where some were bad, and 1 where ' +
        'the brokers did not take all of them.',
    )
    .argument('<file>', 'NDJSON file; - for standard input')
    .option('--config <file>', 'configuration file (default: POSTLANE_CONFIG, then ./postlane.yaml)')
    .option('--errors <file>', 'write bad lines to this file too: NDJSON of {line, problem, detail, text}')
    .option(
      '--id-prefix <text>',
      'give a job without an id the id <text>-<line>, so that submitting the file again sends nothing twice',
      parsePrefix,
    )
    .option('--json', 'print the summary as one JSON object')
    .action(async (file: string, options: SubmitCommandOptions) => {
      const startedAt = performance.now();
      const outcome = await submitFile(file, options, context);
      const durationMs = Math.round(performance.now() - startedAt);
      context.print(options.json ? `${summaryJson(outcome, durationMs)}\n` : summaryText(outcome, durationMs));
      if (outcome.failed > 0) tellFailure(outcome, context);
      else if (context.interrupted.aborted) context.tell(`stopped after line ${outcome.lastLine}`);
      context.setExitStatus(statusOf(outcome, context.interrupted.aborted));
    });
}

async function submitFile(file: string, options: SubmitCommandOptions, context: CliContext): Promise<SubmitOutcome> {
  const connection = await connectionOf(context, options.config);
  // Opened before anything is published: a file that cannot be read or written is no reason to stop half-way.
  const input = file === '-' ? stdin : await opened(createReadStream(resolve(context.workingDirectory, file)), file);
  const errors = options.errors ? await errorFile(resolve(context.workingDirectory, options.errors)) : null;
  const publisher = await createPublisher({ ...connection, clientId: `${connection.clientId}-submit` });
  const rate = rateOf();
  const counts: { now: SubmitCounts } = { now: { lines: 0, published: 0, bad: 0, failed: 0 } };
  const progress = new ProgressLine(stderr, () => progressText(counts.now, rate(counts.now.published)));
  const interrupt = () => input.destroy();
  context.interrupted.addEventListener('abort', interrupt, { once: true });
  try {
    return await submitJobs({
      chunks: untilDestroyed(input),
      publisher,
      lineBytesMax: connection.jobBytesMax * LINE_PER_JOB_MAX,
      idPrefix: options.idPrefix ?? null,
      signal: context.interrupted,
      onLine: (now) => {
        counts.now = now;
        progress.tick();
      },
      onBad: async (bad) => {
        progress.clear();
        context.tell(badLineText(bad));
        if (errors && !errors.write(`${JSON.stringify(bad)}\n`)) await once(errors, 'drain');
      },
    });
  } finally {
    progress.clear();
    context.interrupted.removeEventListener('abort', interrupt);
    await publisher.close();
    if (errors) await new Promise<void>((done) => errors.end(done));
  }
}

async function opened<S extends Readable | WriteStream>(stream: S, file: string): Promise<S> {
  try {
    await once(stream, 'open');
    return stream;
  } catch (cause) {
    throw new PostlaneError('CONFIG_INVALID', { what: 'a file cannot be opened', file }, { cause });
  }
}

const errorFile = (path: string): Promise<WriteStream> => opened(createWriteStream(path), path);

/** An interruption destroys the stream; what was read of it until then is not an error. */
async function* untilDestroyed(input: Readable): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of input) yield chunk as Uint8Array;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  }
}

const badLineText = ({ line, problem, detail }: BadLine): string =>
  `line ${line}: ${problem}${detail === '' ? '' : ` (${visible(detail)})`}`;

const count = (number: number): string => number.toLocaleString('en');

const progressText = ({ published, bad }: SubmitCounts, perSecond: number): string =>
  `${count(published)} published, ${count(bad)} bad, ${count(perSecond)}/s`;

const RATE_WINDOW_MS = 1_000;

/** Rate of a growing count over about the last second. */
function rateOf(): (value: number) => number {
  let before = { value: 0, at: performance.now() };
  let rate = 0;
  return (value) => {
    const elapsedMs = performance.now() - before.at;
    if (elapsedMs >= RATE_WINDOW_MS) {
      rate = Math.round(((value - before.value) / elapsedMs) * 1_000);
      before = { value, at: performance.now() };
    }
    return rate;
  };
}

const perSecondOf = (published: number, durationMs: number): number =>
  Math.round((published / Math.max(1, durationMs)) * 1_000);

function summaryText({ lines, published, bad, failed }: SubmitOutcome, durationMs: number): string {
  const rate = count(perSecondOf(published, durationMs));
  const rest = failed > 0 ? `, ${count(failed)} not taken` : '';
  return `${count(lines)} lines: ${count(published)} published, ${count(bad)} bad${rest}; ${rate}/s\n`;
}

function summaryJson({ lines, published, bad, failed, firstFailedLine }: SubmitOutcome, durationMs: number): string {
  const perSecond = perSecondOf(published, durationMs);
  return JSON.stringify({ lines, published, bad, failed, firstFailedLine, durationMs, perSecond });
}

function tellFailure({ firstFailedLine, failure }: SubmitOutcome, context: CliContext): void {
  context.tell(
    `line ${firstFailedLine} was not taken: ${failure instanceof Error ? failure.message : String(failure)}`,
  );
  context.tell('jobs with ids of their own (or --id-prefix) can be submitted again: none is sent twice');
}

function statusOf({ failed, bad }: SubmitOutcome, interrupted: boolean): number {
  if (failed > 0) return EXIT_FAILED;
  if (interrupted) return EXIT_INTERRUPTED;
  return bad > 0 ? EXIT_BAD_LINES : 0;
}

const PREFIX_LENGTH_MAX = 200;

function parsePrefix(text: string): string {
  if (text === '' || text.length > PREFIX_LENGTH_MAX) {
    throw new InvalidArgumentError(`1 to ${PREFIX_LENGTH_MAX} characters are expected`);
  }
  return text;
}
