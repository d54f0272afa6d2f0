import type * as Kafkajs from 'kafkajs';
import type { Admin, Cluster, Consumer, KafkaConfig, PartitionAssigner, Producer, RetryOptions } from 'kafkajs';
import { type Names, namesIn } from '../contracts/region.ts';
import { partitionOf } from '../domain/partitioner.ts';
import { registerCodecs } from './codecs.ts';
import { TRANSACTION_RETRY } from './guards/transactions.ts';
import { loadKafkajs } from './guards.ts';
import { adminIn } from './region-admin.ts';
import { Sockets } from './sockets.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface KafkaOptions {
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** Whose topics and groups are meant; absent or null: there are no regions. */
  readonly region?: string | null;
  readonly ssl?: KafkaConfig['ssl'];
  readonly sasl?: KafkaConfig['sasl'];
  /** Receives kafkajs's own log lines from warning level on. */
  readonly log?: (level: LogLevel, message: string, facts: Readonly<Record<string, unknown>>) => void;
}

/** A kafkajs object with connections of its own. */
export interface Connection<T> {
  readonly client: T;
  /** Cuts its sockets now and lets it open no others: the only sure end of whatever it still tries. */
  cut(): void;
}

export interface TransactionalOptions {
  readonly transactionalId: string;
  /** The broker aborts a transaction that is open for longer, and with it unblocks those who read committed records. */
  readonly transactionTimeoutMs: number;
  readonly requestTimeoutMs: number;
}

export interface ConsumerOptions {
  readonly group: string;
  readonly assigner: PartitionAssigner;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly heartbeatMs: number;
  readonly fetchWaitMs: number;
  readonly fetchBytesMax: number;
  readonly partitionBytesMax: number;
  readonly restartOnFailure: (error: Error) => Promise<boolean>;
}

/** A lost connection is tried again soon, then ever less often; the callers' own deadlines end it. */
const RETRY: RetryOptions = { initialRetryTime: 100, factor: 0.2, multiplier: 2, maxRetryTime: 2_000, retries: 10 };
/** A machine under load may take seconds to accept; kafkajs's default is one. */
const CONNECT_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
/** How soon a new partition or a moved leader is noticed when nothing fails before. */
const METADATA_AGE_MS_MAX = 60_000;

/** Key of a record without one: any partition will do, in turn. */
const createPartitioner = () => {
  let turn = 0;
  return ({ partitionMetadata, message }: Kafkajs.PartitionerArgs): number => {
    // Written back, so that who sent the message knows where it went, and a retry goes to the same place.
    message.partition ??=
      message.key === null || message.key === undefined
        ? turn++ % partitionMetadata.length
        : partitionOf(message.key, partitionMetadata.length);
    return message.partition;
  };
};

/**
 * Makes kafkajs objects: the only place that does. Every one but the admin gets connections of its own.
 * Topics are named to them, and by them, as the cluster knows them: whoever uses one translates by `names`. The admin,
 * groups and transactional ids are translated here.
 */
export class KafkaClient {
  /** How the cluster names what is ours: of one region, for the life of the client. */
  readonly names: Names;
  private readonly kafkajs: typeof Kafkajs;
  private readonly options: KafkaOptions;
  constructor(kafkajs: typeof Kafkajs, options: KafkaOptions) {
    this.kafkajs = kafkajs;
    this.options = options;
    this.names = namesIn(options.region ?? null);
  }

  admin(): Admin {
    return adminIn(this.names, this.kafka(new Sockets(), REQUEST_TIMEOUT_MS, RETRY).admin({ retry: RETRY }));
  }

  /** A producer for transactions under one id. Not idempotent outside of them: it is never used so. */
  transactional(options: TransactionalOptions): Connection<Producer> {
    const sockets = new Sockets();
    const client = this.kafka(sockets, options.requestTimeoutMs, TRANSACTION_RETRY).producer({
      transactionalId: this.names.group(options.transactionalId),
      transactionTimeout: options.transactionTimeoutMs,
      maxInFlightRequests: 1,
      retry: TRANSACTION_RETRY,
      allowAutoTopicCreation: false,
      metadataMaxAge: METADATA_AGE_MS_MAX,
      createPartitioner,
    });
    return { client, cut: () => sockets.cut() };
  }

