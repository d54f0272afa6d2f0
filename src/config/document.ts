import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument } from 'yaml';
import type { Problems } from './problems.ts';

/** Longest configuration that is read, in characters. */
export const TEXT_LENGTH_MAX = 1_000_000;
/** Aliases can multiply a small file into a huge one: no more values than this are taken from it. */
const VALUES_MAX = 50_000;

export type Environment = Readonly<Record<string, string | undefined>>;

/** A YAML value with the line it stands on. `line` is null for what the environment put in. */
export type Tree = MapTree | ListTree | ScalarTree;
export interface MapTree {
  readonly kind: 'map';
  readonly entries: Map<string, Tree>;
  readonly line: number | null;
}
export interface ListTree {
  readonly kind: 'list';
  readonly items: readonly Tree[];
  readonly line: number | null;
}
export interface ScalarTree {
  readonly kind: 'scalar';
  readonly value: string | number | boolean | null;
  readonly line: number | null;
}

/**
 * Parses YAML 1.2 and puts the environment in: `${NAME}` stands for a variable that must be set and `${NAME:-text}` for one that
 * may be missing or empty. A file that is empty is an empty map.
 */
export function readDocument(text: string, env: Environment, problems: Problems): MapTree {
  const empty: MapTree = { kind: 'map', entries: new Map(), line: null };
  if (text.length > TEXT_LENGTH_MAX) {
    problems.add('', null, `is longer than ${TEXT_LENGTH_MAX} characters`);
    return empty;
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, prettyErrors: false });
  for (const error of document.errors) problems.add('', lines.linePos(error.pos[0]).line, error.message);
  if (document.contents === null) return empty;
  let values = 0;

  const lineOf = (node: Node): number => lines.linePos(node.range?.[0] ?? 0).line;

  const convert = (node: unknown, path: string, line: number, depth: number): Tree => {
    values += 1;
    if (values > VALUES_MAX || depth > 20) {
      if (values <= VALUES_MAX || values === VALUES_MAX + 1) problems.add(path, line, 'holds too many values');
      values = Math.max(values, VALUES_MAX + 1);
      return { kind: 'scalar', value: null, line };
    }
    if (isAlias(node)) return convert(node.resolve(document), path, lineOf(node), depth + 1);
    if (isMap(node)) {
      const entries = new Map<string, Tree>();
      for (const pair of node.items as Pair<unknown, unknown>[]) {
        const keyLine = isScalar(pair.key) ? lineOf(pair.key) : line;
        const key = isScalar(pair.key) ? String(pair.key.value) : '';
        if (key === '') problems.add(path, keyLine, 'has a key that is not a word');
        else entries.set(key, convert(pair.value, join(path, key), keyLine, depth + 1));
      }
      return { kind: 'map', entries, line };
    }
    if (isSeq(node)) {
      const items = node.items.map((item, index) =>
        convert(item, `${path}[${index}]`, isScalar(item) || isMap(item) ? lineOf(item) : line, depth + 1),
      );
      return { kind: 'list', items, line };
    }
    if (!isScalar(node)) return { kind: 'scalar', value: null, line };
    const value = node.value;
    if (typeof value === 'string') {
      return { kind: 'scalar', value: substitute(value, node.type === 'PLAIN', env, path, line, problems), line };
    }
    const plain = typeof value === 'number' || typeof value === 'boolean' || value === null;
    return { kind: 'scalar', value: plain ? value : String(value), line };
  };

  const root = convert(document.contents, '', 1, 0);
  if (root.kind === 'map') return root;
  if (document.errors.length === 0) problems.add('', 1, 'must hold keys and values');
  return empty;
}

export const join = (path: string, key: string): string => (path === '' ? key : `${path}.${key}`);

const VARIABLE = /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g;

/** What is not quoted is read again as YAML would read it, so that a port from the environment is a number. */
function substitute(
  text: string,
  plain: boolean,
  env: Environment,
  path: string,
  line: number,
  problems: Problems,
): string | number | boolean | null {
  if (!text.includes('${')) return text;
  const replaced = text.replace(VARIABLE, (_, name: string, fallback: string | undefined) => {
    const value = env[name];
    if (value !== undefined && (value !== '' || fallback === undefined)) return value;
    if (fallback === undefined) problems.add(path, line, `the environment variable ${name} is not set`);
    return fallback ?? '';
  });
  return plain ? scalarOf(replaced) : replaced;
}

/** The value of a word as YAML 1.2 reads it: null, true, false, a number, or itself. */
export function scalarOf(text: string): string | number | boolean | null {
  if (text === '' || text === 'null' || text === '~') return null;
  if (text === 'true') return true;
  if (text === 'false') return false;
  return /^-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,9})?$/.test(text) ? Number(text) : text;
}
