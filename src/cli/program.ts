import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { packageRoot } from '../infra/package-root.ts';
import * as config from './commands/config.ts';
import * as results from './commands/results.ts';
import * as run from './commands/run.ts';
import * as schemas from './commands/schemas.ts';
import * as simulator from './commands/simulator.ts';
import * as status from './commands/status.ts';
import * as submit from './commands/submit.ts';
import * as suppressions from './commands/suppressions.ts';
import * as topics from './commands/topics.ts';
import * as up from './commands/up.ts';
import type { CliContext, ProcessContext } from './context.ts';
import { describeError } from './report-error.ts';

/** The whole command line, its commands in the order of `--help`. Its actions settle when the command is done. */
export function createProgram(context: CliContext): Command {
  const program = new Command('postlane')
    .description('Email delivery as a Kafka stream-processing pipeline')
    .version(packageVersion())
    .option('--verbose', 'show where errors come from')
    .configureOutput({ writeOut: context.print, writeErr: (text) => context.tell(text.trimEnd()) })
    .showHelpAfterError('(--help shows what there is)')
    .exitOverride();
  up.register(program, context);
  status.register(program, context);
  run.register(program, context);
  submit.register(program, context);
  results.register(program, context);
  suppressions.register(program, context);
  simulator.register(program, context);
  topics.register(program, context);
  schemas.register(program, context);
  config.register(program, {
    env: context.environment,
    workingDirectory: context.workingDirectory,
    print: (line) => context.print(`${line}\n`),
    complain: context.tell,
    exitWith: context.setExitStatus,
  });
  return program;
}

/** Runs a command line and answers the status to end with. Errors are told; none is thrown. */
export async function runProgram(args: readonly string[], context: ProcessContext): Promise<number> {
  let status = 0;
  const program = createProgram({ ...context, setExitStatus: (value) => (status = value) });
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
