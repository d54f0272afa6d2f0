/** How far a file was read: bytes of its text as UTF-8, without a byte order mark, and lines. */
export interface Place {
  readonly bytes: number;
  readonly lines: number;
}

export const BEGINNING: Place = { bytes: 0, lines: 0 };

/** What can be wrong with a row before anybody asks what it means. A closed list: tools read it from error files. */
export type RowProblem = 'not-utf-8' | 'quotes-unbalanced' | 'field-count' | 'too-long' | 'not-json' | 'not-a-row';

interface RowPlace {
  /** The line that it begins at; they count from 1. */
  readonly line: number;
  /** Where the next row begins. */
  readonly end: Place;
  /** The row as it stands in the file, for people; of a very long one, the beginning. */
  text(): string;
}

export interface GoodRow extends RowPlace {
  readonly ok: true;
  /** Names of the fields, in their order. Rows of one CSV file share one list. */
  readonly columns: readonly string[];
  readonly fields: readonly string[];
}

export interface BadRow extends RowPlace {
  readonly ok: false;
  readonly problem: RowProblem;
  readonly detail: string;
}

/** One record of a file, or what is wrong with it. */
export type Row = GoodRow | BadRow;

/** A row at most; a mail that needs more is none that one would merge. */
export const ROW_BYTES_MAX = 1_048_576;
/** Of a row that is shown, this much. */
export const ROW_TEXT_BYTES_MAX = 4_096;
