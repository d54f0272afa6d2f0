import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Environment, environment } from '../../src/config/environment.ts';
import { chooseProvider } from '../../src/infra/choose.ts';
import { packageRoot } from '../../src/infra/package-root.ts';
import type { Infra, InfraProvider, ProviderName } from '../../src/infra/provider.ts';

export interface TestInfraOptions {
  /** One of its own, which the test may break. Default: that of the whole run, where there is one. */
  readonly own?: boolean;
  readonly nodes?: 1 | 3;
  readonly provider?: ProviderName;
  /** Kept when stopped, for tests that start again on the same data. Default: a new directory, deleted at the end. */
  readonly dataDirectory?: string;
  readonly progress?: (line: string) => void;
}

/**
 * Infrastructure for a suite: what KAFKA_BROKERS, SCHEMA_REGISTRY_URL and REDIS_URL name where the run set them and the suite
 * does not want its own; else one that is started here. Stop it in `afterAll`: stopping a shared one does nothing.
 */
export async function startTestInfra(options: TestInfraOptions = {}): Promise<Infra> {
  const { KAFKA_BROKERS, SCHEMA_REGISTRY_URL, REDIS_URL, ...rest } = environment();
  const shared = { brokers: KAFKA_BROKERS, schemaRegistryUrl: SCHEMA_REGISTRY_URL, redisUrl: REDIS_URL };
  const dataDirectory = options.dataDirectory ?? (await mkdtemp(join(tmpdir(), 'postlane-infra-')));
  const cleanUp = async () => {
    if (options.dataDirectory === undefined) await rm(dataDirectory, { recursive: true, force: true, maxRetries: 3 });
  };
  try {
    const chosen = await chooseProvider({
      name: options.provider,
      given: options.own || options.provider ? {} : shared,
      environment: rest,
      dataDirectory,
      downloadsDirectory: join(packageRoot(), '.postlane', 'downloads'),
      nodes: options.nodes,
    });
    const provider = chosen.name === 'docker' ? await inContainers(dataDirectory, rest) : chosen;
    const infra = await provider.start(options.progress ?? (() => undefined));
    const stop = async () => {
      try {
        await infra.stop();
      } finally {
        await cleanUp();
      }
    };
    return { ...infra, stop };
  } catch (cause) {
    await cleanUp();
    throw cause;
  }
}

/** Loaded only where it is used: a large library. */
async function inContainers(dataDirectory: string, ownEnvironment: Environment): Promise<InfraProvider> {
  const { testcontainersProvider } = await import('./testcontainers.ts');
  return testcontainersProvider({ dataDirectory, environment: ownEnvironment });
}

/** Infrastructure for every test of the surrounding `describe`; the answer may be called in tests and hooks only. */
export function withInfra(options: TestInfraOptions = {}): () => Infra {
  let infra: Infra | undefined;
  beforeAll(async () => {
    infra = await startTestInfra(options);
  }, 120_000);
  afterAll(async () => {
    await infra?.stop();
  }, 60_000);
  return () => {
    if (infra === undefined) throw new Error('the infrastructure is there from beforeAll on');
    return infra;
  };
}
