/** Names, as JSON, the addresses of each lane's broker, registry and Redis: `test/support/run-suites.ts` sets it. */
export const LANES_VARIABLE = 'POSTLANE_TEST_LANES';

/** What one lane's suites find in their environment. */
export interface LaneAddresses {
  readonly KAFKA_BROKERS: string;
  readonly SCHEMA_REGISTRY_URL: string;
  readonly REDIS_URL?: string;
}

/** The lane of one of Jest's workers, which count from 1; null where the run has no lanes. */
export function laneOf(lanes: string | undefined, worker: string | undefined): LaneAddresses | null {
  if (lanes === undefined) return null;
  const all = JSON.parse(lanes) as readonly LaneAddresses[];
  const lane = all[Number(worker ?? 1) - 1];
  if (lane === undefined) throw new Error(`worker ${worker} has no lane: there are ${all.length}`);
  return lane;
}
