import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ReplayTables } from '../../../src/cli/replay/replay-tables.ts';
import { dealt } from '../../../src/cli/replay/threads.ts';
import { partitionOf } from '../../../src/domain/partitioner.ts';

describe('partitions of a replay', () => {
  const ranges = [5, 40, 10, 30, 0].map((size, partition) => ({ partition, first: 7, end: 7 + size }));

  it('are dealt so that threads end together, each to one thread', () => {
    const hands = dealt(ranges, 2).map((hand) => hand.map(({ partition }) => partition));
    expect(hands.map((hand) => hand.toSorted())).toEqual([
      [0, 1],
      [2, 3, 4],
    ]);
    expect(dealt(ranges, 1).flat()).toHaveLength(ranges.length);
  });
});

describe('the tables of a replay', () => {
  const TABLE = 'email.suppressions';
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'postlane-replay-tables-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true, maxRetries: 3 }));

  it('are one over all partitions, and know also what lies where its key does not belong', async () => {
    const tables = await ReplayTables.open(directory, 3);
    await tables.openPartitions();
    const home = partitionOf('recipient:a@x.example', 3);
    const foreign = (home + 1) % 3;
    await tables.partition(foreign).put([{ table: TABLE, key: 'recipient:a@x.example', value: Buffer.from('old') }]);
    expect(tables.get(TABLE, 'recipient:a@x.example')?.toString()).toBe('old');
    await tables.put([{ table: TABLE, key: 'recipient:a@x.example', value: Buffer.from('new') }]);
    await tables.put([{ table: TABLE, key: 'recipient:b@x.example', value: Buffer.from('b') }]);
    await tables.closePartitions();
    await tables.openPartitions();
    const rows = [...tables.rowsOf(TABLE)].map(({ key, value, partition }) => [key, value.toString(), partition]);
    expect(rows.toSorted()).toEqual([
      ['recipient:a@x.example', 'new', foreign],
      ['recipient:b@x.example', 'b', partitionOf('recipient:b@x.example', 3)],
    ]);
    await tables.clear();
    expect([...tables.rowsOf(TABLE)]).toEqual([]);
    await tables.close();
  });
});
