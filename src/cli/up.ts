import type { Environment } from '../config/environment.ts';
import type { Config } from '../config/types.ts';
import { ALLOCATOR_ENVIRONMENT } from '../infra/allocator.ts';
import { chooseProvider } from '../infra/choose.ts';
import { rememberedPorts } from '../infra/ports.ts';
import { ProcessRecords } from '../infra/process-records.ts';
import type { Infra, ProviderName, RunningProcess } from '../infra/provider.ts';
import { waitFor } from '../infra/wait.ts';
import { applyTopics } from '../kafka/topic-admin.ts';
import { applySchemas } from '../registry/schema-admin.ts';
import { ownCertificatePath } from '../secrets/own-certificate.ts';
import { catalogOf, configsOf, wholeConfigOf } from './catalog.ts';
import { withAdmin } from './commands/topics.ts';
import type { CliContext } from './context.ts';
import { type DataLayout, dataLayout } from './data-directory.ts';
import { dkimRecordsOf, makeMissingKeys } from './generated-keys.ts';
import { type Status, StatusPublisher } from './status-file.ts';
import { Supervisor } from './supervisor.ts';
import { type LocalProcess, type LocalTopology, localTopology, portNames } from './topology.ts';

/** After a crash the group first waits for the end of the dead members' sessions. */
const READY_DEADLINE_MS = 120_000;
/** One that ends so often before it was ready will not become so. */
const EARLY_ENDS_MAX = 4;
const PROBE_TIMEOUT_MS = 2_000;
/** A drain may take 30 s; a little more, so that it ends by itself. */
const STOP_DEADLINE_MS = 40_000;

export interface UpOptions {
  readonly dataDirectory: string;
  readonly provider?: ProviderName;
}

/** Everything that `postlane up` started. */
export interface LocalStack {
  readonly infra: Infra;
  /** As its processes read it; where there are several regions, those of the first. */
  readonly config: Config;
  status(): Status;
  /** The last started first; data stays. Idempotent and bounded. */
  stop(): Promise<void>;
}

/** Brings up the infrastructure, topics, schemas and every role, and returns when all of it is ready. */
export async function startStack(context: CliContext, options: UpOptions): Promise<LocalStack> {
  configsOf(context); // what is wrong with it is told before anything is started
  const layout = dataLayout(options.dataDirectory);
  const undo = new UndoList();
  try {
    const records = await ProcessRecords.claim(layout.root);
    undo.add(() => records.release());
    const infra = await startInfra(context, options, layout);
    undo.add(() => infra.stop());
    const environment = fitted(context, stackEnvironment(context, layout, infra), infra.brokers.length);
    const configs = configsOf({ ...context, environment });
    await Promise.all([
      ...configs.map((each) => prepare(each, context.tell)),
      // They are every region's, and lie where the file says.
      makeMissingKeys(wholeConfigOf({ ...context, environment }), context.tell),
    ]);
    const config = configs[0] as Config;
    const status = await startProcesses({ context, layout, records, infra, environment, config, undo });
    return { infra, config, status, stop: () => undo.run() };
  } catch (cause) {
    await undo.run();
    throw cause;
  }
}

async function startInfra(context: CliContext, options: UpOptions, layout: DataLayout): Promise<Infra> {
  const { KAFKA_BROKERS, SCHEMA_REGISTRY_URL, REDIS_URL } = context.environment;
  const provider = await chooseProvider({
    name: options.provider,
    given: { brokers: KAFKA_BROKERS, schemaRegistryUrl: SCHEMA_REGISTRY_URL, redisUrl: REDIS_URL },
    environment: context.environment,
    dataDirectory: layout.infra,
  });
  context.tell(`infrastructure: ${provider.name}`);
  return provider.start(context.tell);
}

/** What our processes see: the environment of `up`, with the addresses of what it started. */
const stackEnvironment = (context: CliContext, layout: DataLayout, infra: Infra): Environment => ({
  ...ALLOCATOR_ENVIRONMENT,
  ...context.environment,
  KAFKA_BROKERS: infra.brokers.join(','),
  SCHEMA_REGISTRY_URL: infra.schemaRegistryUrl,
  REDIS_URL: infra.redisUrl ?? undefined,
  POSTLANE_STATE_DIR: layout.state,
  NODE_COMPILE_CACHE: context.environment.NODE_COMPILE_CACHE ?? layout.compiled,
});

/** A configuration for several brokers is tried on one: copies that nobody could keep are not asked for. */
function fitted(context: CliContext, environment: Environment, brokers: number): Environment {
  const { replicationFactor } = wholeConfigOf({ ...context, environment }).topics;
  if (replicationFactor <= brokers) return environment;
  context.tell(
    `topics.replication_factor is ${replicationFactor}; here it is ${brokers}, as many as there are brokers`,
  );
  return { ...environment, POSTLANE_REPLICATION_FACTOR: String(brokers) };
}

