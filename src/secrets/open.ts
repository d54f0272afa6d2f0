import { environment } from '../config/environment.ts';
import type { Config, SecretsConfig } from '../config/types.ts';
import { parseSecretReference, type SecretReference, type SecretScheme } from '../domain/secret-reference.ts';
import type { Clock, Telemetry } from '../runtime/ports.ts';
import { EnvStore } from './env-store.ts';
import { FileStore } from './file-store.ts';
import { SecretKeeper } from './keeper.ts';
import type { Secret } from './secret.ts';
import type { Secrets } from './secrets.ts';
import { type SecretStore, unavailable } from './store.ts';
import { VaultSession } from './vault-session.ts';
import { VaultStore } from './vault-store.ts';

export interface OpenSecretsOptions {
  readonly config: SecretsConfig;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
}

/** The secrets of a process. Reads nothing yet, and loads the AWS library only with the first `aws-sm:`. Close it. */
export const openSecrets = ({ config, clock, telemetry }: OpenSecretsOptions): Secrets =>
  new SecretKeeper({
    stores: storesOf({ config, clock, telemetry }),
    clock,
    telemetry,
    refreshMs: config.refreshMs,
    chance: Math.random,
  });

function storesOf({ config, clock, telemetry }: OpenSecretsOptions): ReadonlyMap<SecretScheme, SecretStore> {
  const env = new EnvStore(environment);
  const file = new FileStore();
  const stores = new Map<SecretScheme, SecretStore>([
    ['env', env],
    ['file', file],
    ['aws-sm', new LazyAwsStore(config)],
  ]);
  if (config.vault !== null) {
    const credential = async (text: string): Promise<Secret> => {
      const reference = parseSecretReference(text);
      const store = reference?.scheme === 'file' ? file : reference?.scheme === 'env' ? env : null;
      const value = reference && (await store?.read(reference, 'newest'))?.value(null);
      if (!value) throw unavailable(text, 'what logs in at Vault comes from file:… or env:…');
      return value;
    };
    const session = new VaultSession({
      config: config.vault,
      timeoutMs: config.timeoutMs,
      clock,
      telemetry,
      credential,
    });
    stores.set('vault', new VaultStore(session));
  }
  return stores;
}

/** The SDK is large, and most processes need none of it. */
class LazyAwsStore implements SecretStore {
  readonly scheme = 'aws-sm';
  private readonly config: SecretsConfig;
  private store: Promise<SecretStore> | null = null;

  constructor(config: SecretsConfig) {
    this.config = config;
  }

  private open(): Promise<SecretStore> {
    const { aws, timeoutMs } = this.config;
    this.store ??= import('./aws-store.ts').then(({ AwsStore }) => new AwsStore({ config: aws, timeoutMs }));
    return this.store;
  }

  read: SecretStore['read'] = (async (reference: never, edition: never) =>
    (await this.open()).read(reference, edition)) as SecretStore['read'];

  async create(reference: SecretReference, secret: Secret): Promise<void> {
    await (await this.open()).create(reference, secret);
  }

  watch(): null {
    return null;
  }

  async close(): Promise<void> {
    await (await this.store)?.close();
  }
}

const SILENT: Telemetry = { count() {}, gauge() {}, observe() {}, log() {} };

/** Works with secrets that are closed afterwards: for a command that needs some once. */
export async function withSecrets<T>(
  config: Pick<Config, 'secrets'>,
  clock: Clock,
  work: (secrets: Secrets) => Promise<T>,
): Promise<T> {
  const secrets = openSecrets({ config: config.secrets, clock, telemetry: SILENT });
  try {
    return await work(secrets);
  } finally {
    await secrets.close();
  }
}
