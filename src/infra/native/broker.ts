import { randomBytes } from 'node:crypto';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Environment } from '../../config/environment.ts';
import { PostlaneError } from '../../domain/error.ts';
import { DAY_MS, MINUTE_MS } from '../../domain/time.ts';
import { startGuarded } from '../guarded-process.ts';
import { LogFile } from '../log-file.ts';
import { replaceFile } from '../replace-file.ts';

const FORMAT_DEADLINE_MS = 60_000;
const INTERNAL_PARTITIONS = 8;
const REPLICAS_MAX = 3;
const OFFSETS_RETENTION_MINUTES = (90 * DAY_MS) / MINUTE_MS;

export interface BrokerPorts {
  readonly clients: number;
  readonly controller: number;
}

export interface BrokerLayout {
  /** Counts from 1. */
  readonly id: number;
  /** Of every broker of the cluster, in the order of their ids. */
  readonly ports: readonly BrokerPorts[];
  /** Where this broker keeps its log and its properties. */
  readonly directory: string;
}

/** The configuration of one node that is broker and controller at once (KRaft combined mode), on 127.0.0.1 only. */
export function brokerProperties(layout: BrokerLayout): string {
  const replicas = Math.min(layout.ports.length, REPLICAS_MAX);
  const own = layout.ports[layout.id - 1];
  if (own === undefined) throw new PostlaneError('BUG', { what: 'a broker without ports', id: layout.id });
  const settings: Readonly<Record<string, string | number | boolean>> = {
    'process.roles': 'broker,controller',
    'node.id': layout.id,
    'controller.quorum.voters': layout.ports.map((ports, index) => `${index + 1}@127.0.0.1:${ports.controller}`).join(),
    listeners: `CLIENTS://127.0.0.1:${own.clients},CONTROLLER://127.0.0.1:${own.controller}`,
    'advertised.listeners': `CLIENTS://127.0.0.1:${own.clients}`,
    'listener.security.protocol.map': 'CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name': 'CLIENTS',
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': join(layout.directory, 'log'),
    'auto.create.topics.enable': false,
    'delete.topic.enable': true,
    'default.replication.factor': replicas,
    // One node's minimum is one; of three, one may be away.
    'min.insync.replicas': Math.max(1, replicas - 1),
    'offsets.topic.replication.factor': replicas,
    'offsets.topic.num.partitions': INTERNAL_PARTITIONS,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': Math.max(1, replicas - 1),
    'transaction.state.log.num.partitions': INTERNAL_PARTITIONS,
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': Math.max(1, replicas - 1),
    'share.coordinator.state.topic.num.partitions': INTERNAL_PARTITIONS,
    // A group that rested over a long holiday must not begin anew.
    'offsets.retention.minutes': OFFSETS_RETENTION_MINUTES,
    'group.initial.rebalance.delay.ms': 200,
    // A killed owner's open transaction holds its successor's readers up until it times out and this check has run.
    'transaction.abort.timed.out.transaction.cleanup.interval.ms': 2_000,
    // A broker that was killed may register again only when its old session has ended.
    'broker.heartbeat.interval.ms': 500,
    'broker.session.timeout.ms': 3_000,
    'log.cleaner.enable': true,
    'log.cleaner.threads': 1,
    // The default, 128 MB, is a sixth of the heap we give it.
    'log.cleaner.dedupe.buffer.size': 32 * 1024 * 1024,
    'num.network.threads': 3,
    'num.io.threads': 4,
    'background.threads': 4,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  return `${lines.join('\n')}\n`;
}

/** The libraries' folder and the Java that runs them. */
export interface BrokerRuntime {
  readonly java: string;
  readonly libraries: string;
  readonly environment: Environment;
}

/** Command line of the broker. */
export function brokerArguments(runtime: BrokerRuntime, layout: BrokerLayout): readonly string[] {
  // A goal of 20 ms makes it collect more often, for as long each time: 15 ms (docs/decisions/0043).
  const heap = ['-Xms256m', '-Xmx768m', '-XX:+UseG1GC', '-XX:MaxGCPauseMillis=100', '-XX:+ExitOnOutOfMemoryError'];
  // It lives for minutes to hours on a small machine: the optimising compiler still takes a third of its processor
  // time after twenty thousand mails (measured once), and the pipeline needs that.
  return ['-XX:TieredStopAtLevel=1', ...heap, ...javaCommon(runtime), 'kafka.Kafka', propertiesPath(layout)];
}

const javaCommon = (runtime: BrokerRuntime): readonly string[] => [
  '-Djava.awt.headless=true',
  '-Djava.net.preferIPv4Stack=true',
  '-Dorg.slf4j.simpleLogger.showDateTime=true',
  '-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS',
  // Hundreds of lines that repeat the properties.
  '-Dorg.slf4j.simpleLogger.log.org.apache.kafka.common.config.AbstractConfig=warn',
  '-cp',
  join(runtime.libraries, '*'),
];

const propertiesPath = (layout: BrokerLayout) => join(layout.directory, 'server.properties');

/** Writes the properties and, at the first start of this data directory, formats the log directory. */
export async function prepareBroker(runtime: BrokerRuntime, layout: BrokerLayout, clusterId: string): Promise<void> {
  await mkdir(layout.directory, { recursive: true });
  await writeFile(propertiesPath(layout), brokerProperties(layout));
  if (await exists(join(layout.directory, 'log', 'meta.properties'))) return;
  const log = new LogFile(join(layout.directory, 'format.log'));
  const tool = [
    'kafka.tools.StorageTool',
    'format',
    '-t',
    clusterId,
    '-c',
    propertiesPath(layout),
    '--ignore-formatted',
  ];
  // It lives for a second: the optimising compiler would only cost.
  const args = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', ...javaCommon(runtime), ...tool];
  const name = `format-${layout.id}`;
  const formatting = await startGuarded({ name, command: runtime.java, args, environment: runtime.environment, log });
  const timer = setTimeout(() => formatting.signal('SIGKILL'), FORMAT_DEADLINE_MS);
  const exit = await formatting.exited;
  clearTimeout(timer);
  log.close();
  if (exit.status === 0) return;
  throw new PostlaneError('INFRA_UNAVAILABLE', { what: 'formatting the log directory', ...exit, log: log.tail() });
}

/** The id under which the nodes of one data directory know each other: 16 bytes, made once. */
export async function clusterIdOf(dataDirectory: string): Promise<string> {
  const file = join(dataDirectory, 'cluster-id');
  const known = await readFile(file, 'utf8').catch(() => '');
  if (known.trim() !== '') return known.trim();
  // A leading dash would be read as an option by the tool that formats.
  const id = `P${randomBytes(16).toString('base64url').slice(1)}`;
  await replaceFile(file, `${id}\n`);
  return id;
}

const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );
