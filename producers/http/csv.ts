/** One line of a CSV file (RFC 4180), or what is wrong with it. */
export type CsvLine =
  | { readonly ok: true; readonly number: number; readonly fields: readonly string[] }
  | { readonly ok: false; readonly number: number };

/** Of one line. */
const LINE_LENGTH_MAX = 4_096;

/**
 * Reads CSV line by line, in constant memory. A quoted field may hold commas and doubled quotes, but no line break. Blank
 * lines are passed over; the numbers count all.
 */
export async function* csvLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<CsvLine> {
  // Bytes that are no UTF-8 become replacement characters, which no address may hold.
  const decoder = new TextDecoder('utf-8');
  let rest = '';
  let number = 0;
  let overlong = false;
  function* take(text: string): Generator<CsvLine> {
    number++;
    const line = text.endsWith('\r') ? text.slice(0, -1) : text;
    if (overlong || line.length > LINE_LENGTH_MAX) yield { ok: false, number };
    else if (line.trim() !== '') {
      const fields = csvFields(line);
      yield fields === null ? { ok: false, number } : { ok: true, number, fields };
    }
    overlong = false;
  }
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield* take(line);
    if (rest.length > LINE_LENGTH_MAX) {
      overlong = true;
      rest = '';
    }
  }
  rest += decoder.decode();
  if (rest !== '' || overlong) yield* take(rest);
}

const FIELD = /(?:^|,)(?:"((?:[^"]|"")*)"|([^",]*))/gy;

/** The fields of one line; null where it is no CSV. */
export function csvFields(line: string): readonly string[] | null {
  const fields: string[] = [];
  FIELD.lastIndex = 0;
  while (FIELD.lastIndex < line.length || fields.length === 0) {
    const found = FIELD.exec(line);
    if (found === null) return null;
    fields.push(found[1] === undefined ? (found[2] ?? '').trim() : found[1].replaceAll('""', '"'));
    if (found[0] === '') break;
  }
  return fields;
}

/** One line, every field quoted. */
export const csvText = (fields: readonly string[]): string =>
  `${fields.map((field) => `"${field.replaceAll('"', '""')}"`).join(',')}\r\n`;
