import type { Topic } from '../../src/contracts/topic.ts';
import type { Millis } from '../../src/domain/time.ts';
import type { Trail, TrailFilter } from '../../src/domain/trail.ts';
import type { ViewStore } from '../../src/kafka/view-follower.ts';
import type { Codec } from '../../src/runtime/codec.ts';
import type { StoredRecord, Telemetry } from '../../src/runtime/ports.ts';
import type { TrailPage } from '../../src/runtime/trails-port.ts';
import type { IndexedStore } from '../../src/store/indexed-store.ts';
import { indexes, trailKey } from './step.ts';

/** Records that one transaction takes in at most: it blocks the event loop. */
const RECORDS_PER_TRANSACTION_MAX = 500;
/** Old trails that are forgotten per transaction: more than can become old meanwhile. */
const FORGOTTEN_PER_TRANSACTION_MAX = 1_000;
/** Trails that a page looks at in search of those that are asked for; then it says where to go on. */
const LOOKED_AT_MAX = 5_000;
const LOOKED_AT_ONCE = 200;

export interface TopicFold<V> {
  readonly topic: Topic<V>;
  /** Which trail a record is about. */
  readonly keyOf: (value: V) => string;
  readonly fold: (trail: Trail | null, value: V, at: Millis) => Trail;
}

/** Folds the records of one topic into the store of trails, for a `ViewFollower`. */
export function trailFold<V>(
  store: IndexedStore<Trail>,
  { topic, keyOf, fold }: TopicFold<V>,
  parts: { readonly codec: Codec; readonly telemetry: Pick<Telemetry, 'count'>; readonly forgetBefore: () => Millis },
): ViewStore {
  const { codec, telemetry, forgetBefore } = parts;
  const take = (partition: number, records: readonly StoredRecord[], nextOffset: number): void => {
    const changes = new Map<string, Trail>();
    for (const { value, at } of records) {
      const decoded = codec.decode(topic, value);
      if (!decoded.ok) {
        telemetry.count('postlane_view_rows_skipped_total', { topic: topic.name, reason: decoded.reason });
        continue;
      }
      const key = keyOf(decoded.value);
      changes.set(key, fold(changes.get(key) ?? store.get(key), decoded.value, at));
    }
    store.apply(topic.name, partition, changes, nextOffset);
    if (changes.size > 0) store.forget(forgetBefore(), FORGOTTEN_PER_TRANSACTION_MAX);
  };
  return {
    checkpoint: (partition) => store.checkpoint(topic.name, partition),
    async apply(partition, records, nextOffset) {
      await codec.prepare(topic, records);
      for (let start = 0; start === 0 || start < records.length; start += RECORDS_PER_TRANSACTION_MAX) {
        const part = records.slice(start, start + RECORDS_PER_TRANSACTION_MAX);
        const isLast = start + part.length >= records.length;
        take(partition, part, isLast ? nextOffset : (part.at(-1)?.offset ?? 0) + 1);
        if (!isLast) await new Promise<void>((resolve) => setImmediate(resolve));
      }
    },
    // What the log no longer has is still true of its mails: only the reading begins anew.
    reset: (partition) => store.apply(topic.name, partition, new Map(), 0),
  };
}

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

export { trailKey };
