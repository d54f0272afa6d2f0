import { Readable } from 'node:stream';
import type { Suppression } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import { foldAddress, parseMailbox } from '../../src/domain/address.ts';
import type { Caller } from '../../src/domain/api-key.ts';
import { signal } from '../../src/domain/results.ts';
import {
  EVERY_TENANT,
  recipientIn,
  recipientSubject,
  rowFor,
  tenantPrefix,
  tenantRecipientSubject,
} from '../../src/domain/suppression.ts';
import { type Millis, SECOND_MS } from '../../src/domain/time.ts';
import { type HttpReply, problemReply, type Route, reply } from '../../src/http/route.ts';
import type { Codec } from '../../src/runtime/codec.ts';
import type { Clock, LogRecord } from '../../src/runtime/ports.ts';
import { csvLines, csvText } from './csv.ts';
import type { Appender } from './intake.ts';
import * as schemas from './suppression-schemas.ts';

/** The table of suppressions, as it can be looked through. */
export interface SuppressionRows {
  get(subject: string): Suppression | undefined;
  page(
    prefix: string,
    after: string | null,
    limit: number,
  ): readonly { readonly key: string; readonly row: Suppression }[];
}

export interface SuppressionParts {
  readonly rows: SuppressionRows;
  readonly appender: Appender;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly newId: () => string;
  /** Of an imported file. */
  readonly importBytesMax: number;
}

type Change = 'suppression_added' | 'suppression_removed';

const PAGE_DEFAULT = 100;
const ROWS_AT_ONCE = 500;
const LOOKED_AT_MAX = 20_000;
const IMPORT_AT_ONCE = 500;
const ERRORS_TOLD_MAX = 100;
const WHY_LENGTH_MAX = 500;
const UNAVAILABLE_RETRY_MS = 2 * SECOND_MS;
const ADD_BODY_BYTES_MAX = 512 * 1_024;

/** A key for the whole installation works on its list, any other on its tenant's. */
const listOf = ({ scopes, tenant }: Caller): string | null => (scopes.has('suppressions:all') ? null : tenant);

const subjectFor = (caller: Caller, folded: string): string => {
  const tenant = listOf(caller);
  return tenant === null ? recipientSubject(folded) : tenantRecipientSubject(tenant, folded);
};

/** An address as suppressions know it; null for what is none. */
function folded(address: string): string | null {
  const mailbox = parseMailbox(address);
  return mailbox.ok ? foldAddress(mailbox.value) : null;
}

/** Who is not to be mailed. */
export const suppressionRoutes = (parts: SuppressionParts): readonly Route<Caller>[] => [
  listRoute(parts),
  addRoute(parts),
  exportRoute(parts),
  importRoute(parts),
  lookUpRoute(parts),
  removeRoute(parts),
];

const LISTS =
  'Works on the list of the key’s tenant; with the scope `suppressions:all`, on the list of the whole installation.';

const listRoute = (parts: SuppressionParts): Route<Caller> => ({
  method: 'GET',
  path: '/v1/suppressions',
  operationId: 'listSuppressions',
  summary: 'Who is not mailed',
  description: `Active suppressions by address. ${LISTS}`,
  tag: 'suppressions',
  scope: 'suppressions:read',
  query: schemas.PAGE_QUERY,
  responses: { 200: { description: 'A page of addresses.', schema: { $ref: 'SuppressionPage' } } },
  problems: [],
  async handle({ caller, query }) {
    const { limit = PAGE_DEFAULT, cursor } = query as { readonly limit?: number; readonly cursor?: string };
    const prefix = tenantPrefix(listOf(caller));
    const now = parts.clock.now();
    let after = cursor === undefined ? null : `${prefix}${Buffer.from(cursor, 'base64url').toString('utf8')}`;
    const found = [];
    for (let looked = 0; looked < LOOKED_AT_MAX; looked += ROWS_AT_ONCE) {
      const rows = parts.rows.page(prefix, after, ROWS_AT_ONCE);
      for (const { key, row } of rows) {
        if (found.length === limit) return reply(200, { suppressions: found, next: cursorOf(after, prefix) });
        after = key;
        if (isActive(row, now)) found.push(shown(caller, recipientIn(key) ?? '', [row], now));
      }
      if (rows.length < ROWS_AT_ONCE) return reply(200, { suppressions: found, next: null });
    }
    return reply(200, { suppressions: found, next: cursorOf(after, prefix) });
  },
});

