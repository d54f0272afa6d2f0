import { REPUTATION_GROUP, REPUTATION_RULES, reputationDefinition } from '../../processors/reputation/index.ts';
import type { ReputationRules } from '../../processors/reputation/step.ts';
import type { ReputationSignal, ReputationState, Suppression } from '../../src/contracts/generated.ts';
import { type Topic, topics } from '../../src/contracts/topic.ts';
import { identityRules } from '../../src/domain/reputation-rules.ts';
import { MINUTE_MS } from '../../src/domain/time.ts';
import { MemoryTable } from '../../src/host/memory-table.ts';
import type { TableStates } from '../../src/runtime/table-fold.ts';
import { drive, type Fault } from '../../src/testing/driver.ts';
import { MemoryCodec } from '../../src/testing/memory-codec.ts';
import { MemoryCluster } from '../../src/testing/memory-log.ts';
import { RecordingTelemetry } from '../../src/testing/recording-telemetry.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';

export const codec = new MemoryCodec();

/** Today's rules, with one source that is being warmed up. */
export const rules: ReputationRules = {
  ...REPUTATION_RULES,
  identity: identityRules({ warmUp: { sources: ['new-1'] } }),
};

/** Tables that are public, and the one that is not. */
export const TABLES: readonly Topic<unknown>[] = [
  topics.suppressions,
  topics.scores,
  topics.allowances,
  topics.reputationState,
];

/** A log that holds these signals, all written down at `now`. */
export function logOf(signals: readonly ReputationSignal[], now: number, partitions: number): MemoryCluster {
  const cluster = new MemoryCluster({ now, partitions });
  for (const one of signals) {
    cluster.append({ topic: topics.reputation.name, key: one.subject, value: codec.encode(topics.reputation, one) });
  }
  return cluster;
}

export interface Stores {
  readonly suppressions: TableStates<Suppression>;
  readonly identities: TableStates<ReputationState>;
}
export const memoryStores = (): Stores => ({
  suppressions: new MemoryTable(topics.suppressions, codec, new RecordingTelemetry()),
  identities: new MemoryTable(topics.reputationState, codec, new RecordingTelemetry()),
});

/** Runs the real processor over a log, with the faults given. */
export const fold = (
  cluster: MemoryCluster,
  over: {
    readonly stores?: () => Stores;
    readonly faults?: Fault[];
    readonly batchSizes?: number[];
    readonly rules?: ReputationRules;
  } = {},
): Promise<RecordingTelemetry> => {
  const stores = over.stores ?? memoryStores;
  return drive<ReputationSignal>({
    cluster,
    clock: new VirtualClock(cluster.now),
    define: () => reputationDefinition(stores(), codec, over.rules ?? rules),
    codec,
    group: REPUTATION_GROUP,
    faults: over.faults ?? [],
    batchSizes: over.batchSizes ?? [3],
    waitMaxMs: 10 * MINUTE_MS,
  });
};

/** What readers of the compacted topics see, byte for byte: topic and key → partition and bytes, in order of the keys. */
export function tablesIn(cluster: MemoryCluster): ReadonlyMap<string, string> {
  const rows = new Map<string, string>();
  for (const { name } of TABLES) {
    cluster.partitions(name).forEach(({ records }, partition) => {
      for (const { key, value } of records) {
        if (value !== null) rows.set(`${name} ${key}`, `${partition} ${value.toString('base64')}`);
      }
    });
  }
  return new Map([...rows].sort(([left], [right]) => (left < right ? -1 : 1)));
}
