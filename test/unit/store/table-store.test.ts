import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import fc from 'fast-check';
import { type Suppression, schemas } from '../../../src/contracts/generated.ts';
import { type Topic, topics } from '../../../src/contracts/topic.ts';
import { emptySuppression, recipientSubject } from '../../../src/domain/suppression.ts';
import type { Codec } from '../../../src/runtime/codec.ts';
import type { StoredRecord } from '../../../src/runtime/ports.ts';
import { SuppressionPacking } from '../../../src/store/packed-suppression.ts';
import { RepeatedStrings } from '../../../src/store/repeated-strings.ts';
import type { RowPacking } from '../../../src/store/row-packing.ts';
import { TableStore } from '../../../src/store/table-store.ts';
import { MemoryCodec } from '../../../src/testing/memory-codec.ts';
import { RecordingTelemetry } from '../../../src/testing/recording-telemetry.ts';

// A bound against hanging, not a promise: the machine may be busy with other suites.
jest.setTimeout(60_000);

/** Wire format with a JSON body; a schema must have been prepared, as with a registry. */
function wireCodec(): Codec & { prepared: Set<number> } {
  const prepared = new Set<number>();
  return {
    prepared,
    async prepare(_topic, records) {
      for (const { value } of records) if (value && value.length >= 5) prepared.add(value.readUInt32BE(1));
    },
    decode(_topic, value) {
      if (value === null || !prepared.has(value.readUInt32BE(1)))
        return { ok: false, reason: 'unknown-schema', detail: '' };
      try {
        return { ok: true, value: JSON.parse(value.subarray(5).toString()) };
      } catch {
        return { ok: false, reason: 'malformed', detail: '' };
      }
    },
    encode: () => Buffer.alloc(0),
  };
}
const wire = (body: string, schemaId = 1): Buffer => {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(schemaId, 1);
  return Buffer.concat([header, Buffer.from(body)]);
};
const topic: Topic<{ n: number }> = { name: 'a.table', schema: 'A' };
const row = (offset: number, key: string | null, n: number | null, schemaId = 1): StoredRecord => ({
  offset,
  key: key === null ? null : Buffer.from(key),
  value: n === null ? null : wire(JSON.stringify({ n }), schemaId),
  headers: {},
  at: 0,
});

/** A packing that only serves to be another one. */
const onlyNumbers: RowPacking<{ n: number }> = {
  format: 99,
  valueBytesMax: 1_000,
  pack: () => -1,
  unpack: () => ({ n: 0 }),
};

let directory: string;
let telemetry: RecordingTelemetry;
const open = (codec: Codec = wireCodec()) => TableStore.open({ directory, topic, codec, telemetry });
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'postlane-table-'));
  telemetry = new RecordingTelemetry();
});
afterEach(() => rm(directory, { recursive: true }));