const cursorOf = (after: string | null, prefix: string): string | null =>
  after === null ? null : Buffer.from(after.slice(prefix.length)).toString('base64url');

const lookUpRoute = (parts: SuppressionParts): Route<Caller> => ({
  method: 'GET',
  path: '/v1/suppressions/{address}',
  operationId: 'getSuppression',
  summary: 'Whether an address is mailed, and why not',
  description: 'Looks an address up on the tenant’s list and the installation’s: both keep mail from it.',
  tag: 'suppressions',
  scope: 'suppressions:read',
  params: schemas.ADDRESS_PARAMS,
  responses: { 200: { description: 'What is known.', schema: { $ref: 'Suppression' } } },
  problems: ['invalid-field'],
  async handle({ caller, params }) {
    const address = folded(params.address as string);
    if (address === null) return noAddress('/address');
    const subjects = [tenantRecipientSubject(caller.tenant, address), recipientSubject(address)];
    const rows = subjects.flatMap((subject) => parts.rows.get(subject) ?? []);
    return reply(200, shown(caller, address, rows, parts.clock.now()));
  },
});

const addRoute = (parts: SuppressionParts): Route<Caller> => ({
  method: 'POST',
  path: '/v1/suppressions',
  operationId: 'addSuppressions',
  summary: 'Suppress addresses',
  description: `Records that addresses are not to be mailed: all of them, or none where one is no address. Effective within seconds. ${LISTS}`,
  tag: 'suppressions',
  scope: 'suppressions:write',
  body: { contentType: 'application/json', schema: schemas.ADD, bytesMax: ADD_BODY_BYTES_MAX },
  responses: { 202: { description: 'The log has it.', schema: { $ref: 'SuppressionsChanged' } } },
  problems: ['unavailable'],
  async handle({ caller, body }) {
    const { addresses, why } = body as { readonly addresses: readonly string[]; readonly why?: string };
    const known = addresses.map(folded);
    const wrong = known.indexOf(null);
    if (wrong >= 0) return noAddress(`/addresses/${wrong}`);
    const records = known.map((address) => change(parts, caller, address as string, 'suppression_added', why ?? null));
    return append(parts, records);
  },
});

const removeRoute = (parts: SuppressionParts): Route<Caller> => ({
  method: 'DELETE',
  path: '/v1/suppressions/{address}',
  operationId: 'removeSuppression',
  summary: 'Lift a suppression',
  description: `Records that an address may be mailed again, whatever happened before; what happens afterwards counts anew. ${LISTS}`,
  tag: 'suppressions',
  scope: 'suppressions:write',
  params: schemas.ADDRESS_PARAMS,
  query: schemas.WHY_QUERY,
  responses: { 202: { description: 'The log has it.', schema: { $ref: 'SuppressionsChanged' } } },
  problems: ['unavailable'],
  async handle({ caller, params, query }) {
    const address = folded(params.address as string);
    if (address === null) return noAddress('/address');
    const { why = null } = query as { readonly why?: string };
    return append(parts, [change(parts, caller, address, 'suppression_removed', why)]);
  },
});

const importRoute = (parts: SuppressionParts): Route<Caller> => ({
  method: 'POST',
  path: '/v1/suppressions/import',
  operationId: 'importSuppressions',
  summary: 'Suppress the addresses of a CSV file',
  description: `Reads the file as it comes, in constant memory. A line that is no address is counted and passed over. Importing it again is harmless. ${LISTS}`,
  tag: 'suppressions',
  scope: 'suppressions:write',
  body: { contentType: 'text/csv', schema: schemas.CSV_IN, bytesMax: parts.importBytesMax },
  responses: { 200: { description: 'What was recorded.', schema: { $ref: 'SuppressionsImported' } } },
  problems: ['unavailable'],
  handle: ({ caller, body }) => importCsv(parts, caller, body as AsyncIterable<Uint8Array>),
});

