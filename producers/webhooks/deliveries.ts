import type { Feedback } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import type { Host } from '../../src/host/host.ts';
import { indexedView } from '../../src/host/indexed-view.ts';
import { ViewFollower } from '../../src/kafka/view-follower.ts';
import type { Stoppable } from '../../src/runtime/ports.ts';
import { IndexedStore } from '../../src/store/indexed-store.ts';
import { deliveryId } from './accept.ts';
import { MAILGUN_AGE_MS_MAX } from './providers.ts';

/** No signature is taken that is older; twice that, because what counts is when it came in. */
const KEPT_MS = 2 * MAILGUN_AGE_MS_MAX;

/** One delivery that was kept. */
export interface Delivery {
  readonly id: string;
  readonly content: string;
  readonly at: number;
}

/**
 * Which deliveries were kept, by any process: the log itself remembers them, so neither a restart nor a second process
 * forgets. What was kept a moment ago the log has not shown yet: that, an `AnswerStore` knows.
 */
export interface Deliveries {
  /** The content that came under an id; undefined for none. */
  known(id: string): string | undefined;
}

/** Follows `email.feedback` into a store of its own in `directory`. Settles when it has caught up. */
export async function openDeliveries(
  host: Host,
  directory: string,
  hash: (body: Uint8Array) => string,
): Promise<Deliveries & Stoppable> {
  const { kafka, clock, codec, telemetry } = host;
  const store = await IndexedStore.open<Delivery>({
    directory,
    indexesOf: () => [],
    orderOf: ({ at }) => at,
    lastOf: ({ at }) => at,
  });
  const fold = {
    topic: topics.feedback,
    keyOf: ({ route, batchId }: Feedback) => deliveryId(route, batchId),
    fold: (row: Delivery | null, { route, batchId, body, recipient, at }: Feedback): Delivery | null =>
      // Mails are told apart by their content already; what came under an id first is what holds.
      row !== null || recipient !== null ? null : { id: deliveryId(route, batchId), content: hash(body), at },
  };
  const parts = { codec, telemetry, forgetBefore: () => clock.now() - KEPT_MS };
  const view = indexedView<Delivery, Feedback>(store, fold, parts);
  const follower = new ViewFollower({ kafka, topic: topics.feedback.name, store: view, clock, telemetry });
  await follower.start();
  return {
    known: (id) => store.get(id)?.content,
    async stop() {
      await follower.stop();
      await store.close();
    },
  };
}
