import { catalogOf } from '../../../src/cli/catalog.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { CATALOG_DEFAULTS } from '../../../src/contracts/catalog.ts';
import { DAY_MS, HOUR_MS } from '../../../src/domain/time.ts';
import { loadCatalog } from '../../../src/kafka/topic-catalog.ts';

const topicsOf = (text: string) => new Map(catalogOf(loadConfig({ env: {}, text })).map((spec) => [spec.name, spec]));

describe('catalogOf', () => {
  it('gives the catalog of topics.yaml where the configuration says nothing', () => {
    expect([...topicsOf('').values()]).toEqual(loadCatalog());
  });

  it('follows the configuration', () => {
    const topics = topicsOf(`
job: { max_size: 9MB }
topics:
  partition_factor: 2
  replication_factor: 3
  overrides:
    - { topic: email.reputation, retention: 365d }
    - { topic: 'email.send.{queue}.{provider}', partitions: 5 }
    - { topic: email.send.marketing.google, partitions: 7, retention: forever }
`);
    expect(topics.get('email.ingest.marketing')).toMatchObject({ partitions: 12, replicationFactor: 3 });
    expect(topics.get('email.ingest.marketing')?.config['max.message.bytes']).toBe('9065536');
    expect(topics.get('email.reputation')?.retentionMs).toBe(365 * DAY_MS);
    expect(topics.get('email.send.marketing.yahoo')?.partitions).toBe(5);
    expect(topics.get('email.send.marketing.google')).toMatchObject({ partitions: 7 });
    expect(topics.get('email.send.marketing.google')?.config['retention.ms']).toBe('-1');
  });

  it('refuses a retention that a job can outlive, in the words of the topic', () => {
    const overrides = `topics: { overrides: [{ topic: email.due.marketing, retention: 48h }] }`;
    expect(CATALOG_DEFAULTS.ageMaxMs).toBe(72 * HOUR_MS);
    expect(() => topicsOf(overrides)).toThrow(/email\.due\.marketing: retention 172800000 ms is not above/);
  });

  it('refuses overrides of topics that do not exist', () => {
    expect(() => topicsOf('topics: { overrides: [{ topic: email.sent, partitions: 2 }] }')).toThrow(
      /email\.sent is no topic/,
    );
  });
});
