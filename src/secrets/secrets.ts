import { open } from 'node:fs/promises';
import { PostlaneError } from '../domain/error.ts';
import { MINUTE_MS, type Millis } from '../domain/time.ts';
import type { Clock, Telemetry } from '../runtime/ports.ts';

/** Resolves references to secrets. Whoever needs one asks for it every time, and so notices that it was rotated. */
export interface Secrets {
  /**
   * The secret that `file:PATH` or `env:NAME` names, without its trailing line break. Throws SECRET_UNAVAILABLE, which names the reference
   * and never the value.
   */
  resolve(reference: string): Promise<string>;
}

export interface SecretsOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  /** How long an answer is believed. Default: one minute. */
  readonly refreshMs?: number;
}

/** A private key is a few kilobytes; a secret that is longer is some other file. */
export const SECRET_BYTES_MAX = 65_536;
/** References that one configuration can hold; beyond it something makes them up. */
const REFERENCES_MAX = 10_000;

interface Known {
  readonly value: string;
  /** When it is read again. */
  readonly until: Millis;
}

/**
 * Secrets out of files and the environment. An answer is believed for a while and then read again; where that fails, the old one
 * is kept and a warning is logged, because a file that is being replaced is no reason to drop a mail.
 */
export class CachedSecrets implements Secrets {
  private readonly options: SecretsOptions;
  private readonly refreshMs: number;
  private readonly known = new Map<string, Known>();
  private readonly reading = new Map<string, Promise<string>>();

  constructor(options: SecretsOptions) {
    this.options = options;
    this.refreshMs = options.refreshMs ?? MINUTE_MS;
  }

  async resolve(reference: string): Promise<string> {
    const known = this.known.get(reference);
    const now = this.options.clock.now();
    // A clock that was set back must not keep a secret for longer than the refresh.
    if (known && now < known.until && known.until - now <= this.refreshMs) return known.value;
    const reading = this.reading.get(reference);
    if (reading !== undefined) return reading;
    const started = this.refresh(reference, known).finally(() => this.reading.delete(reference));
    this.reading.set(reference, started);
    return started;
  }

  private async refresh(reference: string, known: Known | undefined): Promise<string> {
    try {
      const value = await read(reference, this.options.env);
      this.keep(reference, value);
      return value;
    } catch (error) {
      if (!known) throw error;
      this.options.telemetry.log('warn', 'a secret cannot be read again; the old one is used', { reference, error });
      this.keep(reference, known.value);
      return known.value;
    }
  }

  private keep(reference: string, value: string): void {
    if (this.known.size >= REFERENCES_MAX && !this.known.has(reference)) {
      throw new PostlaneError('SECRET_UNAVAILABLE', { reference, reason: 'too many secrets' });
    }
    this.known.set(reference, { value, until: this.options.clock.now() + this.refreshMs });
  }
}

async function read(reference: string, env: SecretsOptions['env']): Promise<string> {
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
    const file = await open(path, 'r');
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