describe('a table store', () => {
  it('answers the newest row of a key, and none where it was removed', async () => {
    const store = await open();
    await store.apply(0, [row(0, 'a', 1), row(1, 'b', 2), row(2, 'a', 3), row(3, 'b', null), row(4, null, 9)], 5);
    expect([
      store.get('a'),
      store.get('b'),
      store.get('c'),
      store.checkpoint(0),
      store.checkpoint(1),
      store.count(),
    ]).toEqual([{ n: 3 }, undefined, undefined, 5, 0, 1]);
    await store.close();
  });

  it('reads its rows after a restart, in whatever schema each was written', async () => {
    const first = await open();
    await first.apply(0, [row(0, 'a', 1, 7)], 1);
    await first.apply(2, [row(0, 'b', 2, 8)], 4);
    await first.close();
    const second = await open();
    expect([second.get('a'), second.get('b'), second.checkpoint(0), second.checkpoint(2)]).toEqual([
      { n: 1 },
      { n: 2 },
      1,
      4,
    ]);
    await second.close();
  });

  it('keeps what it knew under a key whose new row cannot be read, and counts that', async () => {
    const store = await open();
    await store.apply(0, [row(0, 'a', 1)], 1);
    await store.apply(0, [{ ...row(1, 'a', 2), value: wire('{') }, row(2, 'b', 2)], 3);
    expect([store.get('a'), store.get('b'), store.checkpoint(0)]).toEqual([{ n: 1 }, { n: 2 }, 3]);
    expect(telemetry.sum('postlane_view_rows_skipped_total')).toBe(1);
    await store.close();
  });

  it('forgets one partition and keeps the others', async () => {
    const store = await open();
    await store.apply(0, [row(0, 'a', 1)], 1);
    await store.apply(1, [row(0, 'b', 2)], 1);
    await store.reset(0);
    expect([store.get('a'), store.get('b'), store.checkpoint(0), store.checkpoint(1)]).toEqual([
      undefined,
      { n: 2 },
      0,
      1,
    ]);
    await store.close();
  });

  it('moves no checkpoint and keeps no row where it cannot write', async () => {
    const store = await open();
    await store.apply(0, [row(0, 'a', 1)], 1);
    await store.close();
    await expect(store.apply(0, [row(1, 'a', 2)], 2)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });

  it('takes any key', async () => {
    const store = await open();
    const keys = ['', '\u0000', 'k'.repeat(5_000), `${'k'.repeat(5_000)}x`, 'ü@x.example', '__proto__'];
    await store.apply(
      0,
      keys.map((key, n) => row(n, key, n)),
      keys.length,
    );
    expect(keys.map((key) => store.get(key))).toEqual(keys.map((_, n) => ({ n })));
    await store.close();
  });

  it('pages through keys that begin alike, in their order, whether most keys begin so or none else', async () => {
    const store = await open();
    const keys = [
      '',
      'g1/recipient:a',
      'recipient',
      'recipient:',
      'recipient:a',
      'recipient:b',
      'recipient;',
      'tenant:x',
    ];
    await store.restore(
      0,
      [...keys].reverse().map((key, n) => row(n, key, n)),
      keys.length,
    );
    await store.settle();
    const paged = (prefix: string, after: string | null = null, limit = 100) =>
      store.page(prefix, after, limit).map(({ key }) => key);
    for (const prefix of ['', 'r', 'recipient', 'recipient:', 'recipient:a', 'g1/recipient:', 'tenant:', 'x']) {
      expect(paged(prefix)).toEqual(keys.filter((key) => key.startsWith(prefix)));
    }
    expect([paged('recipient:', 'recipient:a'), paged('', 'recipient', 2), paged('', 'recipient:b')]).toEqual([
      ['recipient:b'],
      ['recipient:', 'recipient:a'],
      ['recipient;', 'tenant:x'],
    ]);
    expect([...store.rowsOf()].map(({ key }) => key)).toEqual(keys);
    await store.close();
  });

  it('keeps back what it restores, with the place to go on from, until it settles', async () => {
    const store = await open();
    await store.apply(0, [row(0, 'a', 1), row(1, 'b', 1)], 2);
    await store.restore(0, [row(2, 'a', 2), row(3, 'b', null), row(4, 'c', 3), row(5, 'c', 4)], 6);
    await store.restore(1, [row(0, 'd', 5), { ...row(1, 'd', 6), value: wire('{') }], 2);
    expect([store.get('a'), store.get('c'), store.checkpoint(0), store.checkpoint(1)]).toEqual([
      { n: 1 },
      undefined,
      6,
      2,
    ]);
    await store.settle();
    const held = [store.get('a'), store.get('b'), store.get('c'), store.get('d'), store.count()];
    expect(held).toEqual([{ n: 2 }, undefined, { n: 4 }, { n: 5 }, 3]);
    expect(telemetry.sum('postlane_view_rows_skipped_total')).toBe(1);
    await store.close();
    const again = await open();
    expect([again.get('c'), again.checkpoint(0), again.checkpoint(1)]).toEqual([{ n: 4 }, 6, 2]);
    await again.close();
  });

  it('settles before it applies, so that an older row is never the last one', async () => {
    const store = await open();
    await store.restore(0, [row(0, 'a', 1)], 1);
    await store.apply(0, [row(1, 'a', 2)], 2);
    await store.settle();
    expect(store.get('a')).toEqual({ n: 2 });
    await store.restore(0, [row(2, 'b', 1)], 3);
    await store.reset(0);
    await store.settle();
    expect([store.get('a'), store.get('b'), store.checkpoint(0)]).toEqual([undefined, undefined, 0]);
    await store.close();
  });

  it('forgets the place along with the rows where it is closed, or fails, before it has settled', async () => {
    const store = await open();
    await store.restore(0, [row(0, 'a', 1)], 1);
    await store.close();
    await expect(store.settle()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    const again = await open();
    expect([again.get('a'), again.checkpoint(0)]).toEqual([undefined, 0]);
    await again.close();
  });

  it('stores rows that are restored by two at once, while it settles and when it is full', async () => {
    const store = await open();
    const records = (from: number, count: number) =>
      Array.from({ length: count }, (_, n) => row(n, `${(from + n) * 7_919}`.padStart(1_000, '0'), n));
    await store.restore(0, records(0, 6_000), 6_000);
    await Promise.all([
      store.settle(),
      store.restore(1, records(100_000, 20_000), 20_000),
      store.restore(2, records(200_000, 20_000), 20_000),
      store.apply(3, [row(0, 'a', 1)], 1),
    ]);
    await store.settle();
    const offsets = [0, 1, 2, 3].map((partition) => store.checkpoint(partition));
    expect([store.count(), ...offsets]).toEqual([46_001, 6_000, 20_000, 20_000, 1]);
    await store.close();
  });

  it('begins anew where its rows are kept in another form', async () => {
    const first = await open();
    await first.apply(0, [row(0, 'a', 1)], 1);
    await first.close();
    const packed = await TableStore.open({ directory, topic, codec: wireCodec(), telemetry, packing: onlyNumbers });
    expect([packed.get('a'), packed.checkpoint(0), packed.count()]).toEqual([undefined, 0, 0]);
    await packed.apply(0, [row(0, 'a', 1)], 1);
    await packed.close();
    const back = await open();
    expect([back.get('a'), back.checkpoint(0)]).toEqual([undefined, 0]);
    await back.close();
  });

  it('holds what a map holds, through restarts and however often records come again', async () => {
    const record = fc.tuple(fc.nat(2), fc.constantFrom('a', 'b', 'c', 'd'), fc.option(fc.nat(9)));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.array(record, { maxLength: 5 }), fc.boolean(), fc.boolean()), { maxLength: 6 }),
        async (steps) => {
          let store = await open();
          for (const partition of [0, 1, 2]) await store.reset(partition);
          const rows = new Map<string, number>();
          for (const [records, restores, restarts] of steps) {
            for (const [partition, name, n] of records) {
              // As on a real table, a key lives on one partition.
              const key = `${name}${partition}`;
              const offset = store.checkpoint(partition);
              const how = restores ? 'restore' : 'apply';
              for (let again = 0; again < 2; again++) await store[how](partition, [row(offset, key, n)], offset + 1);
              if (n === null) rows.delete(key);
              else rows.set(key, n);
            }
            await store.settle();
            if (!restarts) continue;
            await store.close();
            store = await open();
          }
          for (const partition of [0, 1, 2]) {
            for (const name of ['a', 'b', 'c', 'd']) {
              expect(store.get(`${name}${partition}`)?.n).toBe(rows.get(`${name}${partition}`));
            }
          }
          expect(store.count()).toBe(rows.size);
          await store.close();
        },
      ),
      { numRuns: 25 },
    );
  });
});

