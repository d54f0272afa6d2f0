import { randomUUID } from 'node:crypto';
import { jest } from '@jest/globals';
import { SchemaRegistry } from '@kafkajs/confluent-schema-registry';
import type { EmailJob, SchemaName } from '../../src/contracts/generated.ts';
import { schemas } from '../../src/contracts/generated.ts';
import type { Topic } from '../../src/contracts/topic.ts';
import { loadCatalog } from '../../src/kafka/topic-catalog.ts';
import { openRegistryCodec } from '../../src/registry/codec.ts';
import { applySchemas, checkSubjects, isCurrent } from '../../src/registry/schema-admin.ts';
import { subjectOf } from '../../src/registry/schema-source.ts';
import type { StoredRecord } from '../../src/runtime/ports.ts';
import { aJob } from '../../src/testing/builders.ts';
import { withInfra } from '../support/infra.ts';
import { registerUnchecked } from '../support/registry.ts';

jest.setTimeout(60_000);

const silent = () => undefined;
const record = (value: Buffer): StoredRecord => ({ offset: 0, key: null, value, headers: {}, at: 0 });

describe('schemas in a registry', () => {
  const infra = withInfra();
  const url = () => infra().schemaRegistryUrl;
  const topicOf = <V>(schema: SchemaName): Topic<V> => ({ name: `test-${randomUUID()}`, schema });

  it('are registered once under every subject, and then there is nothing to do', async () => {
    const catalog = [topicOf('EmailJob'), topicOf('EmailJob'), topicOf('DeliveryResult')];
    const before = await checkSubjects(url(), catalog);
    expect(before.map(({ id, compatibility, incompatibility }) => [id, compatibility, incompatibility])).toEqual(
      catalog.map(() => [null, null, null]),
    );
    const lines: string[] = [];
    await applySchemas(url(), catalog, (line) => void lines.push(line));
    expect(lines).toEqual(['3 subjects registered']);
    const after = await checkSubjects(url(), catalog);
    expect(after.every(isCurrent)).toBe(true);
    await applySchemas(url(), catalog, (line) => void lines.push(line));
    expect(lines).toHaveLength(1);
  });

  it('may be applied by several at once', async () => {
    const catalog = [topicOf('Score'), topicOf('EmailJob')];
    await Promise.all([1, 2, 3].map(() => applySchemas(url(), catalog, silent)));
    expect((await checkSubjects(url(), catalog)).every(isCurrent)).toBe(true);
  });

  it('are checked by the registry from then on', async () => {
    const topic = topicOf('Score');
    await applySchemas(url(), [topic], silent);
    const breaking = JSON.parse(schemas.Score);
    breaking.fields.push({ name: 'required', type: 'string', doc: 'Has no default.' });
    await expect(registerUnchecked(url(), subjectOf(topic), JSON.stringify(breaking))).rejects.toThrow(/409/);
    breaking.fields.at(-1).default = '';
    await expect(registerUnchecked(url(), subjectOf(topic), JSON.stringify(breaking))).resolves.toEqual(
      expect.any(Number),
    );
  });

  it('have their compatibility set back where someone changed it', async () => {
    const topic = topicOf('Score');
    await applySchemas(url(), [topic], silent);
    await fetch(`${url()}/config/${subjectOf(topic)}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
      body: JSON.stringify({ compatibility: 'NONE' }),
    });
    const [drifted] = await checkSubjects(url(), [topic]);
    expect(drifted).toMatchObject({ compatibility: 'NONE', id: expect.any(Number) });
    await applySchemas(url(), [topic], silent);
    expect((await checkSubjects(url(), [topic])).every(isCurrent)).toBe(true);
  });

  it('touch nothing where one of them may not follow what is registered', async () => {
    const [fine, broken] = [topicOf('DomainSite'), topicOf('Score')];
    const older = JSON.parse(schemas.Score);
    older.fields.push({ name: 'required', type: 'string' });
    await registerUnchecked(url(), subjectOf(broken), JSON.stringify(older));
    const before = await checkSubjects(url(), [fine, broken]);
    await expect(applySchemas(url(), [fine, broken], silent)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      facts: { problems: [expect.stringMatching(/version 1: the old schema cannot read the new.*required/)] },
    });
    expect(await checkSubjects(url(), [fine, broken])).toEqual(before);
    expect(before.map(({ id }) => id)).toEqual([null, null]);
  });

  it('must be registered before a role starts, which never registers them itself', async () => {
    const topic = topicOf<EmailJob>('EmailJob');
    const open = () => openRegistryCodec({ url: url(), encodes: [topic], jobBytesMax: 1_000_000 });
    await expect(open()).rejects.toMatchObject({ code: 'INFRA_UNAVAILABLE', facts: { subjects: [subjectOf(topic)] } });
    expect((await checkSubjects(url(), [topic]))[0]?.id).toBeNull();
    await applySchemas(url(), [topic], silent);
    await expect(open()).resolves.toBeDefined();
  });

  it('read and write what the stock JavaScript serialiser writes and reads', async () => {
    const topic = topicOf<EmailJob>('EmailJob');
    await applySchemas(url(), [topic], silent);
    const codec = await openRegistryCodec({ url: url(), encodes: [topic], jobBytesMax: 1_000_000 });
    const stock = new SchemaRegistry({ host: url() });
    const theirs = await stock.encode(await stock.getLatestSchemaId(subjectOf(topic)), aJob());
    await codec.prepare(topic, [record(theirs)]);
    expect(codec.decode(topic, theirs)).toEqual({ ok: true, value: aJob() });
    expect(codec.encode(topic, aJob())).toEqual(theirs);
    expect(await stock.decode(codec.encode(topic, aJob()))).toEqual(aJob());
  });

  it('are all there after the whole catalog was applied', async () => {
    await applySchemas(url(), loadCatalog(), silent);
    expect((await checkSubjects(url(), loadCatalog())).every(isCurrent)).toBe(true);
  });
});
