import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PostlaneError } from '../domain/error.ts';
import type { Environment } from './document.ts';

/** Name of the file in the working directory that is read when nothing else is said. */
export const CONFIG_FILE = 'postlane.yaml';

/**
 * Which file is read: the one given, else `POSTLANE_CONFIG`, else `postlane.yaml` in the working directory, else the one that
 * comes with the package. Throws CONFIG_INVALID where none of them exists.
 */
export function locateConfig(given: string | undefined, env: Environment, workingDirectory: string): string {
  const named = given ?? env.POSTLANE_CONFIG;
  if (named !== undefined && named !== '') return resolve(workingDirectory, named);
  // The package's file lies above src/ in a checkout and above dist/src/ in the built package.
  const packaged = ['../..', '../../..'].map((up) => fileURLToPath(new URL(`${up}/${CONFIG_FILE}`, import.meta.url)));
  const found = [join(workingDirectory, CONFIG_FILE), ...packaged].find((path) => existsSync(path));
  if (found !== undefined) return found;
  const message = `no ${CONFIG_FILE} in ${workingDirectory}`;
  throw new PostlaneError('CONFIG_INVALID', { file: null, problems: [{ path: '', line: null, message }] });
}
