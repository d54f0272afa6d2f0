import type { ApiKey, Cancellation } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import type { Host } from '../../src/host/host.ts';
import { MemoryTable } from '../../src/host/memory-table.ts';
import { STALENESS_MS_MAX } from '../../src/host/views.ts';
import { ViewFollower, type ViewStore } from '../../src/kafka/view-follower.ts';
import type { Stoppable } from '../../src/runtime/ports.ts';

/** The tables that requests are judged by. */
export interface ApiViews extends Stoppable {
  keyOf(keyId: string): ApiKey | undefined;
  cancellationOf(jobId: string): Cancellation | undefined;
  /** False where the keys are not known to be current. */
  current(): boolean;
}

/** Opens the views and waits until they have caught up. */
export async function openApiViews({ kafka, codec, clock, telemetry }: Host): Promise<ApiViews> {
  const keys = new MemoryTable(topics.apiKeys, codec, telemetry);
  const cancellations = new MemoryTable(topics.cancellations, codec, telemetry);
  const follow = (topic: string, store: ViewStore) => new ViewFollower({ kafka, topic, store, clock, telemetry });
  const followingKeys = follow(topics.apiKeys.name, keys);
  const followers = [followingKeys, follow(topics.cancellations.name, cancellations)];
  await Promise.all(followers.map((follower) => follower.start()));
  return {
    keyOf: (keyId) => keys.get(keyId),
    cancellationOf: (jobId) => cancellations.get(jobId),
    current: () => followingKeys.stalenessMs() <= STALENESS_MS_MAX,
    async stop() {
      await Promise.all(followers.map((follower) => follower.stop()));
    },
  };
}
