import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CreateSecretCommand,
  DeleteSecretCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { environment } from '../../src/config/environment.ts';
import { startGuarded } from '../../src/infra/guarded-process.ts';
import { LogFile } from '../../src/infra/log-file.ts';
import { packageRoot } from '../../src/infra/package-root.ts';
import { freePort } from '../../src/infra/ports.ts';
import { waitFor } from '../../src/infra/wait.ts';
import { installedPython } from './python.ts';

export const MOTO_REQUIREMENTS = join(packageRoot(), 'test', 'support', 'requirements-moto.txt');
const REGION = 'eu-central-1';
/** What moto takes from anybody. */
const WHO = { AWS_ACCESS_KEY_ID: 'testing', AWS_SECRET_ACCESS_KEY: 'testing', AWS_REGION: REGION };
const READY_MS_MAX = 60_000;

/** A process of moto's server, which speaks AWS's API over HTTP; `await using`, or stop it. */
export class Moto {
  readonly endpoint: string;
  readonly region = REGION;
  private readonly client: SecretsManagerClient;
  private readonly end: () => Promise<void>;
  private readonly before: NodeJS.ProcessEnv;

  private constructor(endpoint: string, end: () => Promise<void>) {
    this.endpoint = endpoint;
    this.end = end;
    const credentials = { accessKeyId: WHO.AWS_ACCESS_KEY_ID, secretAccessKey: WHO.AWS_SECRET_ACCESS_KEY };
    this.client = new SecretsManagerClient({ endpoint, region: REGION, credentials });
    this.before = { ...process.env };
    // Who we are to AWS is the SDK's to find, as in production.
    Object.assign(process.env, WHO);
  }

  static async start(): Promise<Moto> {
    const python = await installedPython(MOTO_REQUIREMENTS);
    const directory = await mkdtemp(join(tmpdir(), 'postlane-moto-'));
    const port = await freePort();
    const log = new LogFile(join(directory, 'log'));
    const server = await startGuarded({
      name: 'moto',
      command: python,
      args: ['-m', 'moto.server', '-H', '127.0.0.1', '-p', String(port)],
      environment: { ...environment(), ...WHO },
      log,
    });
    const endpoint = `http://127.0.0.1:${port}`;
    const end = async (): Promise<void> => {
      await server.stop({ withinMs: 5_000 });
      log.close();
      await rm(directory, { recursive: true, force: true });
    };
    try {
      await waitFor('moto to answer', async () => (await fetch(`${endpoint}/moto-api/`)).ok || undefined, {
        deadlineMs: READY_MS_MAX,
        diagnose: () => ({ log: log.tail() }),
      });
    } catch (error) {
      await end();
      throw error;
    }
    return new Moto(endpoint, end);
  }

  /** A new version, which becomes the current one; the one before becomes AWSPREVIOUS, or what `stage` says. */
  async put(name: string, value: string | Uint8Array, stage?: string): Promise<void> {
    const content = typeof value === 'string' ? { SecretString: value } : { SecretBinary: value };
    try {
      const stages = stage === undefined ? {} : { VersionStages: [stage] };
      await this.client.send(new PutSecretValueCommand({ SecretId: name, ...content, ...stages }));
    } catch (error) {
      if ((error as Error).name !== 'ResourceNotFoundException') throw error;
      await this.client.send(new CreateSecretCommand({ Name: name, ...content }));
    }
  }

  async remove(name: string): Promise<void> {
    await this.client.send(new DeleteSecretCommand({ SecretId: name, ForceDeleteWithoutRecovery: true }));
  }

  async stop(): Promise<void> {
    this.client.destroy();
    for (const name of Object.keys(WHO)) {
      if (this.before[name] === undefined) delete process.env[name];
      else process.env[name] = this.before[name];
    }
    await this.end();
  }
}
