import { type NdjsonLine, readNdjson } from './ndjson.ts';
import { BEGINNING, type Place, ROW_BYTES_MAX, ROW_TEXT_BYTES_MAX, type Row } from './row.ts';

/** Rows that are answered together. */
const ROWS_AT_ONCE = 500;

/**
 * Reads rows of NDJSON: on each line one object, whose members are the fields. Texts are taken as they are, numbers and truth
 * values as JSON writes them, null as empty, lists as JSON. The members of an object within are fields of their own, with its name and a
 * dot before theirs.
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
  const columns: string[] = [];
  const fields: string[] = [];
  addFields(value, '', DEPTH_MAX, columns, fields);
  return { ok: true, line: number, end, columns, fields, text };
}

/** What lies deeper is one field, as JSON. */
const DEPTH_MAX = 8;

function addFields(value: object, prefix: string, depth: number, columns: string[], fields: string[]): void {
  for (const [name, member] of Object.entries(value)) {
    if (typeof member === 'object' && member !== null && !Array.isArray(member) && depth > 1) {
      addFields(member, `${prefix}${name}.`, depth - 1, columns, fields);
      continue;
    }
    columns.push(prefix + name);
    fields.push(fieldOf(member));
  }
}

function fieldOf(value: unknown): string {
  if (value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
