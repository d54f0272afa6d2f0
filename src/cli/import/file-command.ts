import { type Command, Option } from 'commander';
import { SECOND_MS } from '../../domain/time.ts';
import { parseColumns, parseDelimiter } from './options.ts';
import { durationText } from './progress.ts';
import type { RunOutcome } from './run.ts';

export const EXIT_BAD_LINES = 2;
export const EXIT_INTERRUPTED = 130;

/** Options of commands that read a file of rows and keep their place in it. */
export const addFileOptions = (command: Command): Command =>
  command
    .addOption(
      new Option('--format <format>', 'format of the file (default: as its name or its beginning says)').choices([
        'csv',
        'ndjson',
      ]),
    )
    .option(
      '--delimiter <character>',
      'between fields: one character, or tab (default: the most frequent of , ; tab |)',
      parseDelimiter,
    )
    .option('--encoding <name>', 'as windows-1252 or utf-16le (default: as a byte order mark says, else UTF-8)')
    .option('--columns <names>', 'names of the columns, where the first line does not name them', parseColumns)
    .option(
      '--errors <file>',
      'where bad lines go: NDJSON of {line, problem, detail, text} (default: in the state directory)',
    )
    .option('--state <directory>', 'where its place is kept, for going on (default: beside the file)')
    .option('--restart', 'begin again from the first line')
    .option('--config <file>', 'configuration file (default: POSTLANE_CONFIG, then ./postlane.yaml)')
    .option('--json', 'print the summary as one JSON object');

export interface Summary extends RunOutcome {
  readonly importId: string;
}

const perSecond = ({ counts, resumedRows, durationMs }: Summary): number =>
  durationMs === 0 ? 0 : Math.round(((counts.rows - resumedRows) / durationMs) * SECOND_MS);

const count = (number: number): string => number.toLocaleString('en');

export function summaryOf(summary: Summary, errors: string): string {
  const { importId, counts, resumedRows, isDone, durationMs } = summary;
  return `${JSON.stringify({ importId, ...counts, resumedRows, isDone, durationMs, perSecond: perSecond(summary), errors })}\n`;
}

export function summaryText(summary: Summary, errors: string): string {
  const { rows, published, refused } = summary.counts;
  const lines = [`${count(rows)} rows: ${count(published)} published, ${count(refused)} refused`];
  if (refused > 0) lines.push(`refused rows are in ${errors}`);
  if (summary.durationMs > 0) lines.push(`${durationText(summary.durationMs)}, ${count(perSecond(summary))}/s`);
  return `${lines.join('\n')}\n`;
}
