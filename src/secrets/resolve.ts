import { readFile, stat } from 'node:fs/promises';
import { environment } from '../config/environment.ts';
import { PostlaneError } from '../domain/error.ts';

/** No secret of ours is longer; a reference to a log file must not fill the memory. */
const SECRET_BYTES_MAX = 64 * 1024;

/**
 * Resolves a reference to a secret: `file:<path>` (a mounted secret, read anew each time, without its last line end) or
 * `env:<name>`. Throws SECRET_UNAVAILABLE, which names the reference and never what it holds.
 */
export async function resolveSecret(reference: string): Promise<string> {
  const [scheme, rest] = splitReference(reference);
  if (scheme === 'env') {
    const value = environment()[rest];
    if (value === undefined || value === '') throw unavailable(reference, 'the variable is not set');
    return value;
  }
  if (scheme === 'file') return fromFile(reference, rest);
  throw unavailable(reference, 'a reference begins with file: or env:');
}

function splitReference(reference: string): readonly [string, string] {
  const colon = reference.indexOf(':');
  return colon < 0 ? ['', reference] : [reference.slice(0, colon), reference.slice(colon + 1)];
}

async function fromFile(reference: string, path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > SECRET_BYTES_MAX) throw unavailable(reference, 'the file is too large for a secret');
    return (await readFile(path, 'utf8')).replace(/\r?\n$/, '');
  } catch (cause) {
    if (cause instanceof PostlaneError) throw cause;
    throw unavailable(reference, 'the file cannot be read', cause);
  }
}

const unavailable = (reference: string, reason: string, cause?: unknown): PostlaneError =>
  new PostlaneError('SECRET_UNAVAILABLE', { reference, reason }, { cause });
