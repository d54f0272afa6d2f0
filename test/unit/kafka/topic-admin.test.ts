import type { TopicSpec } from '../../../src/contracts/catalog.ts';
import type { TopicAdmin } from '../../../src/kafka/topic-admin.ts';
import { applyTopics } from '../../../src/kafka/topic-admin.ts';
import { loadCatalog } from '../../../src/kafka/topic-catalog.ts';

const catalog = loadCatalog().filter(({ name }) => name === 'email.dead-letters');
const spec = catalog[0] as TopicSpec;

/** A cluster whose brokers learn of a change only when they have been asked some times; `trouble` is thrown until then. */
function lateCluster(options: { readonly readsUntilSeen: number; readonly trouble?: Error }) {
  let readsLeft = Number.POSITIVE_INFINITY;
  let reads = 0;
  const seen = () => readsLeft <= 0;
  const admin = {
    listTopics: async () => {
      reads++;
      readsLeft--;
      return seen() ? [spec.name] : [];
    },
    createTopics: async () => {
      readsLeft = options.readsUntilSeen;
      return true;
    },
    fetchTopicMetadata: async () => {
      if (options.trouble && readsLeft > -2) throw options.trouble;
      const partitions = Array.from({ length: spec.partitions }, (_, partitionId) => ({ partitionId, replicas: [1] }));
      return { topics: [{ name: spec.name, partitions }] };
    },
    describeConfigs: async () => {
      const configEntries = Object.entries(spec.config).map(([configName, configValue]) => ({
        configName,
        configValue,
      }));
      return { resources: [{ resourceName: spec.name, configEntries }] };
    },
  } as unknown as TopicAdmin;
  return { admin, seen, reads: () => reads };
}

describe('applyTopics', () => {
  it('returns when the brokers show what the controller has done, not before', async () => {
    const cluster = lateCluster({ readsUntilSeen: 3 });
    await applyTopics(cluster.admin, catalog, {}, () => undefined);
    expect(cluster.seen()).toBe(true);
    expect(cluster.reads()).toBe(4);
  });

  it('waits for partitions that have no leader yet', async () => {
    const trouble = Object.assign(new Error('no leader'), { type: 'LEADER_NOT_AVAILABLE' });
    const cluster = lateCluster({ readsUntilSeen: 1, trouble });
    await applyTopics(cluster.admin, catalog, {}, () => undefined);
    expect(cluster.reads()).toBeGreaterThan(2);
  });

  it('does not hide trouble that it did not make', async () => {
    const cluster = lateCluster({ readsUntilSeen: 0 });
    const admin = { ...cluster.admin, listTopics: () => Promise.reject(new Error('gone')) };
    await expect(applyTopics(admin, catalog, {}, () => undefined)).rejects.toMatchObject({ code: 'KAFKA_UNAVAILABLE' });
  });
});
