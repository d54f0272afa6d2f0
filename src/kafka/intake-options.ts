import { assert } from '../domain/error.ts';
import type { Telemetry } from '../runtime/ports.ts';
import type { KafkaClient } from './client.ts';
import type { GroupMembers } from './group-members.ts';

export interface KafkaIntakeOptions {
  readonly kafka: KafkaClient;
  readonly group: string;
  /** Told as which member we have joined, for the log of the same process, which commits as it. */
  readonly members: GroupMembers;
  /** Fixed for the group: all members have the same. */
  readonly topics: readonly string[];
  readonly telemetry: Pick<Telemetry, 'log' | 'count'>;
  /** Without a heartbeat for so long the coordinator gives our partitions away. Default 30 s. */
  readonly sessionTimeoutMs?: number;
  /** How long a rebalance waits for all members; it must leave room for a drain. Default 60 s. */
  readonly rebalanceTimeoutMs?: number;
  /** A member learns of a rebalance by it, so it also says how long one takes at least. Default 1 s, or a tenth of a short session. */
  readonly heartbeatMs?: number;
  /** How long what is in flight may take to settle before a rebalance or a stop. Default 20 s. */
  readonly drainMs?: number;
  /** How long the broker may wait for the first record, and so how long a resumed task may wait. Default 250 ms. */
  readonly fetchWaitMs?: number;
  /** Most records handed over at once. Default 500. */
  readonly batchRecordsMax?: number;
  /** A batch that takes longer is waited for aside, its partition paused, so that the others' reading goes on. Default 200 ms. */
  readonly slowBatchMs?: number;
  readonly fetchBytesMax?: number;
  readonly partitionBytesMax?: number;
}

const HEARTBEAT_MS = 1_000;
const DEFAULTS = {
  sessionTimeoutMs: 30_000,
  rebalanceTimeoutMs: 60_000,
  drainMs: 20_000,
  fetchWaitMs: 250,
  batchRecordsMax: 500,
  slowBatchMs: 200,
  fetchBytesMax: 16 * 1024 * 1024,
  partitionBytesMax: 1024 * 1024,
} as const;

/** Fills the defaults in, and checks how the times relate to each other. */
export function withDefaults(options: KafkaIntakeOptions): Required<KafkaIntakeOptions> {
  const sessionTimeoutMs = options.sessionTimeoutMs ?? DEFAULTS.sessionTimeoutMs;
  const filled = {
    ...options,
    sessionTimeoutMs,
    heartbeatMs: options.heartbeatMs ?? Math.min(HEARTBEAT_MS, sessionTimeoutMs / 10),
    rebalanceTimeoutMs: options.rebalanceTimeoutMs ?? DEFAULTS.rebalanceTimeoutMs,
    drainMs: options.drainMs ?? DEFAULTS.drainMs,
    fetchWaitMs: options.fetchWaitMs ?? DEFAULTS.fetchWaitMs,
    batchRecordsMax: options.batchRecordsMax ?? DEFAULTS.batchRecordsMax,
    slowBatchMs: options.slowBatchMs ?? DEFAULTS.slowBatchMs,
    fetchBytesMax: options.fetchBytesMax ?? DEFAULTS.fetchBytesMax,
    partitionBytesMax: options.partitionBytesMax ?? DEFAULTS.partitionBytesMax,
  };
  assert(filled.drainMs < filled.rebalanceTimeoutMs, 'a drain ends before the rebalance gives the member up');
  assert(filled.slowBatchMs * 3 < sessionTimeoutMs, 'a slow batch does not hold heartbeats up');
  return filled;
}
