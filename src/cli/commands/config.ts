import { relative } from 'node:path';
import { type Command, Option } from 'commander';
import { stringify } from 'yaml';
import type { Environment } from '../../config/document.ts';
import type { Explained } from '../../config/explain.ts';
import { loadExplained } from '../../config/load.ts';
import { locateConfig } from '../../config/locate.ts';
import { PRESET_NAMES, PRESETS, type PresetName } from '../../config/presets.ts';
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
    .option('--explain', 'every setting as it stands in the file, with where it comes from and why')
    .addOption(new Option('--preset <name>', 'of this preset instead of a file').choices(PRESET_NAMES))
    .action((file: string | undefined, options: ShowOptions) => {
      const read = load(file, context, options.preset);
      if (!read) return;
      if (options.explain) {
        context.print(options.json ? JSON.stringify(read.settings()) : explained(read.config.preset, read.settings()));
        return;
      }
      const config = shown(read.config);
      context.print(
        options.json ? JSON.stringify(config) : stringify(config, { aliasDuplicateObjects: false }).trimEnd(),
      );
    });
}

interface ShowOptions {
  readonly json?: boolean;
  readonly explain?: boolean;
  readonly preset?: PresetName;
}

/** One setting per line, under the reason where there is one: what a preset decides stands first. */
function explained(name: PresetName | null, settings: readonly Explained[]): string {
  const lines: string[] = [];
  if (name !== null) {
    const { summary, approach } = PRESETS[name];
    lines.push(`# preset ${name}: ${summary}`, `# ${approach}`, '');
  }
  const parts = [
    ['what the preset decides', (one: Explained) => one.origin.from === 'preset'],
    ['what is written', ({ origin }: Explained) => origin.from === 'file' || origin.from === 'environment'],
    [
      'defaults, times in milliseconds and sizes in bytes (docs/configuration.md)',
      (one: Explained) => one.origin.from === 'default',
    ],
  ] as const;
  for (const [title, belongs] of parts) {
    const those = settings.filter(belongs);
    if (those.length > 0) lines.push(`# ${title}`, ...those.flatMap(explainedLines), '');
  }
  return lines.join('\n').trimEnd();
}

function explainedLines({ path, value, origin }: Explained): readonly string[] {
  const line = `${path}: ${typeof value === 'string' ? value : JSON.stringify(value)}`;
  switch (origin.from) {
    case 'preset':
      return [line, `    # ${origin.why}`];
    case 'file':
      return [origin.line === null ? line : `${line}    # line ${origin.line}`];
    case 'environment':
      return [`${line}    # ${origin.variable}`];
    default:
      return [line];
  }
}

function load(
  file: string | undefined,
  context: ConfigContext,
  preset?: PresetName,
): { readonly path: string; readonly config: Config; readonly settings: () => readonly Explained[] } | null {
  let path: string | null = null;
  try {
    if (preset !== undefined && file === undefined) {
      path = `preset ${preset}`;
      return { path, ...loadExplained({ text: `preset: ${preset}\n`, path, env: context.env }) };
    }
    const located = locateConfig(file, context.env, context.workingDirectory);
    path = relative(context.workingDirectory, located) || located;
    const env = preset === undefined ? context.env : { ...context.env, POSTLANE_PRESET: preset };
    return { path, ...loadExplained({ path: located, env }) };
  } catch (error) {
    if (!isPostlaneError(error, 'CONFIG_INVALID')) throw error;
    const problems = error.facts.problems as readonly Problem[];
    for (const problem of problems) context.complain(problemLine(path, problem));
    context.complain(`${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}`);
    context.exitWith(1);
    return null;
  }
}
