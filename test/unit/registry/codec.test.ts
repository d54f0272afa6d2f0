import { schemas } from '../../../src/contracts/generated.ts';
import type { Topic } from '../../../src/contracts/topic.ts';
import { topics } from '../../../src/contracts/topic.ts';
import { PostlaneError } from '../../../src/domain/error.ts';
import { RegistryCodec } from '../../../src/registry/codec.ts';
import type { Found, SchemaSource } from '../../../src/registry/schema-source.ts';
import { subjectOf } from '../../../src/registry/schema-source.ts';
import type { StoredRecord } from '../../../src/runtime/ports.ts';
import { aJob } from '../../../src/testing/builders.ts';

const ingest = topics.ingest('marketing');
const due = topics.due('marketing');
const OWN_ID = 7;

const record = (value: Buffer): StoredRecord => ({ offset: 0, key: null, value, headers: {}, at: 0 });

/** A registry that knows our schemas under id 7, and counts what it is asked. */
class FakeSource implements SchemaSource {
  readonly asked: string[] = [];
  answer: (subject: string, id: number) => Promise<Found> | Found = (_, id) =>
    id === OWN_ID ? { ok: true, schema: schemas.EmailJob } : { ok: false, reason: 'unknown-schema' };
  readonly missing = new Set<string>();
  async find(subject: string, id: number): Promise<Found> {
    this.asked.push(`${subject} ${id}`);
    return this.answer(subject, id);
  }
  async idOf(subject: string): Promise<number | null> {
    return this.missing.has(subject) ? null : OWN_ID;
  }
}

function setUp(encodes: readonly Topic<unknown>[] = [ingest, due]) {
  const source = new FakeSource();
  const clock = { now: 0 };
  const open = () => RegistryCodec.open({ source, encodes, jobBytesMax: 10_000, now: () => clock.now });
  return { source, clock, open };
}

const withId = (id: number): Buffer => {
  const value = Buffer.alloc(8);
  value.writeUInt32BE(id, 1);
  return value;
};

describe('RegistryCodec', () => {
  it('asks once for an id, however many records carry it and however often', async () => {
    const { source, open } = setUp();
    const codec = await open();
    const value = codec.encode(ingest, aJob());
    const records = Array.from({ length: 50 }, () => record(value));
    await Promise.all([codec.prepare(ingest, records), codec.prepare(ingest, records)]);
    await codec.prepare(ingest, records);
    expect(source.asked).toEqual([`email.ingest.marketing-value ${OWN_ID}`]);
    expect(codec.decode(ingest, value)).toEqual({ ok: true, value: aJob() });
  });

  it('reads only the fields that are asked for, and writes all', async () => {
    const { source } = setUp();
    const options = { source, encodes: [ingest], jobBytesMax: 10_000 };
    const codec = await RegistryCodec.open({ ...options, fields: { EmailJob: ['id', 'tenant'] } });
    const value = codec.encode(ingest, aJob());
    await codec.prepare(ingest, [record(value)]);
    const { id, tenant } = aJob();
    expect(codec.decode(ingest, value)).toEqual({ ok: true, value: { id, tenant } });
    expect(codec.decode(ingest, value.subarray(0, -1))).toMatchObject({ ok: false, reason: 'malformed' });
    const wrong = RegistryCodec.open({ ...options, fields: { EmailJob: ['ID'] } });
    await expect(wrong).rejects.toMatchObject({ code: 'BUG' });
  });

  it('asks for the same id under every subject: it counts only where it is registered', async () => {
    const { source, open } = setUp();
    source.answer = (subject) =>
      subject === subjectOf(ingest) ? { ok: true, schema: schemas.EmailJob } : { ok: false, reason: 'wrong-subject' };
    const codec = await open();
    const value = codec.encode(ingest, aJob());
    await codec.prepare(ingest, [record(value)]);
    await codec.prepare(due, [record(value)]);
    expect(codec.decode(ingest, value).ok).toBe(true);
    expect(codec.decode(due, value)).toEqual({
      ok: false,
      reason: 'wrong-subject',
      detail: 'schema 7 is not registered under email.due.marketing-value',
    });
  });

  it('believes a refusal for 30 seconds, and then asks again', async () => {
    const { source, clock, open } = setUp();
    const codec = await open();
    const records = [record(withId(99))];
    await codec.prepare(ingest, records);
    clock.now = 29_999;
    await codec.prepare(ingest, records);
    expect(source.asked).toHaveLength(1);
    expect(codec.decode(ingest, withId(99))).toMatchObject({ ok: false, reason: 'unknown-schema' });
    clock.now = 30_000;
    source.answer = () => ({ ok: true, schema: schemas.EmailJob });
    await codec.prepare(ingest, records);
    expect(source.asked).toHaveLength(2);
    expect(codec.decode(ingest, withId(99))).toMatchObject({ ok: false, reason: 'malformed' });
  });

  it('throws while the registry is away, decides nothing, and asks again', async () => {
    const { source, open } = setUp();
    const codec = await open();
    const value = codec.encode(ingest, aJob());
    const working = source.answer;
    source.answer = () => Promise.reject(new PostlaneError('REGISTRY_UNAVAILABLE'));
    for (let n = 0; n < 3; n++) {
      const prepared = codec.prepare(ingest, [record(value), record(withId(99))]);
      await expect(prepared).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE' });
    }
    source.answer = working;
    await codec.prepare(ingest, [record(value)]);
    expect(codec.decode(ingest, value).ok).toBe(true);
  });

  it('keeps what it learned before one of the answers failed to come', async () => {
    const { source, open } = setUp();
    const codec = await open();
    const working = source.answer;
    source.answer = (subject, id) =>
      id === 99 ? Promise.reject(new PostlaneError('REGISTRY_UNAVAILABLE')) : working(subject, id);
    const value = codec.encode(ingest, aJob());
    await expect(codec.prepare(ingest, [record(withId(99)), record(value)])).rejects.toThrow('REGISTRY_UNAVAILABLE');
    expect(codec.decode(ingest, value).ok).toBe(true);
  });

  it('does not ask about values that say no id', async () => {
    const { source, open } = setUp();
    const codec = await open();
    await codec.prepare(ingest, [record(Buffer.from('text')), { ...record(Buffer.alloc(0)), value: null }]);
    expect(source.asked).toEqual([]);
  });

  it('forgets invented ids, and none that is good', async () => {
    const { source, clock, open } = setUp();
    const codec = await open();
    const value = codec.encode(ingest, aJob());
    const invented = Array.from({ length: 10_001 }, (_, n) => record(withId(1_000 + n)));
    await codec.prepare(ingest, [record(value), ...invented]);
    clock.now = 60_000;
    await codec.prepare(ingest, [record(withId(5))]);
    expect(() => codec.decode(ingest, withId(1_000))).toThrow('not prepared');
    expect(codec.decode(ingest, value).ok).toBe(true);
    const asked = source.asked.length;
    await codec.prepare(ingest, [record(value)]);
    expect(source.asked).toHaveLength(asked);
  });

  it('does not open where a schema is not registered, and names every subject', async () => {
    const { source, open } = setUp();
    source.missing.add(subjectOf(ingest)).add(subjectOf(due));
    await expect(open()).rejects.toMatchObject({
      code: 'INFRA_UNAVAILABLE',
      facts: { subjects: ['email.due.marketing-value', 'email.ingest.marketing-value'] },
    });
  });

  it('does not write to a topic that it was not opened for', async () => {
    const codec = await setUp([ingest]).open();
    expect(() => codec.encode(due, aJob())).toThrow(expect.objectContaining({ code: 'BUG' }));
  });
});
