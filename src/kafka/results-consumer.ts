import { randomUUID } from 'node:crypto';
import type { DeliveryResult } from '../contracts/generated.ts';
import { topics } from '../contracts/topic.ts';
import { PostlaneError } from '../domain/error.ts';
import { EMAIL_TYPES, type EmailType } from '../domain/policy.ts';
import { SECOND_MS } from '../domain/time.ts';
import { systemClock } from '../host/clock.ts';
import { openRegistryCodec } from '../registry/codec.ts';
import { JOB_BYTES_MAX_DEFAULT } from '../registry/limits.ts';
import { HandlerConsumer, type RecordPlace, type Undecodable } from '../runtime/handler-consumer.ts';
import type { Task, Telemetry } from '../runtime/ports.ts';
import { createKafka, type KafkaOptions } from './client.ts';
import { GroupMembers } from './group-members.ts';
import { KafkaIntake } from './intake.ts';
import { KafkaLog } from './kafka-log.ts';
import { endOf } from './topic-ends.ts';

export interface ConsumeResultsOptions {
  /** `host:port` of some brokers. */
  readonly brokers: readonly string[];
  /** Base URL of the schema registry's Confluent API; user and password as in any URL. */
  readonly schemaRegistryUrl: string;
  /** Whose results: every region has topics of its own. Absent: there are no regions. */
  readonly region?: string | null;
  /** Members of one group share the results between them; every group gets all of them. */
  readonly groupId: string;
  /** How brokers see this client in their logs and quotas. Default `postlane-results`. */
  readonly clientId?: string;
  readonly ssl?: KafkaOptions['ssl'];
  readonly sasl?: KafkaOptions['sasl'];
  /** All members of a group must ask for the same ones. Default: all. */
  readonly types?: readonly EmailType[];
  /** Where a group begins that is new: at the oldest result kept, or with the next one. Default true, so that none is missed. */
  readonly fromBeginning?: boolean;
  /** What was handled is committed so often: after a crash at most so much is handled again. Default 1 s. */
  readonly commitMs?: number;
  /** How long handlers that run may take to settle before partitions go to another member, and before a stop. Default 20 s. */
  readonly drainMs?: number;
  /** A record that is no result: by somebody else, or of a schema that cannot be read as ours. Default: logged. */
  readonly onUndecodable?: (record: Undecodable) => void | Promise<void>;
  /** Told of every failure that is tried again: of the handler, the registry or the brokers. Default: logged. */
  readonly onFailure?: (error: unknown, partition: { readonly topic: string; readonly partition: number }) => void;
  /** Receives log lines. Default: nobody. */
  readonly log?: KafkaOptions['log'];
}

/**
 * Called with one result at a time per partition; results of one job come in order. A result is committed after the handler
 * settled, so it may come again after a crash: handling it twice must do no harm. Where it throws, the same result comes
 * again after a pause, until it is taken.
 */
export type ResultHandler = (result: DeliveryResult, place: RecordPlace) => void | Promise<void>;

export interface ResultsConsumer {
  /** Settles when it cannot go on, with the reason; never after `stop`. A process should end then, and be started again. */
  readonly dead: Promise<Error>;
  /** Waits for the handlers that run, commits, and leaves the group. Idempotent; bounded by `drainMs` and some seconds. */
  stop(): Promise<void>;
}

const CLIENT_ID = 'postlane-results';
const COMMIT_MS = SECOND_MS;
/** Waiting for so many handlers in a row must not outlast the drain where each takes its time; it bounds memory as well. */
const BATCH_RECORDS_MAX = 200;

/**
 * Consumes delivery results as a member of a consumer group: committed ones only, each at least once. Settles when the group
 * was joined. A slow handler holds back its own partition, and nothing is read ahead for it beyond one fetch.
 * Throws REGISTRY_UNAVAILABLE or KAFKA_UNAVAILABLE where one does not answer.
 */
export async function consumeResults(options: ConsumeResultsOptions, handler: ResultHandler): Promise<ResultsConsumer> {
  const { brokers, groupId, clientId = CLIENT_ID, ssl, sasl, region, types = EMAIL_TYPES } = options;
  if (types.length === 0) throw new PostlaneError('CONFIG_INVALID', { what: 'no types of results are asked for' });
  const kafka = await createKafka({ brokers, clientId, ssl, sasl, region, log: options.log });
  const codec = await openRegistryCodec({
    url: options.schemaRegistryUrl,
    encodes: [],
    jobBytesMax: JOB_BYTES_MAX_DEFAULT,
    region,
  });
  const telemetry = telemetryOf(options.log);
  const members = new GroupMembers();
  const log = new KafkaLog({ kafka, members, instance: randomUUID(), telemetry });
  const inputs = types.map((type) => topics.results(type));
  const intake = new KafkaIntake({
    kafka,
    group: groupId,
    members,
    topics: inputs.map(({ name }) => name),
    telemetry,
    drainMs: options.drainMs,
    batchRecordsMax: BATCH_RECORDS_MAX,
  });
  const consumer = new HandlerConsumer<DeliveryResult>({
    topics: inputs,
    log,
    codec,
    clock: systemClock,
    intake,
    handle: handler,
    undecodable: options.onUndecodable ?? ((record) => logUndecodable(telemetry, record)),
    failed: (error, task) => (options.onFailure ?? logFailure(telemetry))(error, task),
    beginAt: options.fromBeginning === false ? (task) => endOf(kafka, task.topic, task.partition) : null,
    commitMs: options.commitMs ?? COMMIT_MS,
  });
  let stopping: Promise<void> | null = null;
  const stop = async () => {
    await intake.stop();
    await consumer.stop();
    await log.close();
  };
  try {
    await intake.start(consumer);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    dead: intake.dead,
    stop: () => {
      stopping ??= stop();
      return stopping;
    },
  };
}

const telemetryOf = (log: KafkaOptions['log']): Pick<Telemetry, 'log' | 'count' | 'observe'> => ({
  count: () => undefined,
  observe: () => undefined,
  log: (level, message, facts) => log?.(level, message, facts ?? {}),
});

function logUndecodable(telemetry: Pick<Telemetry, 'log'>, { key: _key, value: _value, ...facts }: Undecodable): void {
  telemetry.log('error', 'a record is no delivery result and was passed over', facts);
}

const logFailure =
  (telemetry: Pick<Telemetry, 'log'>) =>
  (error: unknown, { topic, partition }: Pick<Task, 'topic' | 'partition'>): void =>
    telemetry.log('warn', 'results could not be handled and come again', { topic, partition, error });
