import { isAscii, isUtf8 } from 'node:buffer';
import Papa from 'papaparse';
import { BEGINNING, type Place, ROW_BYTES_MAX, ROW_TEXT_BYTES_MAX, type Row, type RowProblem } from './row.ts';

export interface CsvOptions {
  /** One ASCII character. */
  readonly delimiter: string;
  readonly columns: readonly string[];
  /** Rows may have more or fewer fields than there are columns. Default: such a row is a bad one. */
  readonly isRagged?: boolean;
  /** What the bytes follow. Default: nothing. */
  readonly from?: Place;
}

const NEWLINE = '\n';

/**
 * Reads rows of CSV (RFC 4180) from UTF-8, in constant memory: one list of rows for each piece of the file that comes in.
 *
 * A row that is wrong is answered as such, and ends nothing. A quote that is never closed would swallow the lines behind it:
 * it is the fault of its own line alone, and reading goes on with the next one. What the rows are depends on the file and not
 * on how it comes in pieces, so whoever goes on at the `end` of a row reads what would have followed.
 */
export async function* readCsv(chunks: AsyncIterable<Uint8Array>, options: CsvOptions): AsyncGenerator<readonly Row[]> {
  const reader = new CsvReader(options);
  for await (const chunk of chunks) {
    const rows = reader.take(chunk);
    if (rows.length > 0) yield rows;
  }
  const rows = reader.finish();
  if (rows.length > 0) yield rows;
}

/** The fields of a text that is one record; null where it is none. */
export function csvFields(text: string, delimiter: string): readonly string[] | null {
  const { data, errors } = Papa.parse<string[]>(text, { delimiter, newline: NEWLINE });
  const [fields] = data;
  return errors.length > 0 || data.length !== 1 || fields === undefined ? null : fields;
}

type Fault = 'quotes-unbalanced' | 'unfinished';
type Decode = (field: string) => string | null;

/**
 * Looks at the text as Latin-1: one character is one byte, so that places are exact. Delimiters, quotes and line ends are ASCII,
 * and no other character of UTF-8 contains such a byte. Fields are decoded afterwards.
 */
class CsvReader {
  private readonly options: CsvOptions;
  private rest: Uint8Array = Buffer.alloc(0);
  /** Where `rest` begins. */
  private place: Place;
  /** The beginning of a line that is too long, while it goes on. */
  private overlong: string | null = null;

  constructor(options: CsvOptions) {
    this.options = options;
    this.place = options.from ?? BEGINNING;
  }

