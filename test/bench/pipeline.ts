import { writeFile } from 'node:fs/promises';
import { catalogOf } from '../../src/cli/catalog.ts';
import { withAdmin } from '../../src/cli/commands/topics.ts';
import { makeMissingKeys } from '../../src/cli/generated-keys.ts';
import { APART } from '../../src/cli/topology.ts';
import { type Environment, environment } from '../../src/config/environment.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { EmailType } from '../../src/domain/policy.ts';
import { ALLOCATOR_ENVIRONMENT } from '../../src/infra/allocator.ts';
import type { GuardedProcess } from '../../src/infra/guarded-process.ts';
import { freePort } from '../../src/infra/ports.ts';
import type { Infra } from '../../src/infra/provider.ts';
import { waitFor } from '../../src/infra/wait.ts';
import { applyTopics } from '../../src/kafka/topic-admin.ts';
import { applySchemas } from '../../src/registry/schema-admin.ts';
import { startTestInfra } from '../support/infra.ts';
import { SENDER_DOMAIN } from './mails.ts';
import type { NewsletterArm } from './newsletter.ts';
import { Helper } from './processes.ts';
import type { Sink } from './sink.ts';
import type { SpawnOptions, Workshop } from './workshop.ts';

/** Connections to the sink, in every arm. */
export const CONNECTIONS = 20;
/** Mails over one connection, in every arm: no arm spends its time on connecting. */
export const MAILS_PER_CONNECTION = 100_000;
export const SELECTOR = 'bench';
const READY_DEADLINE_MS = 90_000;

/** What the publisher's process is asked: so many jobs from `first` on, as fast as it can or at a rate. */
export interface PublishRequest {
  readonly run: string;
  readonly first: number;
  readonly count: number;
  readonly type: EmailType;
  readonly sites?: readonly string[];
  /** Jobs a second; left out: as fast as the publisher takes them. */
  readonly perSecond?: number;
  /** A newsletter of 50 KB in place of mails that are all different. */
  readonly newsletter?: NewsletterArm;
}

export interface PublishAnswer {
  /** When the first job was handed to the publisher, and when the broker had acknowledged the last one. */
  readonly startedAt: number;
  readonly endedAt: number;
  /** With a rate: when each job was handed to the publisher, in their order. */
  readonly publishedAt: readonly number[];
}

/** Transactions, and how long they took in all. */
export interface Commits {
  readonly count: number;
  readonly durationMs: number;
}

export interface PipelineOptions {
  /** More lines of the configuration, at its top level. */
  readonly settings?: string;
  readonly spawn?: (role: string) => SpawnOptions;
  /** Router and worker of bulk mail are processes of their own, which give way. */
  readonly bulkApart?: boolean;
  /** Where the broker keeps its logs; left out: somewhere. */
  readonly dataDirectory?: string;
}

/** Broker, registry, router, worker and the ladder, as processes as they run in production, and a publisher. */
export interface Pipeline {
  readonly infra: Infra;
  readonly publisher: Helper<PublishRequest, PublishAnswer>;
  readonly router: GuardedProcess;
  readonly worker: GuardedProcess;
  /** What router and worker have committed so far. */
  commits(): Promise<Readonly<Record<'router' | 'worker', Commits>>>;
  /** Our own processes by name. */
  readonly pids: Readonly<Record<string, number>>;
  /** Broker and registry; empty where they are not processes of this machine that were started here. */
  readonly infraPids: Readonly<Record<string, number>>;
}

/** The file with which the roles are started. No limits, no encryption, one RSA key; all else as by default. */
const configuration = (sink: Sink, stateDirectory: string, settings: string): string => `
state_dir: ${stateDirectory}
logs: { level: warn }
relay:
  host: ${sink.host}
  port: ${sink.port}
  tls: none
  helo: bench.example
  max_connections: ${CONNECTIONS}
  max_messages_per_connection: ${MAILS_PER_CONNECTION}
providers:
${['google', 'microsoft', 'yahoo', 'apple', 'other'].map((provider) => `  ${provider}: { rate_limit: none, max_connections: ${CONNECTIONS}, max_messages_per_connection: ${MAILS_PER_CONNECTION}, why: the bench has no limits }`).join('\n')}
senders:
  mode: strict
  domains:
    - name: ${SENDER_DOMAIN}
      dkim: [{ selector: ${SELECTOR}, algorithm: rsa-sha256, private_key: 'file:${stateDirectory}/keys/dkim.pem' }]
verp:
  key: file:${stateDirectory}/keys/verp.key
${settings}
`;

/** One router and one worker for everything. */
const ALL = [{ router: [], worker: [] }] as const;
/** Path of the key that every arm signs with. */
export const keyPath = (workshop: Workshop): string => workshop.path('state', 'keys', 'dkim.pem');

