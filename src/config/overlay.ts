import type { MapTree, Tree } from './document.ts';
import type { Preset, PresetSetting, Written } from './presets/preset.ts';
import { isPresetName, PRESETS, type PresetName } from './presets.ts';

/** The preset that the document names; null where it names none, or one that does not exist, which the schema tells. */
export function presetOf(root: MapTree): PresetName | null {
  const named = root.entries.get('preset');
  return named?.kind === 'scalar' && isPresetName(named.value) ? named.value : null;
}

/**
 * Fills in what the preset says and the document does not. Maps are joined key by key, lists are taken whole. Answers which settings
 * were filled in: the others are the document's own.
 */
export function applyPreset(root: MapTree, name: PresetName): ReadonlyMap<string, PresetSetting> {
  const preset: Preset = PRESETS[name];
  const filled = new Map<string, PresetSetting>();
  for (const setting of preset.settings) {
    if (fill(root, setting.path.split('.'), setting.value)) filled.set(setting.path, setting);
  }
  return filled;
}

function fill(map: MapTree, path: readonly string[], value: Written): boolean {
  const [key, ...rest] = path as [string, ...string[]];
  const there = map.entries.get(key);
  const isEmpty = there === undefined || (there.kind === 'scalar' && there.value === null);
  if (rest.length === 0) {
    if (isEmpty) map.entries.set(key, treeOf(value));
    return isEmpty;
  }
  if (!isEmpty && there.kind !== 'map') return false;
  const child: MapTree = !isEmpty && there.kind === 'map' ? there : { kind: 'map', entries: new Map(), line: null };
  map.entries.set(key, child);
  return fill(child, rest, value);
}

const treeOf = (value: Written): Tree =>
  typeof value === 'object'
    ? { kind: 'list', items: value.map((item) => ({ kind: 'scalar', value: item, line: null })), line: null }
    : { kind: 'scalar', value, line: null };
