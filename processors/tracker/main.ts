import { join } from 'node:path';
import type { Trail } from '../../src/domain/trail.ts';
import type { Host } from '../../src/host/host.ts';
import type { Stoppable } from '../../src/runtime/ports.ts';
import type { Trails } from '../../src/runtime/trails-port.ts';
import { IndexedStore } from '../../src/store/indexed-store.ts';
import { layout, trailKey } from './step.ts';
import { FollowThread } from './thread.ts';
import { listTrails } from './tracker.ts';

/** How often somebody who waits for the view to be current looks. */
const LOOK_MS = 10;

export interface Tracker extends Trails, Stoppable {
  /** Settles when the thread that follows has ended by itself: nothing new will be known. */
  readonly dead: Promise<Error>;
}

/**
 * Follows what is accepted and what becomes of it into a store of its own in `directory`: a full replica, which answers for
 * every mail. A thread folds; this one looks up what it has committed. Settles when it has caught up.
 */
export async function openTracker(host: Host, directory: string): Promise<Tracker> {
  const { clock, config, telemetry } = host;
  const path = join(directory, 'trails');
  const thread = await FollowThread.start(
    {
      brokers: config.kafka.brokers,
      clientId: `${config.kafka.clientId}-trails`,
      region: config.region?.name ?? null,
      registryUrl: config.registry.url,
      jobBytesMax: config.job.bytesMax,
      directory: path,
      retentionMs: config.api.retentionMs,
    },
    telemetry,
  );
  const store = await openToRead(path, thread);
  return {
    dead: thread.dead,
    list: (tenant, filter, limit, cursor) => listTrails(store, tenant, filter, limit, cursor),
    async await(tenant, id, withinMs) {
      const key = trailKey(tenant, id);
      const known = store.get(key);
      if (known !== null) return known;
      let isCurrent: boolean | null = null;
      const current = thread.current(withinMs).then((is) => {
        isCurrent = is;
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
      await store.close();
      await thread.stop();
    },
  };
}

async function openToRead(directory: string, thread: FollowThread): Promise<IndexedStore<Trail>> {
  try {
    return IndexedStore.openToRead<Trail>({ directory, ...layout });
  } catch (error) {
    await thread.stop();
    throw error;
  }
}
