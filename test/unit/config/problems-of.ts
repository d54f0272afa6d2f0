import { loadConfig } from '../../../src/config/load.ts';
import type { Problem } from '../../../src/config/types.ts';
import { isPostlaneError } from '../../../src/domain/error.ts';

/** Everything that is wrong with a configuration; fails where nothing is. */
export function problemsOf(text: string, env: Record<string, string> = {}): readonly Problem[] {
  try {
    loadConfig({ text, env });
  } catch (error) {
    if (isPostlaneError(error, 'CONFIG_INVALID')) return error.facts.problems as readonly Problem[];
    throw error;
  }
  throw new Error(`nothing is wrong with: ${text}`);
}
