import { type Command, InvalidArgumentError } from 'commander';
import { loadConfig } from '../../config/load.ts';
import { locateConfig } from '../../config/locate.ts';
import type { CliContext } from '../context.ts';
import { type Health, serveHealth } from '../health-server.ts';
import { RunProgress, runRoles } from '../run-roles.ts';
import { lineTelemetry } from '../telemetry.ts';

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
    .action((names: string[], options: RunOptions) => run(context, names, options));
}

async function run(context: CliContext, names: readonly string[], options: RunOptions): Promise<void> {
  const { environment, workingDirectory } = context;
  const config = loadConfig({ env: environment, path: locateConfig(options.config, environment, workingDirectory) });
  const telemetry = lineTelemetry(config.logs, context.tell);
  const progress = new RunProgress();
  // First of all, so that a process that waits for the broker or the registry can say so.
  const health = await serveHealth(healthOf(progress, config.kafka.sessionTimeoutMs), config.http);
  try {
    const { openHost } = await import('../../host/host.ts');
    const host = await openHost(config, telemetry);
    try {
      const roleContext = { config, environment, queues: options.queues ?? null, host };
      await runRoles(context, { names, roleContext, drainMs: config.worker.drainMs, progress });
    } finally {
      await host.close();
    }
  } finally {
    await health.close();
  }
}

/** Ready when every role runs and has had a sign of life from the broker within a session. */
function healthOf(progress: RunProgress, sessionTimeoutMs: number): Health {
  return {
    failure: () => (progress.death === undefined ? null : String(progress.death)),
    waitingFor: () => {
      if (progress.phase !== 'running') return progress.phase;
      const silent = [...progress.running].filter(([, role]) => (role.idleMs?.() ?? 0) > sessionTimeoutMs);
      return silent.length === 0 ? null : `no sign of life from the broker: ${silent.map(([name]) => name).join(', ')}`;
    },
    metrics: async () => '',
  };
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
