import { partitionOf } from '../../src/domain/partitioner.ts';
import type { Commit, Landed, Log, LogRecord, StoredRecord, Task } from '../../src/runtime/ports.ts';

/** One cluster, and as many processes of it as a test wants. */
export interface LogHarness {
  /** The log of a process of its own. */
  process(): Log;
  /** A topic of its own, named by the harness. */
  topic(partitions: number): Promise<string>;
  /** The committed records of a partition, in order, as a reader of its own sees them. */
  visible(topic: string, partition: number): Promise<readonly StoredRecord[]>;
  /** Appends as a foreign producer does: without a task and without a transaction. */
  append(record: LogRecord): Promise<Landed>;
  /** A process that opens the task, does all of the commit but its last word, and is gone. */
  dieInCommit(task: Task, commit: Commit): Promise<void>;
  close(): Promise<void>;
}

const PARTITIONS = 3;
const METADATA_BYTES_MAX = 4096;

interface Stage {
  readonly harness: LogHarness;
  readonly task: Task;
  readonly output: string;
}

let groups = 0;

const text = (record: StoredRecord | undefined): [string | undefined, string | undefined] => [
  record?.key?.toString(),
  record?.value?.toString(),
];

const values = (records: readonly StoredRecord[]): (string | undefined)[] =>
  records.map((record) => record.value?.toString());

const record = (topic: string, key: string, value: string | null, partition?: number): LogRecord => ({
  topic,
  key,
  value: value === null ? null : Buffer.from(value),
  partition,
});

