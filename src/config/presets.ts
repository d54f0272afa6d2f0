import { ENTERPRISE } from './presets/enterprise.ts';
import { GLOBAL } from './presets/global.ts';
import { MID_SIZE } from './presets/mid-size.ts';
import type { Preset } from './presets/preset.ts';
import { STARTUP } from './presets/startup.ts';

export const PRESET_NAMES = ['startup', 'mid-size', 'enterprise', 'global'] as const;
/** The rows of the article's decision matrix. */
export type PresetName = (typeof PRESET_NAMES)[number];

export const PRESETS: Readonly<Record<PresetName, Preset>> = {
  startup: STARTUP,
  'mid-size': MID_SIZE,
  enterprise: ENTERPRISE,
  global: GLOBAL,
};

export const isPresetName = (text: unknown): text is PresetName => PRESET_NAMES.some((name) => name === text);
