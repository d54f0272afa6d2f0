import { type Command, Option } from 'commander';
import { FEEDBACK_FORMATS, type FeedbackFormat } from '../../domain/feedback/report.ts';
import type { CliContext } from '../context.ts';
import { explainFile } from '../feedback-text.ts';
import { visible } from '../visible.ts';

interface ExplainOptions {
  readonly as?: FeedbackFormat;
}

/** `postlane feedback explain`: how bounces, complaints and callbacks are read, without sending or suppressing anything. */
export function register(program: Command, context: CliContext): void {
  const feedback = program.command('feedback').description('look into bounces, complaints and callbacks of providers');
  feedback
    .command('explain')
    .description(
      'Reads files as the feedback pipeline does, and prints one JSON object per file on a line: what it is, and for each ' +
        'recipient the class, the rule that fired and why. Nothing is sent or suppressed. Ends with 1 where a file could ' +
        'not be read; the others are explained all the same.',
    )
    .argument('<file...>', 'mails or bodies of webhooks; - for standard input')
    .addOption(
      new Option('--as <format>', 'what the files are (default: found out for each)').choices([...FEEDBACK_FORMATS]),
    )
    .action(async (files: readonly string[], options: ExplainOptions) => {
      for (const file of files) {
        if (context.interrupted.aborted) break;
        const explained = await explainFile(file, options.as ?? null, context.workingDirectory);
        if (explained.ok) context.print(`${explained.json}\n`);
        else {
          context.tell(`${visible(file)}: ${explained.problem}`);
          context.setExitStatus(1);
        }
      }
    });
}
