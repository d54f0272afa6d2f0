import { type NdjsonLine, readNdjson } from './ndjson.ts';
import { BEGINNING, type Place, ROW_BYTES_MAX, ROW_TEXT_BYTES_MAX, type Row } from './row.ts';

/** Rows that are answered together. */
const ROWS_AT_ONCE = 500;

/**
 * Reads rows of NDJSON: on each line one object, whose members are the fields. Texts are taken as they are, numbers and truth
 * values as JSON writes them, null as empty, and lists and objects as JSON.
 */
export async function* readNdjsonRows(
  chunks: AsyncIterable<Uint8Array>,
  from: Place = BEGINNING,
): AsyncGenerator<readonly Row[]> {
  let rows: Row[] = [];
  for await (const line of readNdjson(chunks, ROW_BYTES_MAX, from)) {
    rows.push(rowOf(line));
    if (rows.length < ROWS_AT_ONCE) continue;
    yield rows;
    rows = [];
  }
  if (rows.length > 0) yield rows;
}

function rowOf(line: NdjsonLine): Row {
  const { number, end } = line;
  const text = () => line.text.slice(0, ROW_TEXT_BYTES_MAX);
  if (!line.ok) {
    const problem = line.problem === 'line-too-long' ? 'too-long' : line.problem;
    return { ok: false, line: number, end, problem, detail: line.detail, text };
  }
  const { value } = line;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { ok: false, line: number, end, problem: 'not-a-row', detail: 'an object is expected', text };
  }
  const entries = Object.entries(value);
  return {
    ok: true,
    line: number,
    end,
    columns: entries.map(([name]) => name),
    fields: entries.map(([, field]) => fieldOf(field)),
    text,
  };
}

function fieldOf(value: unknown): string {
  if (value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
