/** Where the broker, the schema registry and Redis come from. */
export const PROVIDER_NAMES = ['given', 'docker', 'native'] as const;
export type ProviderName = (typeof PROVIDER_NAMES)[number];

/** Told one line at a time what is being downloaded or started; whoever starts us decides where it goes. */
export type Progress = (line: string) => void;

/**
 * Signals that can be sent to a node. `SIGKILL` and `SIGTERM` return when the node is gone, `SIGSTOP` and `SIGCONT` when
 * they are delivered.
 */
export type NodeSignal = 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT';

export interface RunningProcess {
  readonly role: string;
  readonly pid: number;
}

/** Addresses that are ready to be used, and the handles with which a test makes them fail. */
export interface Infra {
  readonly provider: ProviderName;
  /** `host:port` of every broker. */
  readonly brokers: readonly string[];
  /** Base URL of an API that speaks Confluent's registry protocol. */
  readonly schemaRegistryUrl: string;
  /** `null`: there is no Redis; limits are kept by each process for its own share. */
  readonly redisUrl: string | null;
  /** What runs now as a process that was started here; none where addresses were given, or in containers. */
  processes(): readonly RunningProcess[];
  /** Signals a broker; they count from 1. Throws INFRA_UNAVAILABLE where the addresses were given: it is not ours. */
  killBroker(signal: NodeSignal, broker?: number): Promise<void>;
  /** Starts a broker that is gone on the same port and data, and returns when it answers. */
  startBroker(broker?: number): Promise<void>;
  killRegistry(signal: NodeSignal): Promise<void>;
  startRegistry(): Promise<void>;
  killRedis(signal: NodeSignal): Promise<void>;
  startRedis(): Promise<void>;
  /** Ends what was started; data stays. Idempotent and bounded. */
  stop(): Promise<void>;
}

/** The port to infrastructure. Three implementations: addresses given, Docker, processes of this machine. */
export interface InfraProvider {
  readonly name: ProviderName;
  /** Returns when everything answers. Throws INFRA_UNAVAILABLE, naming what is missing, with the tail of its log. */
  start(progress: Progress): Promise<Infra>;
}