/** Topics and schemas, at the first start as at every other. */
async function prepare(config: Config, tell: (line: string) => void): Promise<void> {
  const catalog = catalogOf(config);
  await Promise.all([
    withAdmin(config, async (admin) => {
      const { refusals } = await applyTopics(admin, catalog, { allowStateGrowth: false }, tell);
      for (const { topic, why } of refusals) tell(`topic ${topic} is left as it is: ${why}`);
    }),
    applySchemas(config.registry.url, catalog, tell),
  ]);
}

interface Starting {
  readonly context: CliContext;
  readonly layout: DataLayout;
  readonly records: ProcessRecords;
  readonly infra: Infra;
  readonly environment: Environment;
  readonly config: Config;
  readonly undo: UndoList;
}

/** Starts the processes and returns, when all are ready, how to see what runs. */
async function startProcesses(starting: Starting): Promise<() => Status> {
  const { context, layout, records, infra, config, undo } = starting;
  const regions = config.region === null ? [] : regionsOf(starting);
  const ports = await rememberedPorts(layout.ports, portNames(regions));
  const topology = localTopology((name) => ports[name] as number, regions);
  const dkimRecords = await dkimRecordsOf(config);
  const supervisor = new Supervisor({
    records,
    logDirectory: layout.logs,
    tell: context.tell,
    changed: () => publisher.changed(),
  });
  const status = () => statusOf(infra, config, topology, dkimRecords, supervisor.processes());
  const publisher = new StatusPublisher(layout.root, status, context.tell);
  undo.add(() => publisher.end());
  undo.add(() => supervisor.stop({ withinMs: STOP_DEADLINE_MS }));
  await Promise.all(topology.processes.map((process) => startProcess(starting, supervisor, process)));
  return status;
}

/** All that there are, or the one that was asked for. */
const regionsOf = ({ context, environment }: Starting): readonly string[] =>
  configsOf({ ...context, environment }).flatMap(({ region }) => region?.name ?? []);

/** Starts one process and waits until it calls itself ready. */
async function startProcess(starting: Starting, supervisor: Supervisor, process: LocalProcess): Promise<void> {
  const { context, environment } = starting;
  const [command, entry] = context.self;
  const own = { ...environment, ...process.environment };
  await supervisor.start({ name: process.name, command, args: [entry, ...process.args], environment: own });
  const ready = async () => {
    const response = await fetch(process.readyUrl, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
    await response.arrayBuffer();
    return response.ok ? true : undefined;
  };
  await waitFor(`${process.name} to be ready`, ready, {
    deadlineMs: READY_DEADLINE_MS,
    hopeless: () => (supervisor.earlyEnds(process.name) > EARLY_ENDS_MAX ? { ended: 'again and again' } : undefined),
    diagnose: () => ({ log: supervisor.logTail(process.name) }),
  });
  context.tell(`${process.name} is ready`);
}

function statusOf(
  infra: Infra,
  { submission, stateDir }: Config,
  topology: LocalTopology,
  dkimRecords: Readonly<Record<string, string>>,
  supervised: readonly RunningProcess[],
): Status {
  const rolesOf = new Map(topology.processes.map(({ name, roles }) => [name, roles]));
  const running = supervised.flatMap(({ role: name, pid }) => (rolesOf.get(name) ?? []).map((role) => ({ role, pid })));
  return {
    brokers: infra.brokers,
    schemaRegistry: infra.schemaRegistryUrl,
    redis: infra.redisUrl,
    api: topology.api,
    submission: topology.submission,
    ...(topology.regions.length > 0 && { regions: topology.regions }),
    submissionCertificate: submission.tls === null ? ownCertificatePath(stateDir, 'submission') : null,
    metrics: topology.processes.flatMap(({ metricsUrl }) => metricsUrl ?? []),
    console: null,
    simulatorSmtp: topology.simulatorSmtp,
    simulatorJournal: topology.simulatorJournal,
    dkimRecords,
    processes: [...running, ...infra.processes()],
  };
}

/** What is to be undone at the end: the last done first, each once, also where an earlier step fails. */
class UndoList {
  readonly #steps: (() => Promise<void>)[] = [];
  #running: Promise<void> | undefined;

  add(step: () => Promise<void>): void {
    this.#steps.push(step);
  }

  run(): Promise<void> {
    this.#running ??= this.#run();
    return this.#running;
  }

  async #run(): Promise<void> {
    const failures: unknown[] = [];
    for (const step of this.#steps.toReversed()) await step().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  }
}
