import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { REGION_VARIABLE } from '../config/environment.ts';
import { packageRoot } from '../infra/package-root.ts';
import type { CliContext, ProcessContext } from './context.ts';
import { describeError } from './report-error.ts';

type Register = (program: Command, context: CliContext) => void;

/**
 * Every command by name, in the order of `--help`. Only the one that is asked for is loaded: a role that is started again
 * has its mails to think of, and must not wait for libraries that other commands need.
 */
const COMMANDS: Readonly<Record<string, () => Promise<Register>>> = {
  init: async () => (await import('./commands/init.ts')).register,
  up: async () => (await import('./commands/up.ts')).register,
  status: async () => (await import('./commands/status.ts')).register,
  run: async () => (await import('./commands/run.ts')).register,
  submit: async () => (await import('./commands/submit.ts')).register,
  import: async () => (await import('./commands/import.ts')).register,
  results: async () => (await import('./commands/results.ts')).register,
  trace: async () => (await import('./commands/trace.ts')).register,
  why: async () => (await import('./commands/why.ts')).register,
  'dead-letters': async () => (await import('./commands/dead-letters.ts')).register,
  keys: async () => (await import('./commands/keys.ts')).register,
  webhooks: async () => (await import('./commands/webhooks.ts')).register,
  suppressions: async () => (await import('./commands/suppressions.ts')).register,
  templates: async () => (await import('./commands/templates.ts')).register,
  feedback: async () => (await import('./commands/feedback.ts')).register,
  rules: async () => (await import('./commands/rules.ts')).register,
  providers: async () => (await import('./commands/providers.ts')).register,
  reputation: async () => (await import('./commands/reputation.ts')).register,
  warmup: async () => (await import('./commands/reputation.ts')).registerWarmUp,
  replay: async () => (await import('./commands/replay.ts')).register,
  simulate: async () => (await import('./commands/simulate.ts')).register,
  simulator: async () => (await import('./commands/simulator.ts')).register,
  dns: async () => (await import('./commands/dns.ts')).register,
  dkim: async () => (await import('./commands/dkim.ts')).register,
  secrets: async () => (await import('./commands/secrets.ts')).register,
  placement: async () => (await import('./commands/placement.ts')).register,
  topics: async () => (await import('./commands/topics.ts')).register,
  schemas: async () => (await import('./commands/schemas.ts')).register,
  config: async () => {
    const { register } = await import('./commands/config.ts');
    return (program, context) =>
      register(program, {
        get env() {
          return context.environment;
        },
        workingDirectory: context.workingDirectory,
        print: (line) => context.print(`${line}\n`),
        complain: context.tell,
        exitWith: context.setExitStatus,
      });
  },
};

/** The command line with the commands of these names; by default all of them. */
export async function createProgram(context: CliContext, names: readonly string[] = Object.keys(COMMANDS)) {
  const program = new Command('postlane')
    .description('Email delivery as a Kafka stream-processing pipeline')
    .version(packageVersion())
    .option('--verbose', 'show where errors come from')
    .option('--region <name>', 'the region that is meant, where the configuration has several (or POSTLANE_REGION)')
    .configureOutput({ writeOut: context.print, writeErr: (text) => context.tell(text.trimEnd()) })
    .showHelpAfterError('(--help shows what there is)')
    .exitOverride();
  for (const name of names) (await COMMANDS[name]?.())?.(program, context);
  return program;
}

/** Runs a command line and answers the status to end with. Errors are told; none is thrown. */
export async function runProgram(args: readonly string[], context: ProcessContext): Promise<number> {
  let status = 0;
  const setExitStatus = (value: number): void => {
    status = value;
  };
  const named = args.find((arg) => !arg.startsWith('-')) ?? '';
  // What is asked for is known when the command line has been read, and commands look at it only then.
  const regional: CliContext = {
    ...context,
    setExitStatus,
    get environment() {
      const { region } = program.opts<{ region?: string }>();
      return region === undefined ? context.environment : { ...context.environment, [REGION_VARIABLE]: region };
    },
  };
  const program = await createProgram(regional, Object.hasOwn(COMMANDS, named) ? [named] : undefined);
  try {
    await program.parseAsync([...args], { from: 'user' });
    return status;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode; // commander has told it
    context.tell(describeError(error, program.opts<{ verbose?: boolean }>().verbose === true));
    return 1;
  }
}

function packageVersion(): string {
  const text = readFileSync(join(packageRoot(), 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
