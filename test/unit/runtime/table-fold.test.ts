import type { Topic } from '../../../src/contracts/topic.ts';
import { MemoryTable } from '../../../src/host/memory-table.ts';
import type { StoredRecord } from '../../../src/runtime/ports.ts';
import { emit, type Input, type Processor } from '../../../src/runtime/processor.ts';
import { tableDefinition, tableFold } from '../../../src/runtime/table-fold.ts';
import { RecordingTelemetry } from '../../../src/testing/recording-telemetry.ts';
import { json, jsonCodec } from '../../support/json-codec.ts';

interface Sum {
  readonly total: number;
}
const input: Topic<number> = { name: 'a.numbers', schema: 'N' };
const table: Topic<Sum> = { name: 'a.sums', schema: 'S' };
const alerts: Topic<string> = { name: 'a.alerts', schema: 'A' };
/** Adds up; zero changes nothing; tells of every ten that is reached. */
const sums: Processor<Sum, number> = {
  name: 'sums',
  version: '1',
  input,
  table,
  initial: () => ({ total: 0 }),
  step(state, { key, value }) {
    if (value === 0) return { state, outputs: [] };
    const total = state.total + value;
    return { state: { total }, outputs: total >= 10 ? [emit(alerts, key, 'ten')] : [] };
  },
};
const record = (offset: number, key: string, value: unknown): StoredRecord => ({
  offset,
  key: Buffer.from(key),
  value: json(value),
  headers: {},
  at: 5,
});
const given = (...pairs: [string, number][]): Input<number>[] =>
  pairs.map(([key, value], offset) => ({ key, value, at: 5, record: record(offset, key, value) }));
const memory = () => new MemoryTable(table, jsonCodec, new RecordingTelemetry());
const task = { group: 'g', topic: input.name, partition: 3 };

describe('folding a table', () => {
  it('writes what steps say, then each changed row once, to the partition of the input', () => {
    const fold = tableFold(sums, memory(), jsonCodec, task);
    const { outputs, consumed } = fold.fold(given(['a', 4], ['b', 0], ['a', 7], ['c', 1]), 0);
    expect(consumed).toBe(4);
    expect(outputs).toEqual([
      emit(alerts, 'a', 'ten'),
      emit(table, 'a', { total: 11 }, { partition: 3 }),
      emit(table, 'c', { total: 1 }, { partition: 3 }),
    ]);
  });

  it('believes nothing of a draft before it has landed, and all of it afterwards', async () => {
    const states = memory();
    const fold = tableFold(sums, states, jsonCodec, task);
    const draft = fold.fold(given(['a', 4]), 0);
    expect(states.get('a')).toBeUndefined();
    expect(fold.fold(given(['a', 4]), 0).outputs).toEqual(draft.outputs);
    await draft.believe([{ partition: 3, offset: 17 }]);
    expect(states.get('a')).toEqual({ total: 4 });
    expect(states.checkpoint(3)).toBe(18);
    expect(fold.fold(given(['a', 5]), 0).outputs).toEqual([emit(table, 'a', { total: 9 }, { partition: 3 })]);
  });

  it('restores only what is new of its table', async () => {
    const states = memory();
    await states.apply(3, [record(0, 'a', { total: 2 })], 1);
    const asked: number[] = [];
    const definition = tableDefinition(sums, states, jsonCodec);
    const fold = await definition.open(
      task,
      async (topic, partition, from, apply) => {
        asked.push(from);
        expect([topic, partition]).toEqual([table, 3]);
        await apply([record(1, 'b', { total: 5 })]);
        return 3;
      },
      { nextOffset: 0 },
    );
    expect([asked, states.checkpoint(3)]).toEqual([[1], 3]);
    expect(fold.fold(given(['a', 1], ['b', 1]), 0).outputs).toMatchObject([
      { value: { total: 3 } },
      { value: { total: 6 } },
    ]);
  });

  it('starts over where the table is another one', async () => {
    const states = memory();
    await states.apply(3, [record(0, 'a', { total: 2 })], 9);
    const definition = tableDefinition(sums, states, jsonCodec);
    const opening = definition.open(task, async () => 1, { nextOffset: 0 });
    await expect(opening).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect([states.get('a'), states.checkpoint(3)]).toEqual([undefined, 0]);
  });
});
