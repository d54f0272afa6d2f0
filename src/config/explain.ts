import { join, type MapTree, type Tree } from './document.ts';
import type { PresetSetting } from './presets/preset.ts';
import type { PresetName } from './presets.ts';
import { maskUrl } from './show.ts';

/** Where a setting comes from. */
export type Origin =
  | { readonly from: 'file'; readonly line: number | null }
  | { readonly from: 'environment'; readonly variable: string }
  | { readonly from: 'preset'; readonly preset: PresetName; readonly why: string }
  | { readonly from: 'default' };

/** One setting as it holds, and why. */
export interface Explained {
  /** As it stands in postlane.yaml. */
  readonly path: string;
  readonly value: unknown;
  readonly origin: Origin;
}

export interface ExplainParts {
  /** What the schema made of the document, under the names of the file. */
  readonly read: unknown;
  readonly root: MapTree;
  readonly preset: PresetName | null;
  readonly filled: ReadonlyMap<string, PresetSetting>;
  readonly fromEnvironment: ReadonlyMap<string, string>;
}

/** Every setting of a configuration with where it comes from, in the order of the schema. Passwords in URLs are masked. */
export function explain(parts: ExplainParts): readonly Explained[] {
  const found: Explained[] = [];
  walk(parts.read, '', (path, value) => {
    if (value === null) return;
    const written = writtenAt(parts.root, path) ?? value;
    found.push({ path, value: typeof written === 'string' ? masked(written) : written, origin: originOf(path, parts) });
  });
  return found;
}

const masked = (text: string): string => (text.includes('://') ? maskUrl(text) : text);

function walk(value: unknown, path: string, tell: (path: string, value: unknown) => void): void {
  if (value instanceof Map) for (const [key, inner] of value) walk(inner, join(path, String(key)), tell);
  else if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    for (const [key, inner] of Object.entries(value)) walk(inner, join(path, key), tell);
  } else tell(path, value);
}

function originOf(path: string, { root, preset, filled, fromEnvironment }: ExplainParts): Origin {
  const variable = fromEnvironment.get(path);
  if (variable !== undefined) return { from: 'environment', variable };
  const setting = filled.get(path);
  if (setting !== undefined && preset !== null) return { from: 'preset', preset, why: setting.why };
  const written = at(root, path);
  return written === null ? { from: 'default' } : { from: 'file', line: written.line };
}

function at(root: MapTree, path: string): Tree | null {
  let tree: Tree = root;
  for (const key of path.split('.')) {
    // `senders: strict` stands for the mode.
    if (tree.kind !== 'map') return tree;
    const next: Tree | undefined = tree.entries.get(key);
    if (next === undefined) return null;
    tree = next;
  }
  return tree.kind === 'scalar' && tree.value === null ? null : tree;
}

/** A value with its unit, as it is written; null where it is a default, or holds more than one. */
function writtenAt(root: MapTree, path: string): unknown {
  const tree = at(root, path);
  if (tree?.kind === 'scalar') return tree.value;
  if (tree?.kind !== 'list' || tree.items.some(({ kind }) => kind !== 'scalar')) return null;
  return tree.items.map((item) => (item.kind === 'scalar' ? item.value : null));
}
