import { relative } from 'node:path';
import type { Command } from 'commander';
import { stringify } from 'yaml';
import type { Environment } from '../../config/document.ts';
import { loadConfig } from '../../config/load.ts';
import { locateConfig } from '../../config/locate.ts';
import { problemLine } from '../../config/problems.ts';
import { shown } from '../../config/show.ts';
import type { Config, Problem } from '../../config/types.ts';
import { isPostlaneError } from '../../domain/error.ts';

/** What the command needs of its surroundings. */
export interface ConfigContext {
  readonly env: Environment;
  readonly workingDirectory: string;
  /** Writes one line to standard output. */
  readonly print: (line: string) => void;
  /** Writes one line to standard error. */
  readonly complain: (line: string) => void;
  /** Status that the process is to end with. */
  readonly exitWith: (status: number) => void;
}

/** Adds `config check [FILE]` and `config show [FILE] [--json]`. */
export function register(program: Command, context: ConfigContext): void {
  const config = program.command('config').description('check and show the configuration');
  config
    .command('check')
    .description('read the configuration as every role does, and list everything that is wrong with it')
    .argument('[file]', 'configuration file (default: POSTLANE_CONFIG, then ./postlane.yaml)')
    .action((file?: string) => {
      const read = load(file, context);
      if (!read) return;
      const { queues, sources, providers, senders } = read.config;
      context.print(
        `${read.path}: fine. ${queues.length} queues, ${sources.length} sources, ${providers.length} providers, ` +
          `${senders.list.length} sender domains`,
      );
    });
  config
    .command('show')
    .description('print the configuration with every default filled in; secrets are not shown')
    .argument('[file]', 'configuration file (default: POSTLANE_CONFIG, then ./postlane.yaml)')
    .option('--json', 'as one JSON object')
    .action((file: string | undefined, options: { readonly json?: boolean }) => {
      const read = load(file, context);
      if (!read) return;
      const config = shown(read.config);
      context.print(
        options.json ? JSON.stringify(config) : stringify(config, { aliasDuplicateObjects: false }).trimEnd(),
      );
    });
}

function load(
  file: string | undefined,
  context: ConfigContext,
): { readonly path: string; readonly config: Config } | null {
  let path: string | null = null;
  try {
    const located = locateConfig(file, context.env, context.workingDirectory);
    path = relative(context.workingDirectory, located) || located;
    return { path, config: loadConfig({ path: located, env: context.env }) };
  } catch (error) {
    if (!isPostlaneError(error, 'CONFIG_INVALID')) throw error;
    const problems = error.facts.problems as readonly Problem[];
    for (const problem of problems) context.complain(problemLine(path, problem));
    context.complain(`${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}`);
    context.exitWith(1);
    return null;
  }
}