/** What every implementation of `Log` promises. */
export function logContract(name: string, make: () => Promise<LogHarness>): void {
  describe(`Log (${name})`, () => {
    let harness: LogHarness;
    let input: string;

    beforeAll(async () => {
      harness = await make();
      input = await harness.topic(PARTITIONS);
    }, 120_000);

    afterAll(async () => {
      await harness?.close();
    }, 60_000);

    const stage = async (partition = 0): Promise<Stage> => ({
      harness,
      task: { group: `group-${name}-${process.pid}-${++groups}`, topic: input, partition },
      output: await harness.topic(PARTITIONS),
    });

    describe('a position', () => {
      it('is -1 without metadata before anything was committed', async () => {
        const { task } = await stage();
        expect(await harness.process().open(task)).toEqual({ nextOffset: -1, metadata: '' });
      });

      it('is read back by the next owner, with its metadata', async () => {
        const { task } = await stage(1);
        const first = harness.process();
        await first.open(task);
        await first.commit(task, { outputs: [], nextOffset: 7, metadata: 'g3;7+d2u5 ✓' });
        expect(await harness.process().open(task)).toEqual({ nextOffset: 7, metadata: 'g3;7+d2u5 ✓' });
      });

      it('carries 4096 bytes of metadata, and none where none was given', async () => {
        const { task } = await stage();
        const log = harness.process();
        await log.open(task);
        const metadata = 'm'.repeat(METADATA_BYTES_MAX);
        await log.commit(task, { outputs: [], nextOffset: 1, metadata });
        expect(await harness.process().open(task)).toEqual({ nextOffset: 1, metadata });
        const successor = harness.process();
        await successor.open(task);
        await successor.commit(task, { outputs: [], nextOffset: 2, metadata: '' });
        expect(await harness.process().open(task)).toEqual({ nextOffset: 2, metadata: '' });
      });

      it('does not move with metadata that is too long, and nothing becomes visible', async () => {
        const { task, output } = await stage();
        const log = harness.process();
        await log.open(task);
        await log.commit(task, { outputs: [], nextOffset: 1, metadata: 'good' });
        const outputs = [record(output, 'k', 'never seen', 0)];
        const metadata = 'm'.repeat(METADATA_BYTES_MAX + 1);
        await expect(log.commit(task, { outputs, nextOffset: 2, metadata })).rejects.toMatchObject({
          code: 'KAFKA_COMMIT_UNKNOWN',
        });
        await log.retire(task);
        expect(await log.open(task)).toEqual({ nextOffset: 1, metadata: 'good' });
        expect(await harness.visible(output, 0)).toEqual([]);
      });

      it('belongs to one partition of one topic of one group', async () => {
        const { task } = await stage(0);
        const log = harness.process();
        await log.open(task);
        await log.commit(task, { outputs: [], nextOffset: 5, metadata: 'a' });
        expect((await log.open({ ...task, partition: 1 })).nextOffset).toBe(-1);
        expect((await log.open({ ...task, group: `${task.group}-other` })).nextOffset).toBe(-1);
      });
    });

    describe('a declaration', () => {
      it('moves the position and its metadata, and is read back by the next owner', async () => {
        const { task } = await stage(1);
        const log = harness.process();
        await log.open(task);
        for (let n = 1; n <= 5; n++) await log.declare(task, { nextOffset: n, metadata: `g1;${n}` });
        expect(await harness.process().open(task)).toEqual({ nextOffset: 5, metadata: 'g1;5' });
      });

      it('and commits of the same task follow each other: what was said last holds', async () => {
        const { task, output } = await stage();
        const log = harness.process();
        await log.open(task);
        for (let n = 1; n <= 5; n++) {
          await log.declare(task, { nextOffset: n - 1, metadata: `declared ${n}` });
          await log.commit(task, { outputs: [record(output, 'k', `${n}`, 0)], nextOffset: n, metadata: `done ${n}` });
        }
        await log.declare(task, { nextOffset: 5, metadata: 'declared last' });
        expect(await harness.process().open(task)).toEqual({ nextOffset: 5, metadata: 'declared last' });
        expect(values(await harness.visible(output, 0))).toEqual(['1', '2', '3', '4', '5']);
      });

      it('of many tasks at once moves each of them', async () => {
        const { task } = await stage();
        const log = harness.process();
        const tasks = Array.from({ length: PARTITIONS }, (_, partition) => ({ ...task, partition }));
        for (const each of tasks) await log.open(each);
        const moved = ({ partition }: Task) => ({ nextOffset: 10 + partition, metadata: `m${partition}` });
        await Promise.all(tasks.map((each) => log.declare(each, moved(each))));
        const successor = harness.process();
        for (const each of tasks) expect(await successor.open(each)).toEqual(moved(each));
      });

      it('of who is no owner any more is refused, and moves nothing', async () => {
        const { task } = await stage();
        const [first, second] = [harness.process(), harness.process()];
        await first.open(task);
        await first.declare(task, { nextOffset: 1, metadata: 'first' });
        expect(await second.open(task)).toEqual({ nextOffset: 1, metadata: 'first' });
        const late = first.declare(task, { nextOffset: 2, metadata: 'late' });
        await expect(late).rejects.toMatchObject({ code: 'TASK_MIGRATED' });
        await second.declare(task, { nextOffset: 1, metadata: 'second' });
        expect(await harness.process().open(task)).toEqual({ nextOffset: 1, metadata: 'second' });
      });

      it('with metadata that is too long moves nothing, and the task can be opened again', async () => {
        const { task } = await stage();
        const log = harness.process();
        await log.open(task);
        await log.declare(task, { nextOffset: 1, metadata: 'good' });
        const tooLong = log.declare(task, { nextOffset: 2, metadata: 'm'.repeat(METADATA_BYTES_MAX + 1) });
        await expect(tooLong).rejects.toMatchObject({ code: 'KAFKA_COMMIT_UNKNOWN' });
        await log.retire(task);
        expect(await log.open(task)).toEqual({ nextOffset: 1, metadata: 'good' });
        await log.declare(task, { nextOffset: 3, metadata: 'better' });
        expect(await harness.process().open(task)).toEqual({ nextOffset: 3, metadata: 'better' });
      });

      it('is a bug where the task is not open', async () => {
        const { task } = await stage();
        const log = harness.process();
        await expect(log.declare(task, { nextOffset: 1, metadata: '' })).rejects.toMatchObject({ code: 'BUG' });
      });
    });

    describe('a commit', () => {
      it('makes its records visible as they were given', async () => {
        const { task, output } = await stage();
        const log = harness.process();
        await log.open(task);
        const value = Buffer.from([0, 1, 2, 255]);
        const key = new Uint8Array([0, 0, 0, 0]);
        const outputs: LogRecord[] = [
          { topic: output, key, value, headers: { 'pl-a': 'ü', 'pl-b': '' }, partition: 2 },
          { topic: output, key: 'text', value: null, partition: 2 },
          { topic: output, key: null, value: Buffer.from('no key'), partition: 2 },
        ];
        const landed = await log.commit(task, { outputs, nextOffset: 1, metadata: '' });
        const seen = await harness.visible(output, 2);
        expect(seen.map(({ key, value, headers }) => ({ key, value, headers }))).toEqual([
          { key: Buffer.from(key), value, headers: { 'pl-a': 'ü', 'pl-b': '' } },
          { key: Buffer.from('text'), value: null, headers: {} },
          { key: null, value: Buffer.from('no key'), headers: {} },
        ]);
        expect(seen.map(({ offset }) => ({ partition: 2, offset }))).toEqual(landed);
        for (const { at } of seen) expect(at).toBeGreaterThan(0);
      });

      it('puts a record where the hash of its key says, or where it is told', async () => {
        const { task, output } = await stage();
        const log = harness.process();
        await log.open(task);
        const keys = ['a@x.example', 'b@x.example', 'c@x.example', 'é'];
        const landed = await log.commit(task, {
          outputs: [...keys.map((key) => record(output, key, key)), record(output, 'a@x.example', 'told', 1)],
          nextOffset: 1,
          metadata: '',
        });
        expect(landed.map(({ partition }) => partition)).toEqual([
          ...keys.map((key) => partitionOf(key, PARTITIONS)),
          1,
        ]);
      });

      it('keeps the order of a thousand records and says where each landed', async () => {
        const { task, output } = await stage();
        const log = harness.process();
        await log.open(task);
        const keys = Array.from({ length: 1_200 }, (_, n) => `key-${n}`);
        const landed = await log.commit(task, {
          outputs: keys.map((key) => record(output, key, key)),
          nextOffset: 1,
          metadata: '',
        });
        const seen = await Promise.all([0, 1, 2].map((partition) => harness.visible(output, partition)));
        expect(seen.flat()).toHaveLength(keys.length);
        keys.forEach((key, n) => {
          const { partition, offset } = landed[n] as Landed;
          expect(text(seen[partition]?.find((each) => each.offset === offset))).toEqual([key, key]);
        });
        for (const partition of seen) {
          const order = partition.map((each) => Number(each.key?.toString().slice(4)));
          expect(order).toEqual([...order].sort((a, b) => a - b));
        }
      });

      it('takes records of half a megabyte, each', async () => {
        const { task, output } = await stage();
        const log = harness.process();
        await log.open(task);
        const large = ['x', 'y', 'z'].map((letter) => letter.repeat(600_000));
        await log.commit(task, {
          outputs: large.map((value) => record(output, 'k', value, 0)),
          nextOffset: 1,
          metadata: '',
        });
        expect(values(await harness.visible(output, 0))).toEqual(large);
      });

      it('follows another, again and again, and after a rest', async () => {
        const { task, output } = await stage();
        const log = harness.process();
        await log.open(task);
        for (let n = 1; n <= 20; n++) {
          await log.commit(task, { outputs: [record(output, 'k', String(n), 0)], nextOffset: n, metadata: `g1;${n}` });
        }
        expect(values(await harness.visible(output, 0))).toEqual(Array.from({ length: 20 }, (_, n) => String(n + 1)));
        expect(await harness.process().open(task)).toEqual({ nextOffset: 20, metadata: 'g1;20' });
      });

      it('does not wait for those of other tasks', async () => {
        const { task, output } = await stage();
        const log = harness.process();
        const tasks = Array.from({ length: 12 }, (_, n) => ({ ...task, group: `${task.group}-${n}` }));
        await Promise.all(
          tasks.map(async (each, n) => {
            await log.open(each);
            for (let round = 1; round <= 5; round++) {
              const outputs = [record(output, `${n}`, `${n}.${round}`, 0)];
              await log.commit(each, { outputs, nextOffset: round, metadata: '' });
            }
          }),
        );
        const seen = values(await harness.visible(output, 0));
        expect(seen).toHaveLength(60);
        tasks.forEach((_, n) => {
          expect(seen.filter((value) => value?.startsWith(`${n}.`))).toEqual(
            [1, 2, 3, 4, 5].map((round) => `${n}.${round}`),
          );
        });
      });

      it('is a bug where the task is not open', async () => {
        const { task } = await stage();
        const log = harness.process();
        const commit = { outputs: [], nextOffset: 1, metadata: '' };
        await expect(log.commit(task, commit)).rejects.toMatchObject({ code: 'BUG' });
        await log.open(task);
        await log.retire(task);
        await expect(log.commit(task, commit)).rejects.toMatchObject({ code: 'BUG' });
      });
    });

    describe('a new owner', () => {
      it('fences the older one: it is told so, and nothing of its batch is seen', async () => {
        const { task, output } = await stage();
        const [older, newer] = [harness.process(), harness.process()];
        await older.open(task);
        await older.commit(task, { outputs: [record(output, 'k', 'before', 0)], nextOffset: 1, metadata: 'older' });
        expect(await newer.open(task)).toEqual({ nextOffset: 1, metadata: 'older' });
        const zombie = { outputs: [record(output, 'k', 'zombie', 0)], nextOffset: 99, metadata: 'zombie' };
        await expect(older.commit(task, zombie)).rejects.toMatchObject({ code: 'TASK_MIGRATED' });
        await older.retire(task);
        await newer.commit(task, { outputs: [record(output, 'k', 'after', 0)], nextOffset: 2, metadata: 'newer' });
        expect(values(await harness.visible(output, 0))).toEqual(['before', 'after']);
        expect(await harness.process().open(task)).toEqual({ nextOffset: 2, metadata: 'newer' });
      });

      it('fences an older one that only moves its position', async () => {
        const { task } = await stage();
        const older = harness.process();
        await older.open(task);
        await harness.process().open(task);
        const commit = { outputs: [], nextOffset: 9, metadata: '' };
        await expect(older.commit(task, commit)).rejects.toMatchObject({ code: 'TASK_MIGRATED' });
        expect((await harness.process().open(task)).nextOffset).toBe(-1);
      });

      it('is not disturbed by the older one letting go', async () => {
        const { task } = await stage();
        const [older, newer] = [harness.process(), harness.process()];
        await older.open(task);
        await newer.open(task);
        await older.retire(task);
        await older.retire(task);
        await newer.commit(task, { outputs: [], nextOffset: 1, metadata: '' });
        expect((await harness.process().open(task)).nextOffset).toBe(1);
      });

      it('sees nothing of a commit whose process died before the last word', async () => {
        const { task, output } = await stage();
        const first = harness.process();
        await first.open(task);
        await first.commit(task, { outputs: [record(output, 'k', 'whole', 0)], nextOffset: 1, metadata: 'whole' });
        const torn = { outputs: [record(output, 'k', 'torn', 0)], nextOffset: 2, metadata: 'torn' };
        await harness.dieInCommit(task, torn);
        const successor = harness.process();
        expect(await successor.open(task)).toEqual({ nextOffset: 1, metadata: 'whole' });
        await successor.commit(task, { outputs: [record(output, 'k', 'again', 0)], nextOffset: 2, metadata: 'again' });
        expect(values(await harness.visible(output, 0))).toEqual(['whole', 'again']);
      });

      it('may be the same process', async () => {
        const { task, output } = await stage();
        const log = harness.process();
        await log.open(task);
        await log.open(task);
        await log.commit(task, { outputs: [record(output, 'k', 'v', 0)], nextOffset: 1, metadata: '' });
        expect(values(await harness.visible(output, 0))).toEqual(['v']);
      });
    });

    describe('a restore', () => {
      const restored = async (log: Log, task: Task, topic: string, from: number) => {
        const shown: StoredRecord[] = [];
        const next = await log.restore(task, topic, 0, from, (records) => {
          shown.push(...records);
        });
        return { shown, next };
      };

      it('shows the records in order, deletions included, and no barrier', async () => {
        const { task, output } = await stage();
        const log = harness.process();
        await log.open(task);
        await log.commit(task, {
          outputs: [record(output, 'a', '1', 0), record(output, 'b', '2', 0), record(output, 'a', null, 0)],
          nextOffset: 1,
          metadata: '',
        });
        await restored(log, task, output, 0);
        const table = new Map<string, string>();
        const { shown } = await restored(log, task, output, 0);
        for (const { key, value } of shown) {
          if (value === null) table.delete(`${key}`);
          else table.set(`${key}`, `${value}`);
        }
        expect(shown.map(text)).toEqual([
          ['a', '1'],
          ['b', '2'],
          ['a', undefined],
        ]);
        expect([...table]).toEqual([['b', '2']]);
      });

      it('goes on where the one before ended', async () => {
        const { task, output } = await stage();
        const log = harness.process();
        await log.open(task);
        await log.commit(task, { outputs: [record(output, 'a', '1', 0)], nextOffset: 1, metadata: '' });
        const first = await restored(log, task, output, 0);
        expect((await restored(log, task, output, first.next)).shown).toEqual([]);
        const [landed] = await log.commit(task, {
          outputs: [record(output, 'b', '2', 0)],
          nextOffset: 2,
          metadata: '',
        });
        expect(landed?.offset).toBeGreaterThanOrEqual(first.next);
        const second = await restored(log, task, output, first.next);
        expect(second.shown.map(text)).toEqual([['b', '2']]);
        expect(second.next).toBeGreaterThan(first.next);
      });

      it('ends at once where there is nothing', async () => {
        const { task, output } = await stage();
        const log = harness.process();
        await log.open(task);
        expect((await restored(log, task, output, 0)).shown).toEqual([]);
      });

      it('shows what others appended before, and nothing of what was never committed', async () => {
        const { task, output } = await stage();
        await harness.append(record(output, 'foreign', 'one', 0));
        await harness.dieInCommit(task, { outputs: [record(output, 'k', 'torn', 0)], nextOffset: 1, metadata: '' });
        await harness.append(record(output, 'foreign', 'two', 0));
        const log = harness.process();
        await log.open(task);
        expect(values((await restored(log, task, output, 0)).shown)).toEqual(['one', 'two']);
      });

      it('waits for what it is told to wait for, batch by batch, and passes its failure on', async () => {
        const { task, output } = await stage();
        const log = harness.process();
        await log.open(task);
        await log.commit(task, { outputs: [record(output, 'a', '1', 0)], nextOffset: 1, metadata: '' });
        const failing = log.restore(task, output, 0, 0, async () => {
          throw new Error('the store is full');
        });
        await expect(failing).rejects.toThrow('the store is full');
      });
    });
  });
}
