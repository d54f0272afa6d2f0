import { PostlaneError } from '../domain/error.ts';
import { csvFields, readCsv } from './csv.ts';
import { readNdjsonRows } from './ndjson-rows.ts';
import { BEGINNING, type Place, type Row } from './row.ts';
import { HEAD_BYTES, TextSource } from './text-source.ts';

export type RowFormat = 'csv' | 'ndjson';

export interface RowFileOptions {
  /** A file (`-`: standard input), or what comes from elsewhere, which is not unpacked. */
  readonly path: string | AsyncIterable<Uint8Array>;
  /** Null: what the name of the file says, else what it begins with. */
  readonly format: RowFormat | null;
  /** As WHATWG names them. Null: what a byte order mark says, else UTF-8. */
  readonly encoding: string | null;
  /** One ASCII character. Null: whichever of comma, semicolon, tab and bar is most frequent in the first line. */
  readonly delimiter: string | null;
  /** Names of the columns of a file that has no line with their names. Null: the first line names them. */
  readonly columns: readonly string[] | null;
  /** Whether a first line names columns, where that is not certain. Default: it does. */
  readonly isHeader?: (fields: readonly string[]) => boolean;
  /** Rows may have more or fewer fields than there are columns. */
  readonly isRagged?: boolean;
}

const DELIMITERS = [',', ';', '\t', '|'] as const;
const COLUMNS_MAX = 1_000;

/** A file of rows that was opened, with what its beginning says. It can be read once. */
export class RowFile {
  readonly format: RowFormat;
  /** Names of the columns; null where every row brings its own. */
  readonly columns: readonly string[] | null;
  private readonly source: TextSource;
  private readonly delimiter: string;
  private readonly isRagged: boolean;
  private readonly first: Place;

  private constructor(source: TextSource, options: RowFileOptions) {
    this.source = source;
    this.isRagged = options.isRagged ?? false;
    this.format = options.format ?? formatOf(options.path, source.head);
    this.delimiter = ',';
    this.columns = null;
    this.first = BEGINNING;
    if (this.format === 'ndjson') return;
    const header = headerIn(source.head);
    this.delimiter = options.delimiter ?? delimiterOf(header.text);
    if (options.columns !== null) {
      this.columns = options.columns;
      return;
    }
    const fields = (csvFields(header.text, this.delimiter) ?? []).map((name) => name.trim());
    const isHeader = options.isHeader?.(fields) ?? true;
    // A ragged file is read by whoever knows what to look for; a name that is there twice is then the first.
    this.columns = !isHeader ? fields.map((_, n) => String(n + 1)) : this.isRagged ? fields : checkedNames(fields);
    if (!isHeader) return;
    if (header.isCut && !this.isRagged) {
      throw new PostlaneError('CONFIG_INVALID', { what: 'the first line of the file is too long to name columns' });
    }
    this.first = header.end;
  }

  /** Throws CONFIG_INVALID for a file that cannot be read or that names no columns. */
  static async open(options: RowFileOptions): Promise<RowFile> {
    const source = await TextSource.open(options);
    try {
      return new RowFile(source, options);
    } catch (error) {
      source.close();
      throw error;
    }
  }

  /** The rows behind a place; default: all of them. */
  rows(from: Place = this.first): AsyncGenerator<readonly Row[]> {
    const start = from.bytes < this.first.bytes ? this.first : from;
    const chunks = this.source.from(start.bytes);
    if (this.columns === null) return readNdjsonRows(chunks, start);
    const { delimiter, columns, isRagged } = this;
    return readCsv(chunks, { delimiter, columns, isRagged, from: start });
  }

  /** How much of the file was read, from 0 to 1; null where nobody knows how large it is. */
  get share(): number | null {
    const { size, readBytes } = this.source;
    return size === null ? null : size === 0 ? 1 : Math.min(1, readBytes / size);
  }

  close(): void {
    this.source.close();
  }
}

function formatOf(source: RowFileOptions['path'], head: Buffer): RowFormat {
  const path = typeof source === 'string' ? source : '';
  if (/\.(?:ndjson|jsonl)(?:\.gz)?$/i.test(path)) return 'ndjson';
  if (/\.(?:csv|tsv|txt)(?:\.gz)?$/i.test(path)) return 'csv';
  return /^\s*\{/.test(head.toString('utf8', 0, 1_024)) ? 'ndjson' : 'csv';
}

interface Header {
  readonly text: string;
  /** Where the next line begins. */
  readonly end: Place;
  /** True where the line goes on behind what was looked at. */
  readonly isCut: boolean;
}

/** The first line that is not blank. */
function headerIn(head: Buffer): Header {
  const lines = /^(?:[^\S\n]*\n)*/.exec(head.toString('latin1'))?.[0] ?? '';
  const start = lines.length;
  const found = head.indexOf('\n', start);
  const end = found < 0 ? head.length : found + 1;
  const text = head.toString('utf8', start, end).replace(/\r?\n$/, '');
  return { text, end: { bytes: end, lines: lines.split('\n').length }, isCut: found < 0 && head.length >= HEAD_BYTES };
}

/** Counted outside of quotes; a comma where none is there at all. A bar may stand in an address, the others may not. */
function delimiterOf(header: string): string {
  const bare = header.replace(/"(?:[^"]|"")*"/g, '');
  const isOfAddress = (delimiter: string): boolean => delimiter === '|' && bare.includes('@');
  const counts = DELIMITERS.map((delimiter) => (isOfAddress(delimiter) ? 0 : bare.split(delimiter).length - 1));
  return DELIMITERS[counts.indexOf(Math.max(...counts))] ?? ',';
}

function checkedNames(names: readonly string[]): readonly string[] {
  const wrong = (what: string, facts: object = {}) => new PostlaneError('CONFIG_INVALID', { what, ...facts });
  if (names.length === 0 || names.every((name) => name === '')) {
    throw wrong('the first line of the file must name the columns');
  }
  if (names.length > COLUMNS_MAX) throw wrong('a file has too many columns', { columnsMax: COLUMNS_MAX });
  const twice = names.filter((name, n) => name !== '' && names.indexOf(name) !== n);
  if (twice.length > 0) throw wrong('the first line of the file names a column twice', { columns: twice });
  return names;
}