  /** A producer whose retries make no duplicates. */
  idempotent(requestTimeoutMs: number): Connection<Producer> {
    const sockets = new Sockets();
    const client = this.kafka(sockets, requestTimeoutMs, RETRY).producer({
      idempotent: true,
      maxInFlightRequests: 1,
      retry: RETRY,
      allowAutoTopicCreation: false,
      metadataMaxAge: METADATA_AGE_MS_MAX,
      createPartitioner,
    });
    return { client, cut: () => sockets.cut() };
  }

  consumer(options: ConsumerOptions): Connection<Consumer> {
    const sockets = new Sockets();
    const client = this.kafka(sockets, REQUEST_TIMEOUT_MS, RETRY).consumer({
      groupId: this.names.group(options.group),
      partitionAssigners: [options.assigner],
      sessionTimeout: options.sessionTimeoutMs,
      rebalanceTimeout: options.rebalanceTimeoutMs,
      heartbeatInterval: options.heartbeatMs,
      maxWaitTimeInMs: options.fetchWaitMs,
      maxBytes: options.fetchBytesMax,
      maxBytesPerPartition: options.partitionBytesMax,
      retry: { ...RETRY, restartOnFailure: options.restartOnFailure },
      allowAutoTopicCreation: false,
      metadataMaxAge: METADATA_AGE_MS_MAX,
      readUncommitted: false,
    });
    return { client, cut: () => sockets.cut() };
  }

  /** For reading what another region lets be known. It cannot write there. */
  readerOf(region: string): KafkaReader {
    return new KafkaClient(this.kafkajs, { ...this.options, region });
  }

  /**
   * The bare connections to a cluster, for what kafkajs's own clients cannot do: reading given partitions from given
   * offsets without a group, and asking for one partition's committed position.
   */
  cluster(): Connection<Cluster> {
    const sockets = new Sockets();
    let captured: Cluster | undefined;
    // A consumer that never joins: kafkajs hands its connections to whoever assigns partitions.
    this.kafka(sockets, REQUEST_TIMEOUT_MS, RETRY).consumer({
      groupId: 'postlane-unused',
      allowAutoTopicCreation: false,
      metadataMaxAge: METADATA_AGE_MS_MAX,
      retry: RETRY,
      partitionAssigners: [
        ({ cluster }) => {
          captured = cluster;
          return {
            name: 'none',
            version: 0,
            assign: async () => [],
            protocol: () => ({ name: 'none', metadata: Buffer.alloc(0) }),
          };
        },
      ],
    });
    return { client: captured as Cluster, cut: () => sockets.cut() };
  }

  /** A Kafka() of its own for each: kafkajs keeps a cache of committed offsets there, which transactions would spoil. */
  private kafka(sockets: Sockets, requestTimeoutMs: number, retry: RetryOptions): Kafkajs.Kafka {
    const { brokers, clientId, ssl, sasl } = this.options;
    // Taken over into every one of the client's retries; the guarded retrier reads the signal.
    const retryUntilCut: RetryOptions & { readonly signal: AbortSignal } = { ...retry, signal: sockets.signal };
    return new this.kafkajs.Kafka({
      brokers: [...brokers],
      clientId,
      ssl,
      sasl,
      retry: retryUntilCut,
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: requestTimeoutMs,
      enforceRequestTimeout: true,
      socketFactory: sockets.factory,
      logLevel: this.kafkajs.logLevel.WARN,
      logCreator: () => (entry) => this.log(entry),
    });
  }

  /**
   * What kafkajs calls an error is usually a retry of its own: whether the call failed is for its caller to say. Least of
   * all a single answer of a broker, such as "the transaction before is not finished yet".
   */
  private log(entry: Kafkajs.LogEntry): void {
    const { message, timestamp: _timestamp, logger: _logger, stack: _stack, ...facts } = entry.log;
    const isTrouble = entry.level === this.kafkajs.logLevel.ERROR && entry.namespace !== 'Connection';
    this.options.log?.(isTrouble ? 'warn' : 'debug', `kafkajs: ${message}`, { namespace: entry.namespace, ...facts });
  }
}

/** As much of a client as reading takes. */
export type KafkaReader = Pick<KafkaClient, 'names' | 'cluster'>;

/** Loads kafkajs behind its guards, proves that they work, and answers the maker of its objects. Connects to nothing yet. */
export async function createKafka(options: KafkaOptions): Promise<KafkaClient> {
  const kafkajs = await loadKafkajs();
  registerCodecs(kafkajs);
  return new KafkaClient(kafkajs, options);
}
