import { isPostlaneError } from '../../src/domain/error.ts';
import type { Infra } from '../../src/infra/provider.ts';
import { createKafka } from '../../src/kafka/client.ts';
import { applyTopics } from '../../src/kafka/topic-admin.ts';
import { loadCatalog } from '../../src/kafka/topic-catalog.ts';
import { applySchemas } from '../../src/registry/schema-admin.ts';

const TRIES_MAX = 5;

/** Creates every topic and registers every schema, as `postlane topics apply` and `postlane schemas apply` do. */
export async function provision(infra: Pick<Infra, 'brokers' | 'schemaRegistryUrl'>): Promise<void> {
  const catalog = loadCatalog();
  const admin = (await createKafka({ brokers: infra.brokers, clientId: 'postlane-test' })).admin();
  await admin.connect();
  try {
    await applyTopics(admin, catalog, {}, () => undefined);
  } finally {
    await admin.disconnect();
  }
  await withPatience(() => applySchemas(infra.schemaRegistryUrl, catalog, () => undefined));
}

/** A registry that has just come up on a busy machine takes its time over the first answers; what it took is not done again. */
async function withPatience(apply: () => Promise<unknown>): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await apply();
      return;
    } catch (error) {
      if (!isPostlaneError(error, 'REGISTRY_UNAVAILABLE') || tries === TRIES_MAX) throw error;
    }
  }
}
