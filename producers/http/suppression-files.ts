import { Readable } from 'node:stream';
import type { Caller } from '../../src/domain/api-key.ts';
import { tenantPrefix } from '../../src/domain/suppression.ts';
import {
  EXPORT_COLUMNS,
  exportedLines,
  isListHeader,
  type ListedSuppression,
  suppressionReader,
} from '../../src/domain/suppression-list.ts';
import type { Millis } from '../../src/domain/time.ts';
import { type HttpReply, problemReply, type Route, reply } from '../../src/http/route.ts';
import { csvLine } from '../../src/rows/csv-line.ts';
import { RowFile } from '../../src/rows/open.ts';
import type { LogRecord } from '../../src/runtime/ports.ts';
import {
  append,
  change,
  type Entry,
  LISTS,
  listOf,
  type SuppressionParts,
  unavailable,
} from './suppression-changes.ts';
import * as schemas from './suppression-schemas.ts';

const ROWS_AT_ONCE = 500;
const IMPORT_AT_ONCE = 500;
const ERRORS_TOLD_MAX = 100;
const WHY_LENGTH_MAX = 500;

/** Takes a list in. */
export const importRoute = (parts: SuppressionParts): Route<Caller> => ({
  method: 'POST',
  path: '/v1/suppressions/import',
  operationId: 'importSuppressions',
  summary: 'Suppress the addresses of a CSV file',
  description: `Reads a list as Amazon SES, SendGrid, Mailgun, Postmark or an export of ours has it, or of one address per line, as it comes, in constant memory. A line that is no address is counted and passed over. Importing it again is harmless. ${LISTS}`,
  tag: 'suppressions',
  scope: 'suppressions:write',
  body: { contentType: 'text/csv', schema: schemas.CSV_IN, bytesMax: parts.importBytesMax },
  responses: { 200: { description: 'What was recorded.', schema: { $ref: 'SuppressionsImported' } } },
  problems: ['import-refused', 'unavailable'],
  handle: ({ caller, body }) => importCsv(parts, caller, body as AsyncIterable<Uint8Array>),
});

async function importCsv(
  parts: SuppressionParts,
  caller: Caller,
  body: AsyncIterable<Uint8Array> | undefined,
): Promise<HttpReply> {
  if (body === undefined) return problemReply('media-type-unsupported', { detail: 'text/csv is expected' });
  const outcome: ImportOutcome = { recorded: 0, refused: 0, errors: [] };
  let records: LogRecord[] = [];
  const flush = async (): Promise<boolean> => {
    if (records.length === 0) return true;
    const { status } = await append(parts, records, records.length);
    if (status !== 202) return false;
    outcome.recorded += records.length;
    records = [];
    return true;
  };
  const within = { over: false };
  const list = await RowFile.open({
    path: bounded(body, parts.importBytesMax, within),
    format: 'csv',
    encoding: null,
    delimiter: null,
    columns: null,
    isHeader: isListHeader,
    isRagged: true,
  });
  const read = suppressionReader(list.columns ?? [], parts.names);
  for await (const rows of list.rows()) {
    for (const row of rows) {
      const listed = row.ok ? read(row.fields) : row;
      if (listed.ok) records.push(change(parts, caller, 'suppression_added', entryFor(caller, listed.entry)));
      else refuse(outcome, row.line, listed.problem);
      if (records.length >= IMPORT_AT_ONCE && !(await flush())) return unavailable(outcome);
    }
  }
  if (!(await flush())) return unavailable(outcome);
  if (within.over) return problemReply('body-too-large', { ...outcome });
  const isVain = outcome.recorded === 0 && outcome.refused > 0;
  return isVain ? problemReply('import-refused', { ...outcome }) : reply(200, outcome);
}

interface ImportOutcome {
  recorded: number;
  refused: number;
  readonly errors: { readonly line: number; readonly detail: string }[];
}

function refuse(outcome: ImportOutcome, line: number, problem: string): void {
  outcome.refused++;
  const detail = problem === 'address-invalid' ? 'no address' : problem;
  if (outcome.errors.length < ERRORS_TOLD_MAX) outcome.errors.push({ line, detail });
}

/** A tenant's list binds that tenant, whatever a line of it says. */
const entryFor = (caller: Caller, entry: ListedSuppression): Entry => ({
  ...entry,
  tenant: listOf(caller) ?? entry.tenant,
  reason: entry.reason?.slice(0, WHY_LENGTH_MAX) ?? null,
});

/** A stream up to a limit; what is behind it is not read. */
async function* bounded(body: AsyncIterable<Uint8Array>, bytesMax: number, told: { over: boolean }) {
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > bytesMax) {
      told.over = true;
      return;
    }
    yield chunk;
  }
}

/** Gives the list out; what it gives, `importRoute` takes. */
export const exportRoute = (parts: SuppressionParts): Route<Caller> => ({
  method: 'GET',
  path: '/v1/suppressions/export',
  operationId: 'exportSuppressions',
  summary: 'Who is not mailed, as a CSV file',
  description: `All active suppressions, streamed. ${LISTS}`,
  tag: 'suppressions',
  scope: 'suppressions:read',
  responses: { 200: { description: 'The file.', schema: schemas.CSV_OUT, contentType: 'text/csv' } },
  problems: [],
  async handle({ caller }) {
    const lines = exported(parts, tenantPrefix(listOf(caller)), parts.clock.now());
    const headers = { 'content-disposition': 'attachment; filename="suppressions.csv"' };
    return { status: 200, headers, contentType: 'text/csv; charset=utf-8', body: Readable.from(lines) };
  },
});

function* exported({ rows }: SuppressionParts, prefix: string, now: Millis): Generator<string> {
  yield csvLine(EXPORT_COLUMNS);
  let after: string | null = null;
  for (;;) {
    const page = rows.page(prefix, after, ROWS_AT_ONCE);
    const lines = page.flatMap(({ row }) => exportedLines(row, now)).map(csvLine);
    if (lines.length > 0) yield lines.join('');
    if (page.length < ROWS_AT_ONCE) return;
    after = page.at(-1)?.key ?? null;
  }
}
