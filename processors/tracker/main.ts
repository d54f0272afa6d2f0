import { join } from 'node:path';
import type { DeliveryResult, EmailJob } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import { EMAIL_TYPES } from '../../src/domain/policy.ts';
import type { Trail } from '../../src/domain/trail.ts';
import type { Host } from '../../src/host/host.ts';
import { indexedView, type TopicFold } from '../../src/host/indexed-view.ts';
import { sample } from '../../src/host/sampler.ts';
import { ViewFollower } from '../../src/kafka/view-follower.ts';
import type { Stoppable } from '../../src/runtime/ports.ts';
import type { Trails } from '../../src/runtime/trails-port.ts';
import { IndexedStore } from '../../src/store/indexed-store.ts';
import { foldAccepted, foldResult, indexesOf, lastOf, orderOf, trailKey } from './step.ts';
import { listTrails } from './tracker.ts';

/** How often somebody who waits for the view to be current looks. */
const LOOK_MS = 10;

export interface Tracker extends Trails, Stoppable {
  stalenessMs(): number;
}

/**
 * Follows what is accepted and what becomes of it into a store of its own in `directory`: a full replica, which answers for
 * every mail. Settles when it has caught up.
 */
export async function openTracker(host: Host, directory: string): Promise<Tracker> {
  const { clock, codec, config, kafka, telemetry } = host;
  const path = join(directory, 'trails');
  const store = await IndexedStore.open<Trail>({ directory: path, indexesOf, orderOf, lastOf });
  const parts = { codec, telemetry, forgetBefore: () => clock.now() - config.api.retentionMs };
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
  await Promise.all(followers.map((follower) => follower.start()));
  const staleness = (those: readonly ViewFollower[]) => Math.max(...those.map((follower) => follower.stalenessMs()));
  const stopSampling = sample(() => {
    telemetry.gauge('postlane_view_staleness_ms', staleness(followers), { topic: 'email.results' });
    telemetry.gauge('postlane_trails', store.count());
  });
  return {
    list: (tenant, filter, limit, cursor) => listTrails(store, tenant, filter, limit, cursor),
    stalenessMs: () => staleness(followers),
    async await(tenant, id, withinMs) {
      const key = trailKey(tenant, id);
      const known = store.get(key);
      if (known !== null) return known;
      let isCurrent: boolean | null = null;
      const current = Promise.all(accepted.map((follower) => follower.current(withinMs))).then((all) => {
        isCurrent = all.every(Boolean);
      });
      for (;;) {
        // Looked at before the trail is: what makes us current may have brought it.
        const settled: boolean | null = isCurrent;
        const trail = store.get(key);
        if (trail !== null || settled) return trail;
        if (settled === false) return 'unsure';
        await Promise.race([current, clock.sleep(LOOK_MS)]);
      }
    },
    async stop() {
      stopSampling();
      await Promise.all(followers.map((follower) => follower.stop()));
      await store.close();
    },
  };
}
