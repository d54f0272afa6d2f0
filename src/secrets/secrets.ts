import type { Environment } from '../config/environment.ts';
import { PostlaneError } from '../domain/error.ts';
import { MINUTE_MS, type Millis } from '../domain/time.ts';
import type { Clock, Telemetry } from '../runtime/ports.ts';
import { resolveSecret } from './resolve.ts';

/** Resolves references to secrets. Whoever needs one asks for it every time, and so notices that it was rotated. */
export interface Secrets {
  /**
   * The secret that `file:PATH` or `env:NAME` names, without its trailing line break. Throws SECRET_UNAVAILABLE, which names the reference
   * and never the value.
   */
  resolve(reference: string): Promise<string>;
}

export interface SecretsOptions {
  readonly env: Environment;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  /** How long an answer is believed. Default: one minute. */
  readonly refreshMs?: number;
}

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
      const value = await resolveSecret(reference, this.options.env);
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
