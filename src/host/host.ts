import type { Config } from '../config/types.ts';
import { createKafka, type KafkaClient } from '../kafka/client.ts';
import { GroupMembers } from '../kafka/group-members.ts';
import { KafkaLog } from '../kafka/kafka-log.ts';
import { openRegistryCodec } from '../registry/codec.ts';
import type { Codec } from '../runtime/codec.ts';
import type { Clock, Stoppable, Telemetry } from '../runtime/ports.ts';
import { openSecrets } from '../secrets/open.ts';
import type { Secrets } from '../secrets/secrets.ts';
import { systemClock } from './clock.ts';
import { everyTopic } from './every-topic.ts';
import { failpoint } from './failpoints.ts';
import { claimInstanceDirectory } from './instance-directory.ts';
import { PartitionCounts } from './partition-counts.ts';

/** What every role of a process shares: one connection to each thing, opened once. */
export interface Host {
  readonly config: Config;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly kafka: KafkaClient;
  readonly log: KafkaLog;
  /** As which member of each group this process commits; every intake of the process is given it. */
  readonly members: GroupMembers;
  readonly codec: Codec;
  readonly secrets: Secrets;
  /** Partitions of a topic, as the cluster had them when this process first asked. */
  partitionsOf(topic: string): Promise<number>;
  close(): Promise<void>;
}

/** A group member that runs in a process. */
export interface Hosted extends Stoppable {
  readonly name: string;
  /** Settles when it cannot go on. */
  readonly dead: Promise<Error>;
  /** Milliseconds since its last sign of life towards the broker. */
  idleMs(): number;
}

/** How long a member of a group may take to settle what is in flight; the rebalance must leave room for the rest. */
export const drainMsOf = ({ worker, kafka }: Config): number => Math.min(worker.drainMs, kafka.rebalanceTimeoutMs / 2);

const TRANSACTION_MS_MAX = 20_000;
/** Of the broker's patience with a transaction, ours. */
const COMMIT_SHARE = 0.5;

/**
 * What a killed process left open is ended by the broker when its partitions are given away, or sooner: until then nobody
 * reads on behind it, and its successor waits.
 */
function transactionTimesOf({ kafka }: Config): {
  readonly transactionTimeoutMs: number;
  readonly commitTimeoutMs: number;
} {
  const transactionTimeoutMs = Math.min(TRANSACTION_MS_MAX, kafka.sessionTimeoutMs);
  return { transactionTimeoutMs, commitTimeoutMs: transactionTimeoutMs * COMMIT_SHARE };
}

/**
 * Opens what every role needs, for a process that does `name`. The broker need not be there yet; the schema registry must.
 * A process of that name that was killed before has its open transactions ended by the next one that is started here.
 */
export async function openHost(config: Config, telemetry: Telemetry, name: string): Promise<Host> {
  const region = config.region?.name ?? null;
  const kafka = await createKafka({
    region,
    brokers: config.kafka.brokers,
    clientId: config.kafka.clientId,
    log: (level, message, facts) => telemetry.log(level, message, facts),
  });
  const codec = await openRegistryCodec({
    url: config.registry.url,
    region,
    encodes: everyTopic(),
    jobBytesMax: config.job.bytesMax,
  });
  const counts = new PartitionCounts(kafka);
  const members = new GroupMembers();
  const directory = await claimInstanceDirectory(config.stateDir, `process.${name}`);
  const log = new KafkaLog({
    ...transactionTimesOf(config),
    kafka,
    members,
    instance: directory.id,
    telemetry,
    failpoint,
  });
  const secrets = openSecrets({ config: config.secrets, clock: systemClock, telemetry });
  return {
    config,
    clock: systemClock,
    telemetry,
    kafka,
    log,
    members,
    codec,
    secrets,
    partitionsOf: (topic) => counts.of(topic),
    async close() {
      await secrets.close();
      await counts.close();
      await log.close();
      await directory.release();
    },
  };
}
