import type { ReputationSignal } from '../../contracts/generated.ts';
import { topics } from '../../contracts/topic.ts';
import type { Millis } from '../../domain/time.ts';
import type { Codec } from '../../runtime/codec.ts';
import type { StoredRecord } from '../../runtime/ports.ts';
import type { Input } from '../../runtime/processor.ts';
import type { SideTables } from '../../store/side-tables.ts';
import { decodeRow } from './live-tables.ts';

/** Raw feedback that was read again: which signals of the log its own stand for. */
export interface ReadAgain {
  /** What was written down since then is told again; 0: all. */
  readonly since: Millis;
  /** Feedback that came in later was not read. */
  readonly until: Millis;
}

/** What was said by feedback before the raw log begins may be written down a little later: it is kept, and counts once. */
const OVERLAP_MS = 10 * 60_000;
const PAGE = 500;
/** Digits that every time in milliseconds has at most. */
const TIME_DIGITS = 15;
const SEQUENCE_DIGITS = 12;

const tableName = (partition: number): string => `told ${partition}`;
const positionName = (partition: number): string => `told ${partition}`;

/** Where a signal that was told again lies: in order of the time at which its feedback came in. */
export const toldRow = (partition: number, at: Millis, sequence: number, value: Uint8Array) => ({
  table: tableName(partition),
  key: `${String(at).padStart(TIME_DIGITS, '0')}/${String(sequence).padStart(SEQUENCE_DIGITS, '0')}`,
  value,
});

/** The signals of one partition that were told again, to be folded in between those of the log. */
export class ToldAgain {
  private readonly tables: SideTables;
  private readonly codec: Codec;
  private readonly partition: number;
  private readonly again: ReadAgain;
  private after: string;
  private waiting: { key: string; at: Millis; value: Buffer }[] = [];

  constructor(tables: SideTables, codec: Codec, partition: number, again: ReadAgain) {
    this.tables = tables;
    this.codec = codec;
    this.partition = partition;
    this.again = again;
    this.after = tables.noted(positionName(partition)) ?? '';
  }

  /** Is what feedback said then among what was told again? Then it counts in today's words only. */
  replaces({ route }: ReputationSignal, at: Millis): boolean {
    const { since, until } = this.again;
    return route !== null && at <= until && (since === 0 || at >= since + OVERLAP_MS);
  }

  /** Those whose feedback came in by then, and were not given yet. */
  async until(at: Millis): Promise<Input<ReputationSignal>[]> {
    const inputs: Input<ReputationSignal>[] = [];
    for (;;) {
      if (this.waiting.length === 0) await this.turnPage();
      const [first] = this.waiting;
      if (first === undefined || first.at > at) return inputs;
      this.waiting.shift();
      this.after = first.key;
      const value = decodeRow(this.codec, topics.reputation, first.value);
      const record: StoredRecord = {
        offset: 0,
        key: Buffer.from(value.subject),
        value: first.value,
        headers: {},
        at: first.at,
      };
      inputs.push({ key: value.subject, value, at: first.at, record });
    }
  }

  /** How far it is, to be noted along with the rows. */
  position(): Readonly<Record<string, string>> {
    return { [positionName(this.partition)]: this.after };
  }

  /** The schema of what was told again need not be one that the log has shown yet. */
  private async turnPage(): Promise<void> {
    const page = this.tables.page(tableName(this.partition), this.after, PAGE);
    await this.codec.prepare(
      topics.reputation,
      page.map(({ value }): StoredRecord => ({ offset: 0, key: null, value, headers: {}, at: 0 })),
    );
    this.waiting = page.map(({ key, value }) => ({ key, at: Number(key.slice(0, TIME_DIGITS)), value }));
  }
}