/** Starts everything and returns when all of it is ready. Ends with the workshop. */
export async function startPipeline(workshop: Workshop, sink: Sink, options: PipelineOptions = {}): Promise<Pipeline> {
  const { dataDirectory } = options;
  // Whoever wants to see the logs needs a broker that keeps them here.
  const own = dataDirectory === undefined ? {} : { own: true, dataDirectory };
  const infra = await startTestInfra({ ...own, progress: (line) => workshop.tell(line) });
  workshop.atEnd(() => infra.stop());
  const path = workshop.path('postlane.yaml');
  await writeFile(path, configuration(sink, workshop.path('state'), options.settings ?? ''));
  const addresses = addressesOf(infra);
  const config = loadConfig({ env: { ...environment(), ...addresses }, path });
  const catalog = catalogOf(config);
  await withAdmin(config, (admin) => applyTopics(admin, catalog, { allowStateGrowth: false }, () => undefined));
  await applySchemas(config.registry.url, catalog, () => undefined);
  await makeMissingKeys(config, () => undefined);
  const start = async (name: string, ...roles: readonly string[]): Promise<Role> => {
    const port = await freePort();
    const process = await startRole(
      workshop,
      name,
      roles,
      path,
      { ...addresses, POSTLANE_HTTP_PORT: String(port) },
      options,
    );
    const url = `http://127.0.0.1:${port}`;
    await untilReady(workshop, name, process, url);
    return { process, url };
  };
  const [urgent, bulk] = options.bulkApart ? [APART.urgent, APART.bulk] : ALL;
  const [router, worker, background, ...apart] = await Promise.all([
    start('router', 'router', ...urgent.router),
    start('worker', 'worker', ...urgent.worker),
    start('background', 'delay', 'reputation'),
    ...(bulk ? [start('router-bulk', 'router', ...bulk.router), start('worker-bulk', 'worker', ...bulk.worker)] : []),
  ]);
  const publisher = await startPublisher(workshop, { infra });
  return {
    infra,
    publisher,
    router: router.process,
    worker: worker.process,
    commits: async () => ({ router: await commitsOf(router), worker: await commitsOf(worker) }),
    pids: {
      publisher: publisher.pid,
      router: router.process.pid,
      worker: worker.process.pid,
      background: background.process.pid,
      ...Object.fromEntries(apart.map(({ process }, index) => [`${['router', 'worker'][index]}-bulk`, process.pid])),
    },
    infraPids: Object.fromEntries(
      infra
        .processes()
        .filter(({ role }) => role !== 'redis')
        .map(({ role, pid }) => [role, pid]),
    ),
  };
}

/** A publisher in a process of its own. */
export async function startPublisher(
  workshop: Workshop,
  { infra }: Pick<Pipeline, 'infra'>,
): Promise<Pipeline['publisher']> {
  const { brokers, schemaRegistryUrl } = infra;
  const settings = { brokers, schemaRegistryUrl };
  const publisher = await Helper.start<PublishRequest, PublishAnswer>('publisher-process.ts', settings);
  workshop.atEnd(() => publisher.stop());
  return publisher;
}

const addressesOf = (infra: Infra) => ({
  KAFKA_BROKERS: infra.brokers.join(),
  SCHEMA_REGISTRY_URL: infra.schemaRegistryUrl,
  REDIS_URL: infra.redisUrl ?? undefined,
});

interface Role {
  readonly process: GuardedProcess;
  /** Of its health checks and metrics. */
  readonly url: string;
}

function startRole(
  workshop: Workshop,
  name: string,
  roles: readonly string[],
  configPath: string,
  own: Environment,
  options: PipelineOptions,
): Promise<GuardedProcess> {
  const as = { ...ALLOCATOR_ENVIRONMENT, ...own };
  return workshop.postlane(name, ['run', ...roles, '--config', configPath], as, options.spawn?.(name));
}

async function untilReady(workshop: Workshop, name: string, process: GuardedProcess, url: string): Promise<void> {
  let end: unknown;
  void process.exited.then((exit) => {
    end = exit;
  });
  const ready = async () => ((await fetch(`${url}/readyz`)).ok ? true : undefined);
  await waitFor(`${name} to be ready`, ready, {
    deadlineMs: READY_DEADLINE_MS,
    hopeless: () => (end === undefined ? undefined : { end }),
    diagnose: () => ({ log: workshop.logTail(name) }),
  });
  workshop.tell(`${name} is ready`);
}

/** Adds up over every label what a process says about its transactions. */
async function commitsOf({ url }: Role): Promise<Commits> {
  const text = await (await fetch(`${url}/metrics`)).text();
  let count = 0;
  let durationMs = 0;
  for (const [, what, value] of text.matchAll(/^postlane_transaction_duration_ms_(count|sum)(?:\{.*\})? (\S+)$/gm)) {
    if (what === 'count') count += Number(value);
    else durationMs += Number(value);
  }
  return { count, durationMs };
}
