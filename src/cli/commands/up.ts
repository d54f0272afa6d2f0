import { join, resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { PRESET_NAMES, type PresetName } from '../../config/presets.ts';
import { PostlaneError } from '../../domain/error.ts';
import { packageRoot } from '../../infra/package-root.ts';
import { PROVIDER_NAMES, type ProviderName } from '../../infra/provider.ts';
import type { CliContext } from '../context.ts';
import { DATA_DIRECTORY } from '../data-directory.ts';
import { demo } from '../demo.ts';
import { untilAborted } from '../until-aborted.ts';
import { startStack } from '../up.ts';
import { statusTable } from './status.ts';

/** Mails that the demo sends unless told otherwise. */
const DEMO_COUNT = 200;
const DEMO_COUNT_MAX = 1_000_000;

interface UpCommandOptions {
  readonly data: string;
  /** `false`: `--no-demo`. */
  readonly demo: number | false;
  readonly exit?: true;
  readonly json?: true;
  readonly infra?: ProviderName;
  readonly preset?: PresetName;
  readonly config?: string;
}

/** `postlane up`: everything on this machine, until Ctrl-C. */
export function register(program: Command, context: CliContext): void {
  program
    .command('up')
    .summary('start everything on this machine')
    .description(
      'Finds or starts broker, registry and Redis (addresses given in KAFKA_BROKERS, SCHEMA_REGISTRY_URL and REDIS_URL; else ' +
        'Docker; else processes of this machine), applies topics and schemas, starts every role, sends a demo load, and ' +
        'stays up until Ctrl-C.',
    )
    .option('--demo <mails>', 'size of the demo load', parseCount, DEMO_COUNT)
    .option('--no-demo', 'send no demo load')
    .option(
      '--exit',
      'end when the demo load has ended; status 1 if a mail was lost, doubled or ended otherwise than meant',
    )
    .option('--json', 'print the summary as one JSON object on the last line')
    .addOption(new Option('--preset <name>', 'with the configuration of this preset').choices(PRESET_NAMES))
    .addOption(new Option('--config <file>', 'with this configuration (default: postlane.yaml)').conflicts('preset'))
    .addOption(new Option('--infra <provider>', 'where the infrastructure comes from').choices(PROVIDER_NAMES))
    .option('--data <dir>', 'where to keep data and logs', DATA_DIRECTORY)
    .action((options: UpCommandOptions) => up(context, options));
}

async function up(given: CliContext, options: UpCommandOptions): Promise<void> {
  const context = configured(given, options);
  const starting = startStack(context, { dataDirectory: options.data, provider: options.infra });
  const stack = await Promise.race([starting, untilAborted(context.interrupted)]);
  // Started halfway: what there is ends with this process, which its guards see to.
  if (stack === undefined) throw new PostlaneError('STOPPED', { what: 'interrupted while it started' });
  try {
    if (!options.json) context.print(statusTable(stack.status()));
    if (options.demo !== false) {
      const conserved = await demo(context, stack, { mails: options.demo, json: options.json === true });
      if (!conserved) context.setExitStatus(1);
    }
    if (!options.exit) {
      context.tell('Ctrl-C ends it');
      await untilAborted(context.interrupted);
    }
  } finally {
    // The summary is the last line, also where both streams go to one place.
    if (!options.exit || !options.json) context.tell('stopping');
    await stack.stop();
  }
}

/** The configuration of a preset is the package's demo, which says where its mails go, with everything else by the preset. */
function configured(context: CliContext, { preset, config }: UpCommandOptions): CliContext {
  const changes =
    preset !== undefined
      ? { POSTLANE_CONFIG: join(packageRoot(), PRESET_DEMO_FILE), POSTLANE_PRESET: preset }
      : config !== undefined
        ? { POSTLANE_CONFIG: resolve(context.workingDirectory, config) }
        : null;
  if (changes === null) return context;
  context.tell(`configuration: ${preset === undefined ? config : `preset ${preset}`}`);
  return { ...context, environment: { ...context.environment, ...changes } };
}

const PRESET_DEMO_FILE = join('examples', 'presets', 'demo.yaml');

function parseCount(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 0 && count <= DEMO_COUNT_MAX) return count;
  throw new InvalidArgumentError(`a whole number from 0 to ${DEMO_COUNT_MAX} is expected`);
}