  take(chunk: Uint8Array): readonly Row[] {
    return this.read(this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]), false);
  }

  finish(): readonly Row[] {
    return this.rest.length === 0 && this.overlong === null ? [] : this.read(this.rest, true);
  }

  private read(bytes: Uint8Array, isLast: boolean): readonly Row[] {
    const block = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const text = block.toString('latin1');
    const limit = isLast ? text.length : text.lastIndexOf(NEWLINE) + 1;
    const rows: Row[] = [];
    const decode = decoderFor(block);
    let at = this.passOver(text, limit, isLast, rows);
    while (at < limit) {
      const { fault, length } = this.readWhole(text.slice(at, limit), decode, rows);
      at += length;
      if (fault === null) break;
      if (fault === 'unfinished' && !isLast && text.length - at <= ROW_BYTES_MAX) break;
      const line = text.slice(at, lineEnd(text, at));
      rows.push(this.bad(line, 'quotes-unbalanced', 'a quote is not closed, or stands within a field'));
      at += line.length;
    }
    if (!isLast && this.overlong === null && at >= limit && text.length - at > ROW_BYTES_MAX) {
      this.overlong = text.slice(at, at + ROW_TEXT_BYTES_MAX);
    }
    if (this.overlong !== null && at < text.length) {
      this.place = { ...this.place, bytes: this.place.bytes + text.length - at };
      at = text.length;
    }
    this.rest = block.subarray(at);
    return rows;
  }

  /** Passes over what remains of a line that is too long; answers where the next one begins. */
  private passOver(text: string, limit: number, isLast: boolean, rows: Row[]): number {
    const { overlong } = this;
    if (overlong === null || (limit === 0 && !isLast)) return 0;
    const end = lineEnd(text, 0);
    this.overlong = null;
    rows.push(this.bad(text.slice(0, end), 'too-long', `a row may have ${ROW_BYTES_MAX} bytes`, overlong));
    return end;
  }

  /** Reads the records that are whole, up to the first that is not, and answers how far it came. */
  private readWhole(
    text: string,
    decode: Decode,
    rows: Row[],
  ): { readonly fault: Fault | null; readonly length: number } {
    const { delimiter, columns, isRagged = false } = this.options;
    let start = 0;
    let fault: Fault | null = null;
    Papa.parse<string[]>(text, {
      delimiter,
      newline: NEWLINE,
      step: ({ data: fields, errors, meta }, parser) => {
        if (start >= text.length || fault !== null) return; // an empty record is told behind the last line end
        const record = text.slice(start, meta.cursor);
        const spansLines = lineEnd(record, 0) < record.length;
        // A quote that is closed by the opening one of a later row joins lines into a record that fits nothing.
        const isJoined =
          spansLines && (record.length > ROW_BYTES_MAX || (!isRagged && fields.length !== columns.length));
        if (errors.length > 0 || isJoined) {
          // The text ends within quotes: what came so far says nothing about the fields that the record will have.
          const isUnfinished = errors.length > 0 && errors.every(({ code }) => code === 'MissingQuotes');
          fault = isUnfinished ? 'unfinished' : 'quotes-unbalanced';
          parser.abort();
          return;
        }
        const row = this.row(fields, record, decode);
        if (row !== null) rows.push(row);
        start = meta.cursor;
      },
    });
    return { fault, length: start };
  }

  private row(fields: string[], record: string, decode: Decode): Row | null {
    const last = fields.length - 1;
    if (fields[last]?.endsWith('\r')) fields[last] = (fields[last] as string).slice(0, -1);
    if (last === 0 && (fields[0] as string).trim() === '') {
      this.advance(record);
      return null;
    }
    if (record.length > ROW_BYTES_MAX) {
      return this.bad(record, 'too-long', `a row may have ${ROW_BYTES_MAX} bytes`);
    }
    const { columns, isRagged = false } = this.options;
    for (let n = 0; n < fields.length; n++) {
      const decoded = decode(fields[n] as string);
      if (decoded === null) return this.bad(record, 'not-utf-8', columns[n] ?? '');
      fields[n] = decoded;
    }
    const isWrong = fields.length < columns.length || fields.slice(columns.length).some((field) => field.trim() !== '');
    if (isWrong && !isRagged) {
      return this.bad(record, 'field-count', `${fields.length} fields, and ${columns.length} columns`);
    }
    const line = this.place.lines + 1;
    this.advance(record);
    return { ok: true, line, end: this.place, columns, fields, text: () => shown(record) };
  }

  private bad(record: string, problem: RowProblem, detail: string, text = record): Row {
    const line = this.place.lines + 1;
    this.advance(record);
    return { ok: false, line, end: this.place, problem, detail, text: () => shown(text) };
  }

  private advance(record: string): void {
    let lines = this.place.lines;
    for (let at = 0; at < record.length; at = lineEnd(record, at)) lines++;
    this.place = { bytes: this.place.bytes + record.length, lines };
  }
}

/** Behind the line end that follows, or the end of the text. */
function lineEnd(text: string, from: number): number {
  const at = text.indexOf(NEWLINE, from);
  return at < 0 ? text.length : at + 1;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII is what it looks for
const ASCII = /^[\u0000-\u007f]*$/;

function decoderFor(block: Uint8Array): Decode {
  if (isAscii(block)) return (field) => field;
  return (field) => {
    if (ASCII.test(field)) return field;
    const bytes = Buffer.from(field, 'latin1');
    return isUtf8(bytes) ? bytes.toString('utf8') : null;
  };
}

const shown = (record: string): string =>
  Buffer.from(record.slice(0, ROW_TEXT_BYTES_MAX), 'latin1')
    .toString('utf8')
    .replace(/\r?\n$/, '');
