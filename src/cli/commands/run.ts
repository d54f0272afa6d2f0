import { type Command, InvalidArgumentError } from 'commander';
import { loadConfig } from '../../config/load.ts';
import { locateConfig } from '../../config/locate.ts';
import type { CliContext } from '../context.ts';
import { runRoles } from '../run-roles.ts';

interface RunOptions {
  readonly config?: string;
  readonly queues?: readonly string[];
}

/** `postlane run <role…>`: roles in this process, as production runs them. */
export function register(program: Command, context: CliContext): void {
  program
    .command('run')
    .summary('run one or more roles in this process')
    .description(
      'Runs roles in this process until SIGTERM or SIGINT, and drains them: intake stops, what is in flight settles, offsets ' +
        'are committed. Ends with a failure when a role cannot go on, so that whatever supervises it starts it again.',
    )
    .argument('<role...>', `what to run: ${roleNames(context)}`)
    .option('--config <file>', 'configuration (default: postlane.yaml)')
    .option('--queues <names>', 'only these queues, separated by commas (workers)', parseList)
    .addHelpText('after', () => roleHelp(context))
    .action(async (names: string[], options: RunOptions) => {
      const { environment, workingDirectory } = context;
      const path = locateConfig(options.config, environment, workingDirectory);
      const config = loadConfig({ env: environment, path });
      const roleContext = { config, environment, queues: options.queues ?? null };
      await runRoles(context, { names, roleContext, drainMs: config.worker.drainMs });
    });
}

const roleNames = (context: CliContext): string => Object.keys(context.roles).join(', ') || '(none)';

function roleHelp(context: CliContext): string {
  const entries = Object.entries(context.roles);
  const width = Math.max(0, ...entries.map(([name]) => name.length));
  return ['', 'Roles:', ...entries.map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`)].join('\n');
}

function parseList(text: string): readonly string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.some((name) => name === '')) throw new InvalidArgumentError('names separated by commas are expected');
  return names;
}
