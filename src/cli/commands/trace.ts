import { type Command, InvalidArgumentError } from 'commander';
import type { CliContext } from '../context.ts';
import { openPipeline } from '../open-pipeline.ts';
import { readTrails } from '../trail-reader.ts';
import { trailText } from '../trail-text.ts';

interface TraceOptions {
  readonly config?: string;
  readonly tenant?: string;
  readonly limit: number;
  readonly json?: true;
}

const LIMIT = 20;
const LIMIT_MAX = 100_000;
const EXIT_NOTHING = 1;

/** `postlane trace <id|address>`: all that is known of a mail, or of all mails to an address. */
export function register(program: Command, context: CliContext): void {
  program
    .command('trace')
    .summary('show all that is known of a mail, or of the mails to an address')
    .description(
      'Reads what was accepted and what became of it out of the topics themselves: every attempt with its reply, the ending, ' +
        'later news, and what a mail waits for. Ends with 1 where nothing is known.',
    )
    .argument('<id-or-address>', 'id of a job, or address of a recipient')
    .option('--tenant <name>', 'only mails of this tenant')
    .option('--limit <count>', 'mails at most, newest first', parseLimit, LIMIT)
    .option('--config <file>', 'configuration file (default: POSTLANE_CONFIG, then ./postlane.yaml)')
    .option('--json', 'one JSON object per mail and line')
    .action(async (text: string, options: TraceOptions) => {
      const access = await openPipeline(context, options.config, 'trace');
      const found = await readTrails(access, { text, tenant: options.tenant ?? null }, context.interrupted);
      for (const trail of found.slice(0, options.limit)) {
        context.print(options.json ? `${JSON.stringify(trail)}\n` : trailText(trail, Date.now()));
      }
      if (found.length > options.limit) context.tell(`${found.length - options.limit} more; --limit shows them`);
      if (found.length === 0) {
        context.tell('nothing is known of it');
        context.setExitStatus(EXIT_NOTHING);
      }
    });
}

function parseLimit(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= LIMIT_MAX) return count;
  throw new InvalidArgumentError(`a whole number from 1 to ${LIMIT_MAX} is expected`);
}
