import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import fc from 'fast-check';
import type { Topic } from '../../../src/contracts/topic.ts';
import type { Codec } from '../../../src/runtime/codec.ts';
import type { StoredRecord } from '../../../src/runtime/ports.ts';
import { TableStore } from '../../../src/store/table-store.ts';
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

  it('holds what a map holds, through restarts and however often records come again', async () => {
    const record = fc.tuple(fc.nat(2), fc.constantFrom('a', 'b', 'c', 'd'), fc.option(fc.nat(9)));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.array(record, { maxLength: 5 }), fc.boolean()), { maxLength: 6 }),
        async (steps) => {
          let store = await open();
          for (const partition of [0, 1, 2]) await store.reset(partition);
          const rows = new Map<string, number>();
          for (const [records, restarts] of steps) {
            for (const [partition, name, n] of records) {
              // As on a real table, a key lives on one partition.
              const key = `${name}${partition}`;
              const offset = store.checkpoint(partition);
              for (let again = 0; again < 2; again++) await store.apply(partition, [row(offset, key, n)], offset + 1);
              if (n === null) rows.delete(key);
              else rows.set(key, n);
            }
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
