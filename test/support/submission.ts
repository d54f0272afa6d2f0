import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startRouter } from '../../processors/router/main.ts';
import { startWorkers } from '../../processors/worker/main.ts';
import { startSubmission } from '../../producers/smtp/main.ts';
import { dkimRecordsOf, makeMissingKeys } from '../../src/cli/generated-keys.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { ApiKey, EmailJob } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import { EMAIL_TYPES, QUEUES } from '../../src/domain/policy.ts';
import { type Host, openHost } from '../../src/host/host.ts';
import type { Infra } from '../../src/infra/provider.ts';
import { Publisher } from '../../src/kafka/publisher.ts';
import type { Stoppable } from '../../src/runtime/ports.ts';
import { newKeyId, newSecret } from '../../src/secrets/api-keys.ts';
import { ownCertificatePath } from '../../src/secrets/own-certificate.ts';
import { type Simulator, startSimulator } from '../../src/testing/simulator/index.ts';
import { collect } from './collect.ts';
import { silentTelemetry } from './silent-telemetry.ts';
import { SmtpClient } from './smtp-client.ts';
import { until } from './until.ts';

/** What a worker needs to know of the demo's sender and sink. */
const YAML = (directory: string, sink: Simulator, more: string) => `
state_dir: ${directory}/state
relay:
  host: ${sink.host}
  port: ${sink.smtpPort}
  tls: none
providers:
  other: { rate_limit: none, why: a test's sink }
senders:
  domains:
    - name: shop.example
      return_path: bounces.shop.example
      dkim:
        - { selector: rsa, algorithm: rsa-sha256, private_key: 'file:${directory}/state/keys/rsa.pem' }
        - { selector: ed, algorithm: ed25519-sha256, private_key: 'file:${directory}/state/keys/ed.pem' }
${more}`;

/** SMTP submission within this process, over real infrastructure, with a router and workers where they are asked for. */
export class TestSubmission {
  readonly host: Host;
  readonly port: number;
  readonly sink: Simulator;
  /** Path of the certificate that it shows. */
  readonly certificate: string;
  /** Name of the DNS record → its text. */
  readonly dkimRecords: Readonly<Record<string, string>>;
  private readonly parts: readonly Stoppable[];
  private readonly appender: Publisher;

  private constructor(
    fields: Pick<TestSubmission, 'host' | 'port' | 'sink' | 'certificate' | 'dkimRecords'>,
    parts: readonly Stoppable[],
  ) {
    Object.assign(this, fields);
    this.host = fields.host;
    this.port = fields.port;
    this.sink = fields.sink;
    this.certificate = fields.certificate;
    this.dkimRecords = fields.dkimRecords;
    this.parts = parts;
    this.appender = new Publisher({ kafka: fields.host.kafka });
  }

  static async start(infra: Infra, { delivers = false, yaml = '' } = {}): Promise<TestSubmission> {
    const directory = await mkdtemp(join(tmpdir(), 'postlane-submission-'));
    const sink = await startSimulator({ keepRaw: true });
    const path = join(directory, 'postlane.yaml');
    await writeFile(path, YAML(directory, sink, yaml));
    const config = loadConfig({
      path,
      env: {
        KAFKA_BROKERS: infra.brokers.join(','),
        SCHEMA_REGISTRY_URL: infra.schemaRegistryUrl,
        REDIS_URL: infra.redisUrl ?? undefined,
        POSTLANE_SUBMISSION_PORT: '0',
      },
    });
    await makeMissingKeys(config, () => undefined);
    const host = await openHost(config, silentTelemetry, 'test-submission');
    const submission = await startSubmission(host);
    const roles = delivers ? await Promise.all([startRouter(host), startWorkers(host, QUEUES)]) : [];
    const parts: Stoppable[] = [
      submission,
      ...roles,
      { stop: () => host.close() },
      { stop: () => sink.stop() },
      { stop: () => rm(directory, { recursive: true, force: true, maxRetries: 3 }) },
    ];
    const certificate = ownCertificatePath(config.stateDir, 'submission');
    return new TestSubmission(
      { host, port: submission.port, sink, certificate, dkimRecords: await dkimRecordsOf(config) },
      parts,
    );
  }

  /** Makes a key and waits until it is known here. */
  async key(over: Partial<ApiKey> = {}): Promise<{ readonly text: string; readonly row: ApiKey }> {
    const { secret, hash } = newSecret();
    const row: ApiKey = {
      keyId: newKeyId(),
      tenant: 'default',
      name: 'test',
      scopes: ['emails:send'],
      secrets: [{ hash, until: null }],
      requestsPerSecond: null,
      mailsPerDay: null,
      revoked: false,
      at: Date.now(),
      ...over,
    };
    await this.putKey(row);
    const text = `${row.keyId}_${secret}`;
    await until('a key to be known', async () => {
      const client = await SmtpClient.open(this.port);
      await client.secure();
      const reply = await client.login(text);
      client.close();
      return reply.startsWith('235') || reply.includes('scope');
    });
    return { text, row };
  }

  async putKey(row: ApiKey): Promise<void> {
    const value = this.host.codec.encode(topics.apiKeys, row);
    await this.appender.append([{ topic: topics.apiKeys.name, key: row.keyId, value }]);
  }

  /** A client that has logged in. */
  async client(key: string): Promise<SmtpClient> {
    const client = await SmtpClient.open(this.port);
    await client.secure();
    const reply = await client.login(key);
    if (!reply.startsWith('235')) throw new Error(reply);
    return client;
  }

  /** Every job of the log to a recipient. */
  async jobsTo(recipient: string): Promise<EmailJob[]> {
    const { kafka, codec } = this.host;
    const found = await Promise.all(EMAIL_TYPES.map((type) => collect(kafka, codec, topics.ingest(type))));
    return found.flat().flatMap(({ value }) => (value.recipient === recipient ? [value] : []));
  }

  async stop(): Promise<void> {
    await this.appender.close();
    for (const part of this.parts) await part.stop();
  }
}