async function importCsv(
  parts: SuppressionParts,
  caller: Caller,
  body: AsyncIterable<Uint8Array> | undefined,
): Promise<HttpReply> {
  if (body === undefined) return problemReply('media-type-unsupported', { detail: 'text/csv is expected' });
  const outcome = { recorded: 0, refused: 0, errors: [] as { line: number; detail: string }[] };
  let records: LogRecord[] = [];
  const flush = async (): Promise<boolean> => {
    if (records.length === 0) return true;
    const { status } = await append(parts, records);
    if (status !== 202) return false;
    outcome.recorded += records.length;
    records = [];
    return true;
  };
  const within = { over: false };
  for await (const line of csvLines(bounded(body, parts.importBytesMax, within))) {
    const address = line.ok ? folded(line.fields[0] ?? '') : null;
    if (address !== null && line.ok) {
      const why = line.fields[1]?.slice(0, WHY_LENGTH_MAX) || null;
      records.push(change(parts, caller, address, 'suppression_added', why));
    } else if (!(line.number === 1 && line.ok && /^(?:e-?mail|address)$/i.test(line.fields[0] ?? ''))) {
      outcome.refused++;
      if (outcome.errors.length < ERRORS_TOLD_MAX) outcome.errors.push({ line: line.number, detail: 'no address' });
    }
    if (records.length >= IMPORT_AT_ONCE && !(await flush())) return unavailable(outcome);
  }
  if (!(await flush())) return unavailable(outcome);
  return within.over ? problemReply('body-too-large', outcome) : reply(200, outcome);
}

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

const exportRoute = (parts: SuppressionParts): Route<Caller> => ({
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
  yield csvText(['address', 'severity', 'since', 'why']);
  let after: string | null = null;
  for (;;) {
    const page = rows.page(prefix, after, ROWS_AT_ONCE);
    const lines = page
      .filter(({ row }) => isActive(row, now))
      .map(({ key, row }) =>
        csvText([recipientIn(key) ?? '', row.severity, new Date(row.since).toISOString(), row.evidence[0]?.why ?? '']),
      );
    if (lines.length > 0) yield lines.join('');
    if (page.length < ROWS_AT_ONCE) return;
    after = page.at(-1)?.key ?? null;
  }
}

const noAddress = (field: string): HttpReply => problemReply('invalid-field', { field, detail: 'must be one address' });

const unavailable = (more: object = {}): HttpReply =>
  problemReply('unavailable', { ...more }, { retryAfterMs: UNAVAILABLE_RETRY_MS });

/** One signal in the log from which suppressions are folded. */
function change(parts: SuppressionParts, caller: Caller, address: string, kind: Change, why: string | null): LogRecord {
  const subject = subjectFor(caller, address);
  const value = signal({
    eventId: `api:${parts.newId()}`,
    subject,
    kind,
    at: parts.clock.now(),
    tenant: listOf(caller) ?? EVERY_TENANT,
    type: 'unknown',
    who: caller.keyId,
    why,
  });
  return { topic: topics.reputation.name, key: subject, value: parts.codec.encode(topics.reputation, value) };
}

async function append({ appender }: SuppressionParts, records: readonly LogRecord[]): Promise<HttpReply> {
  try {
    await appender.append(records);
    return reply(202, { recorded: records.length });
  } catch {
    return unavailable();
  }
}

const isActive = (row: Suppression, now: Millis): boolean => row.active && (row.until === null || now < row.until);

function shown(caller: Caller, address: string, rows: readonly Suppression[], now: Millis) {
  const entries = rows.flatMap((whole) => {
    const isOwn = whole.subject.startsWith(tenantPrefix(caller.tenant));
    const mayRead = isOwn || caller.scopes.has('suppressions:all');
    const row = mayRead ? whole : rowFor(whole, caller.tenant);
    if (row.evidence.length < 1 && whole.evidence.length > 0) return []; // all of it concerns others
    const entry = {
      list: isOwn ? 'tenant' : 'installation',
      active: isActive(row, now),
      severity: row.severity,
      since: new Date(row.since).toISOString(),
      until: row.until === null ? null : new Date(row.until).toISOString(),
      type: row.type,
      // What others said about the address is theirs.
      evidence: mayRead
        ? row.evidence.map(({ kind, at, class: found, who, why }) => ({
            kind,
            at: new Date(at).toISOString(),
            class: found,
            who,
            why,
          }))
        : [],
    };
    return [entry];
  });
  return { address, suppressed: entries.some(({ active }) => active), entries };
}
