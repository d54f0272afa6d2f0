import { randomUUID } from 'node:crypto';
import { jest } from '@jest/globals';
import type { Admin } from 'kafkajs';
import type { TopicSpec } from '../../src/contracts/catalog.ts';
import { createKafka } from '../../src/kafka/client.ts';
import { applyTopics, planCluster, readTopics } from '../../src/kafka/topic-admin.ts';
import { loadCatalog } from '../../src/kafka/topic-catalog.ts';
import { changesAnything } from '../../src/kafka/topic-plan.ts';
import { withInfra } from '../support/infra.ts';

jest.setTimeout(60_000);

const TOPIC_RESOURCE = 2;

describe('topics on a broker', () => {
  const made: string[] = [];
  let admin: Admin;
  // Before the infrastructure's own hooks: what was defined first is cleaned up first.
  afterAll(async () => {
    const present = await admin.listTopics();
    await admin.deleteTopics({ topics: made.filter((name) => present.includes(name)) });
    await admin.disconnect();
  }, 30_000);
  const infra = withInfra();
  beforeAll(async () => {
    admin = (await createKafka({ brokers: infra().brokers, clientId: 'postlane-test' })).admin();
    await admin.connect();
  }, 30_000);

  /** A few topics as the catalog has them, under names that nobody else uses. */
  function catalogOf(
    prefix: string,
    change: (spec: TopicSpec) => Partial<TopicSpec> = () => ({}),
  ): readonly TopicSpec[] {
    const wanted = ['email.ingest.marketing', 'email.send.marketing.google', 'email.suppressions'];
    return loadCatalog()
      .filter(({ name }) => wanted.includes(name))
      .map((spec) => {
        const name = spec.name.replace('email.', `email.${prefix}.`);
        if (!made.includes(name)) made.push(name);
        return { ...spec, name, ...change(spec) };
      });
  }
  const prefix = () => `test-${randomUUID()}`;
  const apply = (catalog: readonly TopicSpec[], options = {}) => applyTopics(admin, catalog, options, () => undefined);

  it('creates them as the catalog says, and then has nothing to do', async () => {
    const catalog = catalogOf(prefix());
    const lines: string[] = [];
    await applyTopics(admin, catalog, {}, (line) => void lines.push(line));
    expect(lines).toEqual(['3 topics created']);
    const states = await readTopics(admin, catalog);
    for (const spec of catalog) {
      const state = states.find(({ name }) => name === spec.name);
      expect(state).toMatchObject({ partitions: spec.partitions, replicationFactor: 1, own: spec.config });
    }
    const again = await applyTopics(admin, catalog, {}, (line) => void lines.push(line));
    expect(changesAnything(again)).toBe(false);
    expect(lines).toHaveLength(1);
  });

  it('finds the same when two apply at once', async () => {
    const catalog = catalogOf(prefix());
    await Promise.all([apply(catalog), apply(catalog), apply(catalog)]);
    expect(changesAnything(await planCluster(admin, catalog))).toBe(false);
  });

  it('creates what is missing beside what is there', async () => {
    const catalog = catalogOf(prefix());
    await apply(catalog.slice(0, 1));
    expect((await apply(catalog)).creates).toHaveLength(2);
    expect(changesAnything(await planCluster(admin, catalog))).toBe(false);
  });

  it('grows a lane, and an ingest topic only when told so', async () => {
    const name = prefix();
    await apply(catalogOf(name));
    const larger = catalogOf(name, ({ partitions }) => ({ partitions: partitions + 2 }));
    const plan = await apply(larger);
    expect(plan.grows.map(({ topic }) => topic)).toEqual([`email.${name}.send.marketing.google`]);
    expect(plan.refusals.map(({ topic }) => topic).sort()).toEqual([
      `email.${name}.ingest.marketing`,
      `email.${name}.suppressions`,
    ]);
    await apply(larger, { allowStateGrowth: true });
    const after = await planCluster(admin, larger);
    expect([changesAnything(after), after.refusals]).toEqual([false, []]);
  });

  it('never takes partitions away', async () => {
    const name = prefix();
    await apply(catalogOf(name));
    const plan = await apply(catalogOf(name, () => ({ partitions: 1 })));
    expect(changesAnything(plan)).toBe(false);
    expect(plan.refusals).toHaveLength(3);
    expect(changesAnything(await planCluster(admin, catalogOf(name)))).toBe(false);
  });

  it("sets back what drifted, and keeps the operator's own settings", async () => {
    const catalog = catalogOf(prefix()).slice(0, 1);
    await apply(catalog);
    const spec = catalog[0] as TopicSpec;
    const configEntries = [
      { name: 'flush.ms', value: '12345' },
      { name: 'message.timestamp.type', value: 'CreateTime' },
    ];
    const resources = [{ type: TOPIC_RESOURCE, name: spec.name, configEntries }];
    await admin.alterConfigs({ validateOnly: false, resources });
    const plan = await apply(catalog);
    expect(plan.alters[0]?.changes).toContainEqual({
      name: 'message.timestamp.type',
      from: 'CreateTime',
      to: 'LogAppendTime',
    });
    const state = (await readTopics(admin, catalog)).find(({ name }) => name === spec.name);
    expect(state?.own['flush.ms']).toBe('12345');
    expect(state?.effective).toMatchObject(spec.config);
    expect(changesAnything(await planCluster(admin, catalog))).toBe(false);
  });

  it('names topics that look like ours and are not, and leaves them alone', async () => {
    const name = `email.${prefix()}.leftover`;
    made.push(name);
    await admin.createTopics({ topics: [{ topic: name, numPartitions: 1 }] });
    expect((await apply(catalogOf(prefix()))).unknown).toContain(name);
    expect(await admin.listTopics()).toContain(name);
  });

  it('creates the whole catalog', async () => {
    await apply(loadCatalog());
    expect(changesAnything(await planCluster(admin, loadCatalog()))).toBe(false);
  });

  it('says KAFKA_UNAVAILABLE, and why, where the broker refuses', async () => {
    const catalog = catalogOf(prefix(), () => ({ replicationFactor: 9 }));
    await expect(apply(catalog)).rejects.toMatchObject({
      code: 'KAFKA_UNAVAILABLE',
      facts: { detail: expect.stringMatching(/replication/i) },
    });
  });
});
