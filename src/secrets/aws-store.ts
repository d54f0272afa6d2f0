import {
  CreateSecretCommand,
  GetSecretValueCommand,
  type GetSecretValueCommandOutput,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import type { AwsSecretsConfig } from '../config/types.ts';
import type { SecretReference } from '../domain/secret-reference.ts';
import { Secret, SecretDocument } from './secret.ts';
import { SECRET_BYTES_MAX, type SecretStore, THERE_ALREADY, unavailable } from './store.ts';

const ATTEMPTS_MAX = 2;
const STAGE_NEWEST = 'AWSCURRENT';
const STAGE_BEFORE = 'AWSPREVIOUS';

export interface AwsStoreOptions {
  readonly config: AwsSecretsConfig;
  readonly timeoutMs: number;
}

/**
 * Secrets in AWS Secrets Manager, by version stages. Who we are to AWS is the SDK's to find, as everywhere: environment, shared
 * files, the role of a container or machine.
 */
export class AwsStore implements SecretStore {
  readonly scheme = 'aws-sm';
  private readonly options: AwsStoreOptions;
  /** One per region: an ARN names its own. */
  private readonly clients = new Map<string, SecretsManagerClient>();

  constructor(options: AwsStoreOptions) {
    this.options = options;
  }

  read(reference: SecretReference, edition: 'newest'): Promise<SecretDocument>;
  read(reference: SecretReference, edition: 'before'): Promise<SecretDocument | null>;
  async read(reference: SecretReference, edition: 'newest' | 'before'): Promise<SecretDocument | null> {
    const { pinned } = reference;
    if (edition === 'newest') {
      const which =
        pinned?.by === 'version' ? { VersionId: pinned.value } : { VersionStage: pinned?.value ?? STAGE_NEWEST };
      return this.fetch(reference, which);
    }
    if (pinned !== null) return null;
    // A secret that was never rotated has none.
    return this.fetch(reference, { VersionStage: STAGE_BEFORE }).catch(() => null);
  }

  async create(reference: SecretReference, secret: Secret): Promise<void> {
    const { name, field } = reference;
    const content = field === null ? secret.text() : JSON.stringify({ [field]: secret.text() });
    try {
      const abortSignal = AbortSignal.timeout(this.options.timeoutMs);
      await this.client(name).send(new CreateSecretCommand({ Name: name, SecretString: content }), { abortSignal });
    } catch (cause) {
      const what = cause instanceof Error ? cause.name : 'AWS cannot be asked';
      throw unavailable(reference, what === 'ResourceExistsException' ? THERE_ALREADY : what);
    }
  }

  private async fetch(
    reference: SecretReference,
    which: { readonly VersionId: string } | { readonly VersionStage: string },
  ): Promise<SecretDocument> {
    const client = this.client(reference.name);
    let answer: GetSecretValueCommandOutput;
    try {
      const abortSignal = AbortSignal.timeout(this.options.timeoutMs);
      answer = await client.send(new GetSecretValueCommand({ SecretId: reference.name, ...which }), { abortSignal });
    } catch (cause) {
      // Its message may name accounts, its name is one of a documented list.
      throw unavailable(reference, cause instanceof Error ? cause.name : 'AWS cannot be asked');
    }
    return documentOf(reference, answer);
  }

  private client(name: string): SecretsManagerClient {
    const region = /^arn:aws[a-z-]*:secretsmanager:([a-z0-9-]+):/.exec(name)?.[1] ?? this.options.config.region;
    const known = this.clients.get(region ?? '');
    if (known) return known;
    const { config, timeoutMs } = this.options;
    const client = new SecretsManagerClient({
      ...(region === null ? {} : { region }),
      ...(config.endpoint === null ? {} : { endpoint: config.endpoint }),
      maxAttempts: ATTEMPTS_MAX,
      requestHandler: { connectionTimeout: timeoutMs, requestTimeout: timeoutMs },
    });
    this.clients.set(region ?? '', client);
    return client;
  }

  watch(): null {
    return null;
  }

  async close(): Promise<void> {
    for (const client of this.clients.values()) client.destroy();
    this.clients.clear();
  }
}

function documentOf(reference: SecretReference, answer: GetSecretValueCommandOutput): SecretDocument {
  const version = answer.VersionId ?? null;
  if (answer.SecretBinary !== undefined) {
    const whole = new Secret(answer.SecretBinary);
    answer.SecretBinary.fill(0);
    if (whole.length === 0) throw unavailable(reference, 'it is empty');
    return new SecretDocument(version, whole);
  }
  const whole = Secret.of(answer.SecretString ?? '').withoutLastBreak();
  if (whole.length === 0) throw unavailable(reference, 'it is empty');
  if (whole.length > SECRET_BYTES_MAX) throw unavailable(reference, `longer than ${SECRET_BYTES_MAX} bytes`);
  return new SecretDocument(version, whole, fieldsOf(answer.SecretString ?? ''));
}

/** What the console calls key/value pairs: a JSON object of texts. Anything else has no fields. */
function fieldsOf(text: string): ReadonlyMap<string, Secret> {
  const fields = new Map<string, Secret>();
  if (!text.trimStart().startsWith('{')) return fields;
  try {
    for (const [name, value] of Object.entries(JSON.parse(text))) {
      if ((typeof value === 'string' && value !== '') || typeof value === 'number') {
        fields.set(name, Secret.of(String(value)));
      }
    }
  } catch {
    return new Map();
  }
  return fields;
}
