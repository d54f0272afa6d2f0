import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';
import type { Environment } from '../config/environment.ts';
import { PostlaneError } from '../domain/error.ts';
import { startGuarded } from './guarded-process.ts';
import { LogFile } from './log-file.ts';
import { CONFLUENT_API_PATH } from './native/registry.ts';
import { output } from './native/tools.ts';
import { packageRoot } from './package-root.ts';
import { rememberedPorts } from './ports.ts';
import { answersPing, answersSubjects, countBrokers } from './probes.ts';
import type { Infra, NodeSignal, Progress } from './provider.ts';
import { waitFor } from './wait.ts';

/** Covers the download of the images. */
export const COMPOSE_UP_DEADLINE_MS = 10 * 60_000;
const COMMAND_DEADLINE_MS = 60_000;
const READY_DEADLINE_MS = 60_000;

/** Beside package.json. */
export const COMPOSE_FILE = 'docker-compose.kafka.yml';
export const SERVICES = ['kafka', 'registry', 'redis'] as const;
export type ServiceName = (typeof SERVICES)[number];
export type ServicePorts = Readonly<Record<ServiceName, number>>;

export interface ComposeOptions {
  /** Holds the remembered ports and the logs; the containers' data lies in volumes of a project named after it. */
  readonly dataDirectory: string;
  readonly environment: Environment;
}

/** Two data directories of one machine are two projects, with containers, networks and volumes of their own. */
export function projectName(dataDirectory: string): string {
  return `postlane-${createHash('sha256').update(resolve(dataDirectory)).digest('hex').slice(0, 12)}`;
}

/** Ports of this machine for the services of a data directory; the same at every start, where they are free. */
export const composePorts = (dataDirectory: string): Promise<ServicePorts> =>
  rememberedPorts(join(dataDirectory, 'docker-ports.json'), SERVICES);

/** What the compose file wants to know. */
export const composeVariables = (ports: ServicePorts): Readonly<Record<string, string>> => ({
  POSTLANE_KAFKA_PORT: String(ports.kafka),
  POSTLANE_REGISTRY_PORT: String(ports.registry),
  POSTLANE_REDIS_PORT: String(ports.redis),
});

/** Returns when every service answers at its published port. */
export async function composeReached(ports: ServicePorts): Promise<void> {
  await Promise.all(SERVICES.map((service) => reached(service, ports[service])));
}

/** The services of a project that is up. */
export function composeInfra(compose: Compose, ports: ServicePorts, stop: () => Promise<void>): Infra {
  const start = async (service: ServiceName) => {
    await compose.run(['up', '--detach', '--wait', '--no-deps', service], COMPOSE_UP_DEADLINE_MS);
    await reached(service, ports[service]);
  };
  const onlyBroker = (broker: number) => {
    if (broker !== 1) throw new PostlaneError('INFRA_UNAVAILABLE', { what: `broker ${broker}: there is one` });
  };
  return {
    provider: 'docker',
    brokers: [`127.0.0.1:${ports.kafka}`],
    schemaRegistryUrl: `http://127.0.0.1:${ports.registry}${CONFLUENT_API_PATH}`,
    redisUrl: `redis://127.0.0.1:${ports.redis}`,
    processes: () => [],
    killBroker: async (signal, broker = 1) => {
      onlyBroker(broker);
      await compose.signal('kafka', signal);
    },
    startBroker: async (broker = 1) => {
      onlyBroker(broker);
      await start('kafka');
    },
    killRegistry: (signal) => compose.signal('registry', signal),
    startRegistry: () => start('registry'),
    killRedis: (signal) => compose.signal('redis', signal),
    startRedis: () => start('redis'),
    stop,
  };
}

async function reached(service: ServiceName, port: number): Promise<void> {
  const address = { host: '127.0.0.1', port };
  const probes: Readonly<Record<ServiceName, () => Promise<boolean>>> = {
    kafka: async () => (await countBrokers(address)) > 0,
    registry: () => answersSubjects(`http://127.0.0.1:${port}${CONFLUENT_API_PATH}`),
    redis: () => answersPing(address),
  };
  const probe = probes[service];
  const answer = async () => ((await probe()) ? true : undefined);
  await waitFor(`container ${service} to answer at its published port`, answer, { deadlineMs: READY_DEADLINE_MS });
}

/** `docker compose` for one project. */
export class Compose {
  readonly #options: ComposeOptions;
  readonly #environment: Environment;
  readonly #prefix: readonly string[];

  constructor(options: ComposeOptions, ports: ServicePorts) {
    this.#options = options;
    this.#environment = { ...options.environment, ...composeVariables(ports) };
    const file = join(packageRoot(), COMPOSE_FILE);
    this.#prefix = ['compose', '--file', file, '--project-name', projectName(options.dataDirectory)];
  }

  async run(args: readonly string[], deadlineMs: number, progress?: Progress): Promise<void> {
    const log = new LogFile(join(this.#options.dataDirectory, 'logs', 'docker.log'));
    const started = await startGuarded({
      name: 'docker',
      command: 'docker',
      args: [...this.#prefix, ...args],
      environment: this.#environment,
      log,
      watch: progress && ((text) => stepsOf(text).forEach(progress)),
    });
    const timer = setTimeout(() => started.signal('SIGKILL'), deadlineMs);
    const exit = await started.exited;
    clearTimeout(timer);
    const tail = log.tail();
    log.close();
    if (exit.status === 0) return;
    throw new PostlaneError('INFRA_UNAVAILABLE', { what: `docker compose ${args.join(' ')}`, ...exit, log: tail });
  }

  /** Removes the containers; their volumes stay. */
  down(): Promise<void> {
    return this.run(['down', '--timeout', '20'], COMMAND_DEADLINE_MS);
  }

  async signal(service: ServiceName, signal: NodeSignal): Promise<void> {
    await this.run(['kill', '--signal', signal, service], COMMAND_DEADLINE_MS);
    if (signal !== 'SIGKILL' && signal !== 'SIGTERM') return;
    const running = ['ps', '--services', '--status', 'running'];
    const gone = async () => {
      const services = await output('docker', [...this.#prefix, ...running], this.#environment);
      return services !== undefined && !services.split('\n').includes(service) ? true : undefined;
    };
    await waitFor(`the end of container ${service}`, gone, { deadlineMs: COMMAND_DEADLINE_MS });
  }
}

/** The lines of Compose's plain progress that say that something is done. */
function stepsOf(text: string): readonly string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => /(Pulled|Created|Started|Healthy)$/.test(line));
}
