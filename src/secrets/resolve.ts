import { constants, open } from 'node:fs/promises';
import { type Environment, environment } from '../config/environment.ts';
import { PostlaneError } from '../domain/error.ts';

/** A private key is a few kilobytes; a secret that is longer is some other file. */
export const SECRET_BYTES_MAX = 65_536;

/**
 * The secret that `file:PATH` or `env:NAME` names, read anew, without its trailing line break. Throws SECRET_UNAVAILABLE, which
 * names the reference and never the value.
 */
export async function resolveSecret(reference: string, env: Environment = environment()): Promise<string> {
  const [, scheme, name] = /^(file|env):(.+)$/s.exec(reference) ?? [];
  if (name === undefined) throw unavailable(reference, 'not a reference of the form file:… or env:…');
  const value = scheme === 'env' ? env[name] : await readSecretFile(reference, name);
  if (value === undefined) throw unavailable(reference, 'the variable is not set');
  const secret = value.replace(/\r?\n$/, '');
  if (secret === '') throw unavailable(reference, 'it is empty');
  return secret;
}

async function readSecretFile(reference: string, path: string): Promise<string> {
  try {
    // Opening a pipe would otherwise wait for its writer.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stat = await file.stat();
      if (!stat.isFile()) throw unavailable(reference, 'not a file');
      if (stat.size > SECRET_BYTES_MAX) throw unavailable(reference, `longer than ${SECRET_BYTES_MAX} bytes`);
      const buffer = Buffer.alloc(stat.size);
      const { bytesRead } = await file.read(buffer, 0, stat.size, 0);
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (cause instanceof PostlaneError) throw cause;
    throw unavailable(reference, (cause as NodeJS.ErrnoException).code ?? 'cannot be read', cause);
  }
}

/** A reference that is none may be the secret itself, written where a reference belongs: only its scheme is told. */
function unavailable(reference: string, reason: string, cause?: unknown): PostlaneError {
  const shown = /^(file|env):/.test(reference) ? reference.slice(0, 1_000) : '(not shown)';
  return new PostlaneError('SECRET_UNAVAILABLE', { reference: shown, reason }, { cause });
}
