import { type Command, InvalidArgumentError } from 'commander';
import { OWN_SESSION_VARIABLE } from '../../config/environment.ts';
import type { Config } from '../../config/types.ts';
import { systemClock } from '../../host/clock.ts';
import type { Host } from '../../host/host.ts';
import { type HealthOptions, HealthServer } from '../../http/health.ts';
import { type Deference, giveWay, NICENESS_MAX } from '../../infra/give-way.ts';
import { follow } from '../../secrets/follow.ts';
import type { ProcessTelemetry } from '../../telemetry/telemetry.ts';
import { configOf } from '../catalog.ts';
import type { CliContext } from '../context.ts';
import { openTelemetry, withHost } from '../open-host.ts';
import type { RunningRole } from '../roles.ts';
import { RunProgress, runRoles } from '../run-roles.ts';

interface RunOptions {
  readonly config?: string;
  readonly queues?: readonly string[];
  readonly types?: readonly string[];
  readonly niceness?: Deference;
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
    .option('--types <names>', 'only these email types, separated by commas (router)', parseList)
    .option(
      '--niceness <count>',
      'how far this process gives way to others on a busy machine: 0 to 19, or idle, to run only when nothing else wants to',
      parseNiceness,
    )
    .addHelpText('after', () => roleHelp(context))
    .action((names: string[], options: RunOptions) => run(context, names, options));
}

async function run(context: CliContext, names: readonly string[], options: RunOptions): Promise<void> {
  // Before there are other threads: they begin with the priority of the one that makes them.
  const ownSession = context.environment[OWN_SESSION_VARIABLE] !== undefined;
  const lacking = options.niceness === undefined ? null : giveWay(options.niceness, { ownSession });
  const config = configOf(context, options.config);
  const telemetry = await openTelemetry(config, names.join('+'));
  if (lacking !== null) telemetry.log('warn', 'it gives way less than it was asked to', { lacking });
  const progress = new RunProgress();
  // First of all, so that a process that waits for the broker or the registry can say so.
  const health = await HealthServer.start({
    ...config.http,
    ...checksOf(progress, config),
    metrics: telemetry.metrics,
    clock: systemClock,
  });
  telemetry.log('info', 'health and metrics are served', { url: health.url });
  try {
    await withHost(config, { telemetry, name: names.join('+') }, async (host) => {
      await followAddressKey(host, telemetry);
      const roleContext = {
        config,
        environment: context.environment,
        queues: options.queues ?? null,
        types: options.types ?? null,
        host,
      };
      return runRoles(context, { names, roleContext, drainMs: config.worker.drainMs, progress, telemetry });
    });
  } finally {
    await health.stop();
    await telemetry.stop();
  }
}

/** Addresses in logs are hashed under the key as it is now. */
async function followAddressKey({ config, secrets }: Host, telemetry: ProcessTelemetry): Promise<void> {
  const { addressKey } = config.logs;
  if (addressKey === null) return;
  const build = async () => telemetry.useAddressKey((await secrets.resolve(addressKey)).bytes());
  await follow({ secrets, telemetry, what: 'address key', references: [addressKey], build });
}

/** Ready when every role runs and has had a sign of life from the broker within a session. */
function checksOf(progress: RunProgress, config: Config): Pick<HealthOptions, 'alive' | 'ready'> {
  const alive = [{ name: 'roles', check: () => (progress.death === undefined ? null : 'a role ended') }];
  const isSilent = (role: RunningRole) => (role.idleMs?.() ?? 0) > config.kafka.sessionTimeoutMs;
  const check = () => {
    if (progress.phase !== 'running') return progress.phase;
    const silent = [...progress.running].filter(([, role]) => isSilent(role)).map(([name]) => name);
    return silent.length === 0 ? null : `no sign of life from the broker: ${silent.join(', ')}`;
  };
  return { alive, ready: [...alive, { name: 'intake', check }] };
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

function parseNiceness(text: string): Deference {
  if (text === 'idle') return text;
  const niceness = Number(text);
  if (/^\d+$/.test(text) && niceness <= NICENESS_MAX) return niceness;
  throw new InvalidArgumentError(`a whole number from 0 to ${NICENESS_MAX}, or idle, is expected`);
}
