import { reputationFold } from '../../../processors/reputation/index.ts';
import type { ReputationRules } from '../../../processors/reputation/step.ts';
import type { ReputationSignal, ReputationState, Suppression } from '../../contracts/generated.ts';
import { type Topic, topics } from '../../contracts/topic.ts';
import { PostlaneError } from '../../domain/error.ts';
import type { Codec } from '../../runtime/codec.ts';
import { encodeOutputs, keyText } from '../../runtime/encode.ts';
import type { StoredRecord } from '../../runtime/ports.ts';
import type { Fold, Input } from '../../runtime/processor.ts';
import type { TableStates } from '../../runtime/table-fold.ts';
import type { SideTables } from '../../store/side-tables.ts';

/** Folds one partition of the log into side tables: production's fold, over other tables. */
export class SideFold {
  private readonly fold: Fold<ReputationSignal>;
  private readonly codec: Codec;
  private readonly tables: SideTables;
  private readonly partition: number;
  /** Records that could not be decoded: production has dead letters of them. */
  undecodable = 0;

  constructor(tables: SideTables, codec: Codec, rules: ReputationRules, partition: number) {
    this.codec = codec;
    this.tables = tables;
    this.partition = partition;
    const states = {
      suppressions: sideStates<Suppression>(tables, topics.suppressions, codec),
      identities: sideStates<ReputationState>(tables, topics.reputationState, codec),
    };
    const task = { group: 'replay', topic: topics.reputation.name, partition };
    this.fold = reputationFold(states, codec, rules, task);
  }

  /** Where to go on: the offset that was noted with the rows, or undefined at the beginning. */
  nextOffset(): number | undefined {
    const noted = this.tables.noted(offsetName(this.partition));
    return noted === undefined ? undefined : Number(noted);
  }

  async apply(records: readonly StoredRecord[]): Promise<void> {
    const last = records.at(-1);
    if (!last) return;
    await this.codec.prepare(topics.reputation, records);
    const inputs: Input<ReputationSignal>[] = [];
    for (const record of records) {
      const decoded = this.codec.decode(topics.reputation, record.value);
      if (decoded.ok) inputs.push({ key: keyText(record), value: decoded.value, at: record.at, record });
      else this.undecodable++;
    }
    await this.prepareRows(inputs);
    const { outputs } = this.fold.fold(inputs, 0);
    const rows = encodeOutputs(this.codec, outputs).map(({ topic, key, value }) => {
      if (value === null) throw new PostlaneError('BUG', { what: 'rows of reputation are never deleted' });
      return { table: topic, key: String(key), value };
    });
    await this.tables.put(rows, { [offsetName(this.partition)]: String(last.offset + 1) });
  }

  /** Rows that an earlier run has written are in schemas that this process may not have met yet. */
  private async prepareRows(inputs: readonly Input<ReputationSignal>[]): Promise<void> {
    for (const topic of [topics.suppressions, topics.reputationState]) {
      const rows = inputs.flatMap(({ key }): StoredRecord[] => {
        const value = this.tables.get(topic.name, key);
        return value === undefined ? [] : [{ offset: 0, key: null, value, headers: {}, at: 0 }];
      });
      await this.codec.prepare(topic, rows);
    }
  }
}

const offsetName = (partition: number): string => `offset ${partition}`;

function sideStates<S>(tables: SideTables, topic: Topic<S>, codec: Codec): TableStates<S> {
  return {
    get(key) {
      const value = tables.get(topic.name, key);
      if (value === undefined) return undefined;
      const decoded = codec.decode(topic, value);
      if (!decoded.ok) throw new PostlaneError('STORE_UNAVAILABLE', { what: 'reading a row', reason: decoded.reason });
      return decoded.value;
    },
    checkpoint: () => 0,
    apply: () => undefined,
    reset: () => undefined,
  };
}
