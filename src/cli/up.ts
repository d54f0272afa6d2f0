import type { Environment } from '../config/environment.ts';
import { chooseProvider } from '../infra/choose.ts';
import { rememberedPorts } from '../infra/ports.ts';
import { ProcessRecords } from '../infra/process-records.ts';
import type { Infra, ProviderName } from '../infra/provider.ts';
import { waitFor } from '../infra/wait.ts';
import type { CliContext } from './context.ts';
import { type DataLayout, dataLayout } from './data-directory.ts';
import { removeStatus, type Status, writeStatus } from './status-file.ts';
import { Supervisor } from './supervisor.ts';
import { type LocalProcess, localProcesses } from './topology.ts';

const READY_DEADLINE_MS = 60_000;
const READY_INTERVAL_MS = 100;
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
  readonly layout: DataLayout;
  /** Addresses for whoever talks to it: as given to its processes. */
  readonly environment: Environment;
  status(): Status;
  /** The last started first; data stays. Idempotent and bounded. */
  stop(): Promise<void>;
}

/** Brings up the infrastructure, topics, schemas and every role, and returns when all of it is ready. */
export async function startStack(context: CliContext, options: UpOptions): Promise<LocalStack> {
  const layout = dataLayout(options.dataDirectory);
  const records = await ProcessRecords.claim(layout.root);
  const undo: (() => Promise<void>)[] = [() => records.release()];
  const stop = once(() => stopInReverse(undo));
  try {
    return await startParts(context, options, { layout, records, undo, stop });
  } catch (cause) {
    await stop();
    throw cause;
  }
}

interface Making {
  readonly layout: DataLayout;
  readonly records: ProcessRecords;
  readonly undo: (() => Promise<void>)[];
  readonly stop: () => Promise<void>;
}

async function startParts(context: CliContext, options: UpOptions, making: Making): Promise<LocalStack> {
  const { layout, records, undo, stop } = making;
  const infra = await startInfra(context, options, layout);
  undo.push(() => infra.stop());
  const environment = stackEnvironment(context, layout, infra);
  const plan = localProcesses();
  const ports = await rememberedPorts(
    layout.ports,
    plan.map(({ name }) => name),
  );
  let supervisor: Supervisor | undefined;
  const status = (): Status => ({
    brokers: infra.brokers,
    schemaRegistry: infra.schemaRegistryUrl,
    redis: infra.redisUrl,
    api: null,
    metrics: null,
    console: null,
    simulatorSmtp: null,
    simulatorJournal: null,
    dkimRecords: {},
    processes: [...(supervisor?.processes() ?? []), ...infra.processes()],
  });
  const publish = statusPublisher(layout, status, context.tell);
  undo.push(() => publish.end());
  supervisor = new Supervisor({ records, logDirectory: layout.logs, tell: context.tell, changed: publish.soon });
  const started = supervisor;
  undo.push(() => started.stop({ withinMs: STOP_DEADLINE_MS }));
  await Promise.all(
    plan.map((process) => startProcess(context, started, process, environment, ports[process.name] ?? 0)),
  );
  publish.soon();
  return { infra, layout, environment, status, stop };
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
function stackEnvironment(context: CliContext, layout: DataLayout, infra: Infra): Environment {
  return {
    ...context.environment,
    KAFKA_BROKERS: infra.brokers.join(','),
    SCHEMA_REGISTRY_URL: infra.schemaRegistryUrl,
    REDIS_URL: infra.redisUrl ?? undefined,
    POSTLANE_STATE_DIR: layout.state,
  };
}

/** Starts one process and waits until its health endpoint calls it ready. */
async function startProcess(
  context: CliContext,
  supervisor: Supervisor,
  process: LocalProcess,
  environment: Environment,
  port: number,
): Promise<void> {
  const [node, entry] = context.self;
  const args = [entry, 'run', ...process.roles, ...process.options];
  const own = { ...environment, ...process.environment, POSTLANE_HTTP_PORT: String(port) };
  await supervisor.start({ name: process.name, command: node, args, environment: own });
  const ready = async () => {
    const signal = AbortSignal.timeout(PROBE_TIMEOUT_MS);
    const response = await fetch(`http://127.0.0.1:${port}/readyz`, { signal });
    await response.arrayBuffer();
    return response.ok ? true : undefined;
  };
  await waitFor(`${process.name} to be ready`, ready, {
    deadlineMs: READY_DEADLINE_MS,
    intervalMs: READY_INTERVAL_MS,
    diagnose: () => ({ log: supervisor.logTail(process.name) }),
  });
  context.tell(`${process.name} is ready`);
}

/** Writes the status whenever it changed, one writing after the other, and removes it at the end. */
function statusPublisher(layout: DataLayout, status: () => Status, tell: (line: string) => void) {
  let last: Promise<void> = Promise.resolve();
  let pending = false;
  const soon = (): void => {
    if (pending) return;
    pending = true;
    last = last.then(async () => {
      pending = false;
      await writeStatus(layout.root, status()).catch((error: Error) => tell(`status: ${error.message}`));
    });
  };
  const end = async (): Promise<void> => {
    await last;
    await removeStatus(layout.root);
  };
  return { soon, end };
}

async function stopInReverse(undo: readonly (() => Promise<void>)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const step of undo.toReversed()) await step().catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw failures[0];
}

function once(action: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => {
    running ??= action();
    return running;
  };
}
