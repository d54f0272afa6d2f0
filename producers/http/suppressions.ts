import type { Suppression } from '../../src/contracts/generated.ts';
import { foldAddress, parseMailbox } from '../../src/domain/address.ts';
import type { Caller } from '../../src/domain/api-key.ts';
import { keyIdIn, type RecipientNames } from '../../src/domain/recipient-names.ts';
import { recipientIn, rowFor, subjectsOf, tenantPrefix } from '../../src/domain/suppression.ts';
import { type Millis, writtenTime } from '../../src/domain/time.ts';
import { type HttpReply, problemReply, type Route, reply } from '../../src/http/route.ts';
import { append, change, LISTS, listOf, removal, type SuppressionParts, unavailable } from './suppression-changes.ts';
import { exportRoute, importRoute } from './suppression-files.ts';
import * as schemas from './suppression-schemas.ts';

const PAGE_DEFAULT = 100;
const ROWS_AT_ONCE = 500;
const LOOKED_AT_MAX = 20_000;
/** Whatever fits the schema, also where every character of it is escaped. */
const ADD_BODY_BYTES_MAX = 4_000_000;

/** An address as suppressions know it, or the hash of one by a key of ours; null for anything else. */
function folded(address: string, { keyIds }: RecipientNames): string | null {
  if (keyIds.includes(keyIdIn(address) ?? '')) return address;
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

const listRoute = (parts: SuppressionParts): Route<Caller> => ({
  method: 'GET',
  path: '/v1/suppressions',
  operationId: 'listSuppressions',
  summary: 'Who is not mailed',
  description: `Active suppressions by address; where recipients are kept as keyed hashes, by hash. ${LISTS}`,
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
  problems: ['invalid-field', 'unavailable'],
  async handle({ caller, params }) {
    const address = folded(params.address as string, parts.names);
    if (address === null) return noAddress('/address');
    if (!parts.namesKnown()) return unavailable();
    const prefix = tenantPrefix(caller.tenant);
    const subjects = subjectsOf(caller.tenant, address, parts.names);
    // What the tenant says itself comes first.
    const own = subjects.filter((subject) => subject.startsWith(prefix));
    const others = subjects.filter((subject) => !subject.startsWith(prefix));
    const rows = [...own, ...others].flatMap((subject) => parts.rows.get(subject) ?? []);
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
    const known = addresses.map((address) => folded(address, parts.names));
    const wrong = known.indexOf(null);
    if (wrong >= 0) return noAddress(`/addresses/${wrong}`);
    const records = known.map((address) =>
      change(parts, caller, 'suppression_added', { address: address as string, reason: why ?? null }),
    );
    return append(parts, records, records.length);
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
    const address = folded(params.address as string, parts.names);
    if (address === null) return noAddress('/address');
    if (!parts.namesKnown()) return unavailable();
    const { why = null } = query as { readonly why?: string };
    return append(parts, removal(parts, caller, { address, reason: why }), 1);
  },
});

const noAddress = (field: string): HttpReply => problemReply('invalid-field', { field, detail: 'must be one address' });

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
      until: row.until === null ? null : writtenTime(row.until),
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
