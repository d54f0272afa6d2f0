import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openTracker } from '../../processors/tracker/main.ts';
import { type RunningApi, startApi } from '../../producers/http/main.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { ApiKey } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import { API_SCOPES } from '../../src/domain/api-key.ts';
import { type Host, openHost } from '../../src/host/host.ts';
import type { Infra } from '../../src/infra/provider.ts';
import { Publisher } from '../../src/kafka/publisher.ts';
import { newKeyId, newSecret } from '../../src/secrets/api-keys.ts';
import { silentTelemetry } from './silent-telemetry.ts';
import { until } from './until.ts';

export interface TestApiOptions {
  readonly redisUrl?: string | null;
  readonly yaml?: string;
}

/** An instance of the HTTP API within this process, over real infrastructure. */
export class TestApi {
  readonly host: Host;
  readonly api: RunningApi;
  private readonly directory: string;
  private readonly appender: Publisher;

  private constructor(host: Host, api: RunningApi, directory: string) {
    this.host = host;
    this.api = api;
    this.directory = directory;
    this.appender = new Publisher({ kafka: host.kafka });
  }

  static async start(infra: Infra, { redisUrl = infra.redisUrl, yaml = '' }: TestApiOptions = {}): Promise<TestApi> {
    const directory = await mkdtemp(join(tmpdir(), 'postlane-api-'));
    const path = join(directory, 'postlane.yaml');
    await writeFile(path, `state_dir: ${directory}/state\n${yaml}`);
    const config = loadConfig({
      path,
      env: {
        KAFKA_BROKERS: infra.brokers.join(','),
        SCHEMA_REGISTRY_URL: infra.schemaRegistryUrl,
        REDIS_URL: redisUrl ?? undefined,
        POSTLANE_API_PORT: '0',
      },
    });
    const host = await openHost(config, silentTelemetry, 'test-api');
    return new TestApi(host, await startApi(host, openTracker), directory);
  }

  /** Makes a key and waits until it is known here. */
  async key(over: Partial<ApiKey> = {}): Promise<{ readonly text: string; readonly row: ApiKey }> {
    const { secret, hash } = newSecret();
    const row: ApiKey = {
      keyId: newKeyId(),
      tenant: 'default',
      name: 'test',
      scopes: API_SCOPES.filter((scope) => scope !== 'suppressions:all'),
      secrets: [{ hash, until: null }],
      requestsPerSecond: null,
      mailsPerDay: null,
      revoked: false,
      at: Date.now(),
      ...over,
    };
    await this.putKey(row);
    const text = `${row.keyId}_${secret}`;
    // A mail that is none: refused for what it is, once the key is known.
    const known = async () => (await this.post('/v1/emails', text, {})).status !== 401;
    if (!row.revoked) await until('a key to be known', known);
    return { text, row };
  }

  async putKey(row: ApiKey): Promise<void> {
    const value = this.host.codec.encode(topics.apiKeys, row);
    await this.appender.append([{ topic: topics.apiKeys.name, key: row.keyId, value }]);
  }

  post(path: string, key: string | null, body: unknown, headers: Readonly<Record<string, string>> = {}) {
    return this.ask(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(key && { authorization: `Bearer ${key}` }), ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  }

  get(path: string, key: string | null) {
    return this.ask(path, { headers: key ? { authorization: `Bearer ${key}` } : {} });
  }

  ask(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(new URL(path, this.api.url), { signal: AbortSignal.timeout(30_000), ...init });
  }

  async stop(): Promise<void> {
    await this.appender.close();
    await this.api.stop();
    await this.host.close();
    await rm(this.directory, { recursive: true, force: true, maxRetries: 3 });
  }
}
