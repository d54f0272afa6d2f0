import { join } from 'node:path';
import type { ApiKey, Cancellation, Suppression } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import type { RecipientNames } from '../../src/domain/recipient-names.ts';
import { AddressKeys } from '../../src/host/address-keys.ts';
import { Editions } from '../../src/host/edition-in-force.ts';
import type { Host } from '../../src/host/host.ts';
import { MemoryTable } from '../../src/host/memory-table.ts';
import { STALENESS_MS_MAX } from '../../src/host/views.ts';
import { withSmallYoungGeneration } from '../../src/host/young-generation.ts';
import { ViewFollower, type ViewStore } from '../../src/kafka/view-follower.ts';
import type { Stoppable } from '../../src/runtime/ports.ts';
import { TableStore } from '../../src/store/table-store.ts';
import type { SuppressionRows } from './suppression-changes.ts';
import type { EndpointRows } from './webhook-endpoints.ts';

/** What is known of endpoints is waited for so long. */
const CURRENT_MS_MAX = 2_000;

/** The tables that requests are judged by. */
export interface ApiViews extends Stoppable {
  keyOf(keyId: string): ApiKey | undefined;
  cancellationOf(jobId: string): Cancellation | undefined;
  /** Of the edition in force. */
  readonly suppressions: SuppressionRows;
  /** What stands for recipients in subjects. */
  readonly names: RecipientNames;
  /** False where recipients were hashed by a key that this process lacks. */
  readonly namesKnown: () => boolean;
  readonly webhooks: EndpointRows;
  /** False where the keys are not known to be current. */
  current(): boolean;
}

/** Opens the views and waits until they have caught up. Suppressions, which grow for ever, are kept in `directory`. */
export async function openApiViews(host: Host, directory: string): Promise<ApiViews> {
  const { kafka, codec, clock, telemetry } = host;
  const addressKeys = await AddressKeys.open(host);
  const path = join(directory, 'suppressions');
  const suppressions = await TableStore.open({ directory: path, topic: topics.suppressions, codec, telemetry });
  const keys = new MemoryTable(topics.apiKeys, codec, telemetry);
  const cancellations = new MemoryTable(topics.cancellations, codec, telemetry);
  const follow = (topic: string, store: ViewStore) => new ViewFollower({ kafka, topic, store, clock, telemetry });
  const endpoints = new MemoryTable(topics.webhookEndpoints, codec, telemetry);
  const progress = new MemoryTable(topics.webhookProgress, codec, telemetry);
  const followingEndpoints = follow(topics.webhookEndpoints.name, endpoints);
  const followingKeys = follow(topics.apiKeys.name, keys);
  const followingSuppressions = follow(topics.suppressions.name, suppressions);
  const stalenessMs = () => followingSuppressions.stalenessMs();
  const editions = new Editions({ codec, clock, telemetry, stalenessMs });
  const followers = [
    followingKeys,
    followingSuppressions,
    follow(topics.cancellations.name, cancellations),
    follow(topics.reputationEditions.name, editions.store),
    followingEndpoints,
    follow(topics.webhookProgress.name, progress),
  ];
  await withSmallYoungGeneration(() => Promise.all(followers.map((follower) => follower.start())));
  editions.begin();
  return {
    keyOf: (keyId) => keys.get(keyId),
    cancellationOf: (jobId) => cancellations.get(jobId),
    suppressions: rowsOf(suppressions, () => editions.prefix()),
    names: addressKeys.names,
    namesKnown: () => addressKeys.areKnown(),
    webhooks: {
      get: (endpointId) => endpoints.get(endpointId),
      progressOf: (endpointId) => progress.get(endpointId),
      all: () => endpoints.values(),
      current: () => followingEndpoints.current(CURRENT_MS_MAX),
    },
    current: () => followingKeys.stalenessMs() <= STALENESS_MS_MAX,
    async stop() {
      await Promise.all(followers.map((follower) => follower.stop()));
      await addressKeys.stop();
      await suppressions.close();
    },
  };
}

/** The rows of an edition under their subjects. */
const rowsOf = (store: TableStore<Suppression>, prefix: () => string): SuppressionRows => ({
  get: (subject) => store.get(prefix() + subject),
  page(subjects, after, limit) {
    const before = prefix();
    return store
      .page(before + subjects, after === null ? null : before + after, limit)
      .map(({ key, row }) => ({ key: key.slice(before.length), row }));
  },
});
