import { join } from 'node:path';
import type { Environment } from '../config/environment.ts';
import { PostlaneError } from '../domain/error.ts';
import { type BrokerLayout, brokerArguments, clusterIdOf, prepareBroker } from './native/broker.ts';
import { download } from './native/downloads.ts';
import { CONFLUENT_API_PATH, registryArguments, registryEnvironment } from './native/registry.ts';
import { Service, type ServiceOptions } from './native/service.ts';
import { findJava, hasRedis } from './native/tools.ts';
import { rememberedPorts } from './ports.ts';
import { answersPing, answersSubjects, countBrokers } from './probes.ts';
import { ProcessRecords } from './process-records.ts';
import type { Infra, InfraProvider, Progress } from './provider.ts';

export interface NativeOptions {
  /** Holds the broker's log, the schemas, the logs of the processes and what is remembered for the next start. */
  readonly dataDirectory: string;
  readonly downloadsDirectory: string;
  readonly environment: Environment;
  /** Brokers of the cluster: 1, or 3 for tests that lose one. */
  readonly nodes: 1 | 3;
}

/** Processes of this machine: Apache Kafka and Apicurio Registry on Java, and `redis-server` where it is installed. */
export function nativeProvider(options: NativeOptions): InfraProvider {
  return { name: 'native', start: (progress) => startNative(options, progress) };
}

async function startNative(options: NativeOptions, progress: Progress): Promise<Infra> {
  const records = await ProcessRecords.claim(options.dataDirectory);
  const services: Service[] = [];
  const stop = stopOnce(services, records);
  try {
    return await startServices(options, progress, records, services, stop);
  } catch (cause) {
    await stop();
    throw cause;
  }
}

/** Redis and the registry need nobody; the brokers go last, so that a broker's last words find its peers. */
function stopOnce(services: readonly Service[], records: ProcessRecords): () => Promise<void> {
  let stopping: Promise<void> | undefined;
  return () => {
    stopping ??= (async () => {
      const stops = await Promise.allSettled(services.map((service) => service.stop()));
      await records.release();
      const failed = stops.find((outcome) => outcome.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
    })();
    return stopping;
  };
}

async function startServices(
  options: NativeOptions,
  progress: Progress,
  records: ProcessRecords,
  services: Service[],
  stop: () => Promise<void>,
): Promise<Infra> {
  const { dataDirectory, environment } = options;
  const java = await findJava(environment);
  const downloads = download({ directory: options.downloadsDirectory, environment, progress });
  const ids = Array.from({ length: options.nodes }, (_, index) => index + 1);
  const portNames = ids.flatMap((id) => [`broker-${id}`, `controller-${id}`]);
  const ports = await rememberedPorts(join(dataDirectory, 'ports.json'), [...portNames, 'registry', 'redis']);
  const port = (name: string) => ports[name] ?? 0;
  const common = { environment, records, progress, logDirectory: join(dataDirectory, 'logs') };
  const begin = async (service: ServiceOptions) => {
    const started = new Service(service);
    services.push(started);
    progress(`starting ${service.name}`);
    await started.start();
    progress(`${service.name} is up`);
    return started;
  };

  const startBrokers = async () => {
    const runtime = { java, libraries: await downloads.kafka, environment };
    const clusterId = await clusterIdOf(dataDirectory);
    const brokerPorts = ids.map((id) => ({ clients: port(`broker-${id}`), controller: port(`controller-${id}`) }));
    return Promise.all(
      ids.map(async (id) => {
        const layout: BrokerLayout = { id, ports: brokerPorts, directory: join(dataDirectory, `broker-${id}`) };
        await prepareBroker(runtime, layout, clusterId);
        const address = { host: '127.0.0.1', port: port(`broker-${id}`) };
        const ready = async () => (await countBrokers(address)) >= Math.ceil((options.nodes + 1) / 2);
        return begin({ ...common, name: `broker-${id}`, command: java, args: brokerArguments(runtime, layout), ready });
      }),
    );
  };
  const schemaRegistryUrl = `http://127.0.0.1:${port('registry')}${CONFLUENT_API_PATH}`;
  const startRegistry = async () => {
    const args = await registryArguments(await downloads.registry);
    const own = registryEnvironment(environment, dataDirectory, port('registry'));
    const ready = () => answersSubjects(schemaRegistryUrl);
    return begin({ ...common, name: 'registry', command: java, args, environment: own, ready });
  };
  const startRedis = async () => {
    if (!(await hasRedis(environment))) {
      progress('redis-server is not installed: every process keeps to its own share of the limits');
      return null;
    }
    const address = { host: '127.0.0.1', port: port('redis') };
    // Limits look back over minutes at most: nothing in it is worth a file.
    const args = ['--bind', address.host, '--port', String(address.port), '--save', '', '--appendonly', 'no'];
    return begin({ ...common, name: 'redis', command: 'redis-server', args, ready: () => answersPing(address) });
  };

  const [brokers, registry, redis] = await allOrFirstError([startBrokers(), startRegistry(), startRedis()]);
  const broker = (id: number) => existing(brokers[id - 1], `broker-${id}`);
  return {
    provider: 'native',
    brokers: ids.map((id) => `127.0.0.1:${port(`broker-${id}`)}`),
    schemaRegistryUrl,
    redisUrl: redis === null ? null : `redis://127.0.0.1:${port('redis')}`,
    processes: () =>
      services.flatMap(({ name, pid }) =>
        pid === null ? [] : [{ role: ids.length === 1 ? roleOf(name) : name, pid }],
      ),
    killBroker: async (signal, id = 1) => broker(id).signal(signal),
    startBroker: async (id = 1) => broker(id).start(),
    killRegistry: async (signal) => registry.signal(signal),
    startRegistry: async () => registry.start(),
    killRedis: async (signal) => existing(redis, 'redis').signal(signal),
    startRedis: async () => existing(redis, 'redis').start(),
    stop,
  };
}

/** One broker needs no number. */
const roleOf = (name: string): string => (name === 'broker-1' ? 'broker' : name);

/** Like `Promise.all`, but settles only when nothing is under way any more, so that whoever cleans up finds everything. */
async function allOrFirstError<T extends readonly unknown[]>(promises: { [K in keyof T]: Promise<T[K]> }): Promise<T> {
  await Promise.allSettled(promises);
  return Promise.all(promises) as Promise<unknown> as Promise<T>;
}

function existing(service: Service | null | undefined, name: string): Service {
  if (service) return service;
  throw new PostlaneError('INFRA_UNAVAILABLE', { what: `${name}: there is none` });
}
