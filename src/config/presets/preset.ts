/** A value as it would stand in postlane.yaml. */
export type Written = string | number | boolean | readonly string[];

/** One line of a preset, and why it says what it says. */
export interface PresetSetting {
  /** Keys that lead to it in postlane.yaml, with dots. */
  readonly path: string;
  readonly value: Written;
  readonly why: string;
}

/** A whole configuration for one kind of sender. What the file says itself outranks it. */
export interface Preset {
  /** For whom. */
  readonly summary: string;
  /** The way in one sentence, and what it costs. */
  readonly approach: string;
  readonly settings: readonly PresetSetting[];
}

export const setting = (path: string, value: Written, why: string): PresetSetting => ({ path, value, why });

/** A pool of sources over the relay, each with the reason of the pool. */
export const pool = (name: string, sources: readonly string[], why: string): readonly PresetSetting[] => [
  setting(`pools.${name}.sources`, sources, why),
  ...sources.map((source) =>
    setting(
      `sources.${source}.mode`,
      'relay',
      'over the relay until a host of its own, or direct with a local_address, is written here',
    ),
  ),
];

/** Settings with some replaced: by path, in the order of the first. */
export function over(base: readonly PresetSetting[], changes: readonly PresetSetting[]): readonly PresetSetting[] {
  const changed = new Map(changes.map((change) => [change.path, change]));
  const kept = base.map((one) => changed.get(one.path) ?? one);
  const known = new Set(base.map(({ path }) => path));
  return [...kept, ...changes.filter(({ path }) => !known.has(path))];
}
