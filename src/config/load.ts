import { readFileSync, statSync } from 'node:fs';
import { PostlaneError } from '../domain/error.ts';
import { build } from './build.ts';
import { type Environment, type MapTree, readDocument, TEXT_LENGTH_MAX, type Tree } from './document.ts';
import { REGION_VARIABLE } from './environment.ts';
import { type Explained, explain } from './explain.ts';
import { applyPreset, presetOf } from './overlay.ts';
import { applyOverrides } from './overrides.ts';
import { Problems, suggestion } from './problems.ts';
import { inRegion } from './regions.ts';
import { checkRelations } from './relations.ts';
import { postlaneYaml } from './shape.ts';
import type { Config, RegionConfig } from './types.ts';

export interface LoadOptions {
  /** The environment: addresses and `POSTLANE_…` outrank the file, `${NAME}` in the file is replaced. */
  readonly env: Environment;
  /** File to read. Without `path` and `text` the configuration is all defaults. */
  readonly path?: string;
  /** The configuration itself, instead of a file; `path` then only names it in problems. */
  readonly text?: string;
}

/**
 * Reads the configuration, once and whole. Throws one CONFIG_INVALID whose `facts.problems` (`Problem[]`) names everything
 * that is wrong: what cannot be parsed, unknown keys, values out of range, and contradictions between values.
 */
export const loadConfig = (options: LoadOptions): Config => loadExplained(options).config;

/** The same, and how it came about. */
export function loadExplained(options: LoadOptions): {
  readonly config: Config;
  readonly settings: () => readonly Explained[];
} {
  const file = options.path ?? null;
  const problems = new Problems();
  const text = options.text ?? (options.path === undefined ? '' : readText(options.path));
  const root = readDocument(text, options.env, problems);
  const fromEnvironment = applyOverrides(root, options.env);
  const preset = presetOf(root);
  const filled = preset === null ? new Map() : applyPreset(root, preset);
  const tell = (path: string, line: number | null, message: string): void =>
    problems.add(path, line, message + origin(path));
  const read = postlaneYaml.read(root, { path: '', line: null, tell });
  const config = build(read);
  checkRelations(config, read, (path, message) => tell(path, lineOf(root, path), message));
  const region = regionOf(config, options.env[REGION_VARIABLE], (message) =>
    tell('regions', lineOf(root, 'regions'), message),
  );
  problems.throwAny(file);
  const fixed = {
    brokers: fromEnvironment.has('kafka.brokers'),
    registryUrl: fromEnvironment.has('schema_registry.url'),
    redisUrl: fromEnvironment.has('redis.url'),
  };
  return {
    config: freeze(region === null ? config : inRegion(config, region, fixed)),
    settings: () => explain({ read, root, preset, filled, fromEnvironment }),
  };

  function origin(path: string): string {
    const variable = fromEnvironment.get(path.replace(/\[[0-9]+\]$/, ''));
    return variable === undefined ? '' : ` (from the environment variable ${variable})`;
  }
}

function regionOf(
  { regions }: Config,
  wanted: string | undefined,
  tell: (message: string) => void,
): RegionConfig | null {
  if (wanted === undefined || wanted === '') return null;
  const found = regions.find(({ name }) => name === wanted);
  if (found !== undefined) return found;
  const names = regions.map(({ name }) => name);
  const hint = names.length === 0 ? ': none are declared' : suggestion(wanted, names);
  tell(`have none that is called "${wanted}"${hint} (from --region, or the environment variable ${REGION_VARIABLE})`);
  return null;
}

function readText(path: string): string {
  try {
    if (statSync(path).size > TEXT_LENGTH_MAX) throw new Error(`larger than ${TEXT_LENGTH_MAX} bytes`);
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const message = `cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`;
    throw new PostlaneError('CONFIG_INVALID', { file: path, problems: [{ path: '', line: null, message }] }, { cause });
  }
}

/** Line of a value, or of the nearest thing above it that is written. */
function lineOf(root: MapTree, path: string): number | null {
  let tree: Tree | undefined = root;
  let line: number | null = null;
  for (const step of path.split(/[.[\]]+/).filter((part) => part !== '')) {
    if (tree?.kind === 'map') tree = tree.entries.get(step);
    else if (tree?.kind === 'list') tree = tree.items[Number(step)];
    else return line;
    line = tree?.line ?? line;
  }
  return line;
}

function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const inner of Object.values(value)) freeze(inner);
  return Object.freeze(value);
}
