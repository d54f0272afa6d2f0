import type { Environment } from '../config/environment.ts';
import type { SecretReference } from '../domain/secret-reference.ts';
import { Secret, SecretDocument } from './secret.ts';
import { type SecretStore, unavailable } from './store.ts';

/** Secrets in environment variables. A process's environment does not change by itself, so nobody tells of changes. */
export class EnvStore implements SecretStore {
  readonly scheme = 'env';
  private readonly environment: () => Environment;

  /** Asked at every read, so that no copy is kept for longer. */
  constructor(environment: () => Environment) {
    this.environment = environment;
  }

  read(reference: SecretReference, edition: 'newest'): Promise<SecretDocument>;
  read(reference: SecretReference, edition: 'before'): Promise<SecretDocument | null>;
  async read(reference: SecretReference, edition: 'newest' | 'before'): Promise<SecretDocument | null> {
    if (edition === 'before') return null;
    const value = this.environment()[reference.name];
    if (value === undefined) throw unavailable(reference, 'the variable is not set');
    const secret = Secret.of(value).withoutLastBreak();
    if (secret.length === 0) throw unavailable(reference, 'it is empty');
    return new SecretDocument(null, secret);
  }

  async create(reference: SecretReference): Promise<never> {
    const reason = 'environment variables cannot be written: keep it in vault:…, aws-sm:… or file:…';
    throw unavailable(reference, reason);
  }

  watch(): null {
    return null;
  }

  async close(): Promise<void> {}
}
