import type { DeliveryResult, EmailJob } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import { EMAIL_TYPES } from '../../src/domain/policy.ts';
import type { Trail } from '../../src/domain/trail.ts';
import { indexedView, type TopicFold } from '../../src/host/indexed-view.ts';
import { sample } from '../../src/host/sampler.ts';
import type { KafkaClient } from '../../src/kafka/client.ts';
import { ViewFollower } from '../../src/kafka/view-follower.ts';
import type { Codec } from '../../src/runtime/codec.ts';
import type { Clock, Stoppable, Telemetry } from '../../src/runtime/ports.ts';
import { IndexedStore } from '../../src/store/indexed-store.ts';
import { foldAccepted, foldResult, layout, trailKey } from './step.ts';

/** What trails are followed with. */
export interface FollowParts {
  readonly kafka: KafkaClient;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  /** Of the store, which this call writes alone. */
  readonly directory: string;
  /** A trail of which nothing was heard for so long is forgotten. */
  readonly retentionMs: number;
}

export interface FollowedTrails extends Stoppable {
  /** True once every job that the log had accepted before the call is in the store; false after `withinMs`. */
  current(withinMs: number): Promise<boolean>;
}

/** Follows what is accepted and what becomes of it into a store. Settles when it has caught up. */
export async function followTrails({ kafka, codec, clock, telemetry, ...given }: FollowParts): Promise<FollowedTrails> {
  const store = await IndexedStore.open<Trail>({ directory: given.directory, ...layout });
  const parts = { codec, telemetry, forgetBefore: () => clock.now() - given.retentionMs };
  const follow = <V>(fold: TopicFold<Trail, V>): ViewFollower =>
    new ViewFollower({ kafka, topic: fold.topic.name, store: indexedView(store, fold, parts), clock, telemetry });
  const accepted = EMAIL_TYPES.map((type) =>
    follow<EmailJob>({
      topic: topics.ingest(type),
      keyOf: ({ tenant, id }) => trailKey(tenant, id),
      fold: foldAccepted,
    }),
  );
  const results = EMAIL_TYPES.map((type) =>
    follow<DeliveryResult>({
      topic: topics.results(type),
      keyOf: ({ tenant, jobId }) => trailKey(tenant, jobId),
      fold: foldResult,
    }),
  );
  const followers = [...accepted, ...results];
  const stopSampling = sample(() => {
    const stalenessMs = Math.max(...followers.map((follower) => follower.stalenessMs()));
    telemetry.gauge('postlane_view_staleness_ms', stalenessMs, { topic: 'email.results' });
    telemetry.gauge('postlane_trails', store.count());
  });
  const stop = async () => {
    stopSampling();
    await Promise.all(followers.map((follower) => follower.stop()));
    await store.close();
  };
  try {
    await Promise.all(followers.map((follower) => follower.start()));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    current: async (withinMs) => (await Promise.all(accepted.map((each) => each.current(withinMs)))).every(Boolean),
    stop,
  };
}
