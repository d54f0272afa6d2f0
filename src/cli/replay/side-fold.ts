import { isAboutRecipient, reputationFold } from '../../../processors/reputation/index.ts';
import type { Classify, ReputationRules } from '../../../processors/reputation/step.ts';
import type { ReputationSignal, ReputationState, Suppression } from '../../contracts/generated.ts';
import { type Topic, topics } from '../../contracts/topic.ts';
import { PostlaneError } from '../../domain/error.ts';
import { BoundedMap } from '../../limits/bounded-map.ts';
import type { Codec } from '../../runtime/codec.ts';
import { encodeOutputs, keyText } from '../../runtime/encode.ts';
import type { StoredRecord } from '../../runtime/ports.ts';
import type { Fold, Input, Output } from '../../runtime/processor.ts';
import type { TableStates } from '../../runtime/table-fold.ts';
import type { SideRow, SideTables } from '../../store/side-tables.ts';
import { decodeRow } from './live-tables.ts';
import type { ToldAgain } from './told-again.ts';

/**
 * Records that are decoded and folded at once. What is decoded lives until its fold is over: of 4,400 signals, a fetch, V8 found
 * 12 MB alive each time it collected, copied them, and kept them for its slow collector.
 */
const INPUTS_MAX = 500;

/**
 * Rows are written once there are so many, or once so many inputs are folded: a second's work, which a replay that was killed
 * does again.
 */
const ROWS_UNWRITTEN_MAX = 5_000;
const INPUTS_UNWRITTEN_MAX = 50_000;

/** Folds one partition of the log into side tables: production's fold, over other tables. */
export class SideFold {
  private readonly fold: Fold<ReputationSignal>;
  private readonly codec: Codec;
  private readonly tables: SideTables;
  private readonly partition: number;
  /** Records that could not be decoded: production has dead letters of them. */
  undecodable = 0;

  private readonly told: ToldAgain | null;
  private readonly suppressions: SideStates<Suppression>;
  private readonly identities: SideStates<ReputationState>;

  constructor(
    tables: SideTables,
    codec: Codec,
    rules: ReputationRules,
    partition: number,
    told: ToldAgain | null = null,
  ) {
    this.told = told;
    this.codec = codec;
    this.tables = tables;
    this.partition = partition;
    this.suppressions = new SideStates(tables, topics.suppressions, codec, this.latestOf(topics.suppressions.name));
    this.identities = new SideStates(tables, topics.reputationState, codec, this.latestOf(topics.reputationState.name));
    const states = { suppressions: this.suppressions, identities: this.identities };
    const remembered = { ...rules, judge: remembering(rules.judge) };
    const task = { group: 'replay', topic: topics.reputation.name, partition };
    this.fold = reputationFold(states, codec, remembered, task);
  }

  /** Rows that are folded and not written, by table and key: those of an identity change with nearly every batch. */
  private readonly latest = new Map<string, Map<string, Output>>();
  /** Inputs that they are folded from, and the offset after them. */
  private unwritten = 0;
  private position = 0;

  /** Where to go on: the offset that was noted with the rows, or undefined at the beginning. */
  nextOffset(): number | undefined {
    const noted = this.tables.noted(offsetName(this.partition));
    return noted === undefined ? undefined : Number(noted);
  }

  async apply(records: readonly StoredRecord[]): Promise<void> {
    await this.codec.prepare(topics.reputation, records);
    for (let start = 0; start < records.length; start += INPUTS_MAX) {
      await this.applyFew(records.slice(start, start + INPUTS_MAX));
    }
  }

  private async applyFew(records: readonly StoredRecord[]): Promise<void> {
    const last = records.at(-1);
    if (!last) return;
    const inputs: Input<ReputationSignal>[] = [];
    for (const record of records) {
      const decoded = this.codec.decode(topics.reputation, record.value);
      if (!decoded.ok) {
        this.undecodable++;
        continue;
      }
      if (this.told) inputs.push(...(await this.told.until(record.at)));
      if (this.told?.replaces(decoded.value, record.at)) continue;
      inputs.push({ key: keyText(record), value: decoded.value, at: record.at, record });
    }
    await this.foldInto(inputs, last.offset + 1);
  }

  /** What was read again and is newer than the log's last record; everything is written then. */
  async finish(nextOffset: number): Promise<void> {
    const inputs = (await this.told?.until(Number.POSITIVE_INFINITY)) ?? [];
    for (let start = 0; start < inputs.length; start += INPUTS_MAX) {
      await this.foldInto(inputs.slice(start, start + INPUTS_MAX), nextOffset);
    }
    await this.flush();
  }

