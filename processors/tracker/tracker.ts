import type { Trail, TrailFilter } from '../../src/domain/trail.ts';
import type { TrailPage } from '../../src/runtime/trails-port.ts';
import type { IndexedStore } from '../../src/store/indexed-store.ts';
import { indexes } from './step.ts';

/** Trails that a page looks at in search of those that are asked for; then it says where to go on. */
const LOOKED_AT_MAX = 5_000;
const LOOKED_AT_ONCE = 200;

/** Trails of a tenant, newest first, by the list that is the shortest as a rule, passing over those that do not fit. */
export function listTrails(
  store: IndexedStore<Trail>,
  tenant: string,
  filter: TrailFilter,
  limit: number,
  cursor: string | null,
): TrailPage | null {
  const index = indexFor(tenant, filter);
  const trails: Trail[] = [];
  let after = cursor;
  for (let looked = 0; looked < LOOKED_AT_MAX; ) {
    const rows = store.page(index, after, LOOKED_AT_ONCE);
    if (rows === null) return null;
    for (const { place, row } of rows) {
      if (trails.length === limit) return { trails, next: after };
      after = place;
      looked++;
      if (fits(row, tenant, filter)) trails.push(row);
    }
    if (rows.length < LOOKED_AT_ONCE) return { trails, next: null };
  }
  return { trails, next: after };
}

function indexFor(tenant: string, { recipient, tag, campaign, state }: TrailFilter): string {
  if (recipient !== undefined) return indexes.recipient(tenant, recipient);
  if (tag !== undefined) return indexes.tag(tenant, tag);
  if (campaign !== undefined) return indexes.campaign(tenant, campaign);
  return state === undefined ? indexes.all(tenant) : indexes.state(tenant, state);
}

const fits = (trail: Trail, tenant: string, { recipient, tag, campaign, state }: TrailFilter): boolean =>
  trail.tenant === tenant &&
  (recipient === undefined || trail.recipient.toLowerCase() === recipient.toLowerCase()) &&
  (tag === undefined || trail.tags.includes(tag)) &&
  (campaign === undefined || trail.campaign === campaign) &&
  (state === undefined || trail.state === state);
