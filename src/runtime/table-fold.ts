import { PostlaneError } from '../domain/error.ts';
import type { Codec } from './codec.ts';
import type { StoredRecord, Task } from './ports.ts';
import {
  type Draft,
  emit,
  type Fold,
  type Input,
  type Output,
  type Processor,
  type StreamDefinition,
} from './processor.ts';

/**
 * The port to the believed rows of a table: what was restored and committed, never a draft. A cache of the table's topic.
 * `TableStore` (on disk) and `MemoryTable` are ones.
 */
export interface TableStates<S> {
  get(key: string): S | undefined;
  /** Offset of the table's partition from which rows are missing; 0 at first. */
  checkpoint(partition: number): number;
  /** Rows in order, and the offset to go on from, both or neither. The same rows may come again. */
  apply(partition: number, records: readonly StoredRecord[], nextOffset: number): void | Promise<void>;
  /** As `apply`, where many more rows follow: they may be kept back until the next `apply`. Absent: `apply` is called. */
  restore?(partition: number, records: readonly StoredRecord[], nextOffset: number): void | Promise<void>;
  /** Forgets the rows of a partition. */
  reset(partition: number): void | Promise<void>;
}

/**
 * Folds a batch with a `Processor` over a draft of its table's rows. The table's partition is that of the input, so its rows
 * are restored from there; changed rows are appended behind the outputs of all steps. With a `prefix` the rows lie under
 * keys that begin with it, beside those of other editions of the table.
 */
export function tableFold<S, E>(
  processor: Processor<S, E>,
  states: TableStates<S>,
  codec: Codec,
  task: Task,
  prefix = '',
): Fold<E> {
  const { table } = processor;
  const { partition } = task;
  const rows = new Set((processor.rows ?? []).map(({ name }) => name));
  return {
    fold(inputs: readonly Input<E>[]): Draft {
      const draft = new Map<string, S>();
      const outputs: Output[] = [];
      for (const input of inputs) {
        const known = draft.get(input.key) ?? states.get(prefix + input.key);
        const before = known ?? processor.initial(input.key);
        const { state, outputs: told } = processor.step(before, input);
        for (const output of told)
          outputs.push(rows.has(output.topic.name) ? placed(output, prefix, partition) : output);
        if (state !== before) draft.set(input.key, state);
      }
      const changed = [...draft];
      const firstRow = outputs.length;
      for (const [key, state] of changed) outputs.push(emit(table, prefix + key, state, { partition }) as Output);
      const believe: Draft['believe'] = (landed) => {
        const records = changed.map(([key, state], n): StoredRecord => {
          const offset = landed[firstRow + n]?.offset;
          if (offset === undefined) throw new PostlaneError('BUG', { what: 'a row that was committed has landed' });
          return { offset, key: Buffer.from(prefix + key), value: codec.encode(table, state), headers: {}, at: 0 };
        });
        const last = records.at(-1);
        return last === undefined ? undefined : states.apply(partition, records, last.offset + 1);
      };
      return { outputs, consumed: inputs.length, waitUntil: null, believe };
    },
  };
}

const placed = (output: Output, prefix: string, partition: number): Output => ({
  ...output,
  key: output.key === null ? null : prefix + output.key,
  partition,
});

/** Runs a `Processor` as a stream: its rows are restored after the fence, and only what is new of them. */
export const tableDefinition = <S, E>(
  processor: Processor<S, E>,
  states: TableStates<S>,
  codec: Codec,
  prefix = '',
): StreamDefinition<E> => ({
  name: processor.name,
  version: processor.version,
  inputs: [processor.input],
  decode: true,
  stage: 'decode',
  async open(task, restore) {
    const { table } = processor;
    const { partition } = task;
    const from = states.checkpoint(partition);
    const end = await restore(table, partition, from, async (records) => {
      const nextOffset = (records.at(-1)?.offset ?? from) + 1;
      if (states.restore) await states.restore(partition, records, nextOffset);
      else await states.apply(partition, records, nextOffset);
    });
    if (end <= from) {
      await states.reset(partition);
      throw new PostlaneError('STORE_UNAVAILABLE', {
        what: 'the table is shorter than its store',
        partition,
        from,
        end,
      });
    }
    await states.apply(partition, [], end);
    return tableFold(processor, states, codec, task, prefix);
  },
});