describe('a table store of suppressions', () => {
  const topic = topics.suppressions;
  const codec = new MemoryCodec();
  const packing = new SuppressionPacking();
  const openPacked = () => TableStore.open({ directory, topic, codec, telemetry, packing });
  const suppression = (n: number, tenant: string): Suppression => ({
    ...emptySuppression(recipientSubject(`someone${n}@mail.example`)),
    active: true,
    severity: 'manual',
    since: 1_700_000_000_000 + n,
    tenant,
  });
  const record = (offset: number, one: Suppression, value = codec.encode(topic, one)): StoredRecord => ({
    offset,
    key: Buffer.from(one.subject),
    value,
    headers: {},
    at: 0,
  });

  it('holds rows of every kind through a restart, and counts what is none', async () => {
    const rows = [0, 1, 2, 3].map((n) => suppression(n, 'a tenant'));
    const late = { ...suppression(4, 'a tenant'), since: 2 ** 52 };
    const long = { ...suppression(5, 'x'.repeat(40_000)) };
    // A writer that numbers the symbols otherwise: its bytes could be read as ours, and would mean something else.
    const otherwise = schemas.Suppression.replace('"manual","complaint"', '"complaint","manual"');
    expect(otherwise).not.toBe(schemas.Suppression);
    const schemaId = codec.register(topic, otherwise);
    const [subject, foreign] = [recipientSubject('foreign@mail.example'), Buffer.alloc(6)];
    foreign.writeUInt32BE(schemaId, 1);
    // Active, complaint (manual of ours), since 7; no until, tenant, type or evidence.
    const body = [Buffer.from([2 * subject.length]), Buffer.from(subject), Buffer.from([1, 2, 14, 0, 0, 0, 0])];
    const value = Buffer.concat([foreign.subarray(0, 5), ...body]);
    const other = { ...emptySuppression(subject), active: true, severity: 'complaint', since: 7 } as Suppression;
    const wanted = [...rows, late, long, other];
    const records = [...rows, late, long].map((one, n) => record(n, one));
    records.push(record(6, other, value));
    const broken = record(7, suppression(7, 'b'), codec.encode(topic, suppression(7, 'b')).subarray(0, 30));
    const first = await openPacked();
    await first.apply(3, records.slice(0, 2), 2);
    await first.restore(3, [...records.slice(2), broken], 8);
    await first.settle();
    expect(wanted.map((one) => first.get(one.subject))).toEqual(wanted);
    await first.close();
    expect(telemetry.sum('postlane_view_rows_skipped_total')).toBe(1);
    const second = await openPacked();
    expect(wanted.map((one) => second.get(one.subject))).toEqual(wanted);
    expect([second.checkpoint(3), second.count(), second.get('recipient:nobody@mail.example')]).toEqual([
      8,
      7,
      undefined,
    ]);
    const inOrder = [...wanted].sort((left, right) => (left.subject < right.subject ? -1 : 1));
    expect(second.page('recipient:', null, 100).map(({ row }) => row)).toEqual(inOrder);
    expect(second.page('recipient:', inOrder[2]?.subject ?? '', 2).map(({ row }) => row)).toEqual(inOrder.slice(3, 5));
    const all = [...second.rowsOf()];
    expect(all.map(({ value }) => value)).toEqual(inOrder);
    expect(new Set(all.map(({ partition }) => partition))).toEqual(new Set([3]));
    await second.reset(3);
    expect(second.count()).toBe(0);
    await second.close();
  });

  it('answers what was in the topic also where the key that it is asked for is no text', async () => {
    const store = await openPacked();
    const row = { ...suppression(0, 'a tenant'), subject: 'recipient:\ufffd@mail.example' };
    await store.apply(0, [record(0, row)], 1);
    expect(store.get('recipient:\ud800@mail.example')).toEqual(row);
    await store.close();
  });

  it('says so where a row is not what it wrote', async () => {
    const store = await openPacked();
    await store.apply(
      0,
      [0, 1, 2].map((n) => record(n, suppression(n, 'a tenant'))),
      3,
    );
    await store.close();
    const strings = jest.spyOn(RepeatedStrings.prototype, 'load').mockImplementation(() => undefined);
    const forgetful = await openPacked();
    strings.mockRestore();
    expect(() => forgetful.get(suppression(2, '').subject)).toThrow(
      expect.objectContaining({ code: 'STORE_UNAVAILABLE' }),
    );
    await forgetful.close();
  });
});