  /** Writes what is folded and not written yet, and where to go on from there. */
  async flush(): Promise<void> {
    if (this.unwritten === 0) return;
    const rows: SideRow[] = [];
    for (const latest of this.latest.values()) {
      for (const { topic, key, value } of encodeOutputs(this.codec, [...latest.values()])) {
        if (value === null) throw new PostlaneError('BUG', { what: 'rows of reputation are never deleted' });
        rows.push({ table: topic, key: String(key), value });
      }
    }
    await this.tables.put(rows, { [offsetName(this.partition)]: String(this.position), ...this.told?.position() });
    this.suppressions.keep();
    this.identities.keep();
    for (const latest of this.latest.values()) latest.clear();
    this.unwritten = 0;
  }

  private latestOf(table: string): Map<string, Output> {
    const latest = this.latest.get(table) ?? new Map<string, Output>();
    this.latest.set(table, latest);
    return latest;
  }

  private async foldInto(inputs: readonly Input<ReputationSignal>[], nextOffset: number): Promise<void> {
    const [recipients, identities] = [new Set<string>(), new Set<string>()];
    for (const { key } of inputs) (isAboutRecipient(key) ? recipients : identities).add(key);
    await this.suppressions.prepare(recipients);
    await this.identities.prepare(identities);
    const { outputs } = this.fold.fold(inputs, 0);
    for (const output of outputs) this.latestOf(output.topic.name).set(output.key ?? '', output);
    // Also where no row changed: the place has moved.
    this.unwritten += Math.max(1, inputs.length);
    this.position = nextOffset;
    const rows = [...this.latest.values()].reduce((sum, { size }) => sum + size, 0);
    if (rows >= ROWS_UNWRITTEN_MAX || this.unwritten >= INPUTS_UNWRITTEN_MAX) await this.flush();
  }
}

const offsetName = (partition: number): string => `offset ${partition}`;

/** Replies that are judged again and again; more than any provider has. */
const VERDICTS_MAX = 10_000;
/** Codes that come with the same words. */
const CODES_MAX = 20;

/** The same reply gets the same verdict: rules are pure, and servers have few words. */
function remembering(judge: Classify): Classify {
  type Known = { readonly refusal: Parameters<Classify>[0]; readonly verdict: ReturnType<Classify> };
  const byText = new BoundedMap<string, Known[]>(VERDICTS_MAX);
  return (refusal) => {
    const { smtpCode, enhancedCode, text, stage } = refusal;
    const known = byText.get(text) ?? [];
    for (const { refusal: other, verdict } of known) {
      if (other.smtpCode === smtpCode && other.enhancedCode === enhancedCode && other.stage === stage) return verdict;
    }
    const verdict = judge(refusal);
    if (known.length === 0) byText.set(text, known);
    if (known.length < CODES_MAX) known.push({ refusal, verdict });
    return verdict;
  };
}

/** Rows that are kept decoded beside those of the batch under way: identities are heard of all the time. */
const ROWS_KEPT_MAX = 500;

/** The rows of a side table as the fold asks for them: those of a batch are read once, before it. */
class SideStates<S> implements TableStates<S> {
  private readonly tables: SideTables;
  private readonly topic: Topic<S>;
  private readonly codec: Codec;
  private readonly kept = new BoundedMap<string, S>(ROWS_KEPT_MAX);
  private readonly unwritten: ReadonlyMap<string, Output>;
  private batch = new Map<string, S>();

  /** `unwritten` are the newest rows that do not lie in the side table yet. */
  constructor(tables: SideTables, topic: Topic<S>, codec: Codec, unwritten: ReadonlyMap<string, Output>) {
    this.tables = tables;
    this.topic = topic;
    this.codec = codec;
    this.unwritten = unwritten;
  }

  /** Rows that an earlier run has written are in schemas that this process may not have met yet. */
  async prepare(keys: Iterable<string>): Promise<void> {
    this.batch = new Map();
    const read: { readonly key: string; readonly value: Buffer }[] = [];
    for (const key of keys) {
      if (this.unwritten.has(key)) continue;
      const kept = this.kept.get(key);
      const value = kept === undefined ? this.tables.get(this.topic.name, key) : undefined;
      if (kept !== undefined) this.batch.set(key, kept);
      else if (value !== undefined) read.push({ key, value });
    }
    await this.codec.prepare(
      this.topic,
      read.map(({ value }): StoredRecord => ({ offset: 0, key: null, value, headers: {}, at: 0 })),
    );
    for (const { key, value } of read) this.batch.set(key, decodeRow(this.codec, this.topic, value));
  }

  /** What was unwritten is written. */
  keep(): void {
    for (const [key, { value }] of this.unwritten) this.kept.set(key, value as S);
  }

  get(key: string): S | undefined {
    const unwritten = this.unwritten.get(key);
    return unwritten === undefined ? this.batch.get(key) : (unwritten.value as S);
  }
  checkpoint(): number {
    return 0;
  }
  apply(): void {}
  reset(): void {}
}
