import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PostlaneError } from '../domain/error.ts';

/**
 * The folder that holds package.json, and with it topics.yaml, schemas/ and the compose file: the same in a checkout,
 * where this file lies in `src/infra`, and in the built package, where it lies in `dist/src/infra`.
 */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new PostlaneError('BUG', { what: 'package.json is in no folder above', folder });
    folder = parent;
  }
  return folder;
}
