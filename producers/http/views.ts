import { join } from 'node:path';
import type { ApiKey, Cancellation, Suppression } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import type { Host } from '../../src/host/host.ts';
import { MemoryTable } from '../../src/host/memory-table.ts';
import { STALENESS_MS_MAX } from '../../src/host/views.ts';
import { ViewFollower, type ViewStore } from '../../src/kafka/view-follower.ts';
import type { Stoppable } from '../../src/runtime/ports.ts';
import { TableStore } from '../../src/store/table-store.ts';

/** The tables that requests are judged by. */
export interface ApiViews extends Stoppable {
  keyOf(keyId: string): ApiKey | undefined;
  cancellationOf(jobId: string): Cancellation | undefined;
  readonly suppressions: TableStore<Suppression>;
  /** False where the keys are not known to be current. */
  current(): boolean;
}

/** Opens the views and waits until they have caught up. Suppressions, which grow for ever, are kept in `directory`. */
export async function openApiViews(host: Host, directory: string): Promise<ApiViews> {
  const { kafka, codec, clock, telemetry } = host;
  const path = join(directory, 'suppressions');
  const suppressions = await TableStore.open({ directory: path, topic: topics.suppressions, codec, telemetry });
  const keys = new MemoryTable(topics.apiKeys, codec, telemetry);
  const cancellations = new MemoryTable(topics.cancellations, codec, telemetry);
  const follow = (topic: string, store: ViewStore) => new ViewFollower({ kafka, topic, store, clock, telemetry });
  const followingKeys = follow(topics.apiKeys.name, keys);
  const followers = [
    followingKeys,
    follow(topics.cancellations.name, cancellations),
    follow(topics.suppressions.name, suppressions),
  ];
  await Promise.all(followers.map((follower) => follower.start()));
  return {
    keyOf: (keyId) => keys.get(keyId),
    cancellationOf: (jobId) => cancellations.get(jobId),
    suppressions,
    current: () => followingKeys.stalenessMs() <= STALENESS_MS_MAX,
    async stop() {
      await Promise.all(followers.map((follower) => follower.stop()));
      await suppressions.close();
    },
  };
}
