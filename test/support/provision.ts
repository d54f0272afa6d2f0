import type { Infra } from '../../src/infra/provider.ts';
import { createKafka } from '../../src/kafka/client.ts';
import { applyTopics } from '../../src/kafka/topic-admin.ts';
import { loadCatalog } from '../../src/kafka/topic-catalog.ts';
import { applySchemas } from '../../src/registry/schema-admin.ts';

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
  await applySchemas(infra.schemaRegistryUrl, catalog, () => undefined);
}
