import type { Allowance, Score, Suppression } from '../../contracts/generated.ts';
import { topics } from '../../contracts/topic.ts';
import type { Codec } from '../../runtime/codec.ts';
import { decodeRow, liveName, PUBLIC_TABLES, prepareRows } from './live-tables.ts';
import type { ReplayTables } from './replay-tables.ts';

type Row = Suppression | Score | Allowance;

/** One row that a replay has otherwise than production. */
export interface Difference {
  readonly table: string;
  readonly subject: string;
  readonly change: 'added' | 'removed' | 'changed';
  /** What production says, and what the replay says; null where there is no row. */
  readonly before: string | null;
  readonly after: string | null;
  readonly why: string;
}

/** Rows that differ in what they say, subject by subject; what was in motion while the replay ran is left out. */
export async function* differences(
  tables: ReplayTables,
  codec: Codec,
  moving: ReadonlySet<string>,
): AsyncGenerator<Difference> {
  const live = tables.common;
  for (const topic of PUBLIC_TABLES) {
    const compare = async (subject: string, theirs: Buffer | undefined, own: Buffer | undefined) => {
      if (moving.has(subject)) return null;
      await prepareRows(codec, topic, [theirs, own]);
      const before = theirs ? decodeRow(codec, topic, theirs) : null;
      const after = own ? decodeRow(codec, topic, own) : null;
      if (meaningOf(before) === meaningOf(after)) return null;
      const change = before === null ? 'added' : after === null ? 'removed' : 'changed';
      const words = { before: summaryOf(topic.name, before), after: summaryOf(topic.name, after) };
      const why = reasonOf(topic.name, after, before);
      return { table: topic.name, subject, change, ...words, why } satisfies Difference;
    };
    for (const { key, value } of tables.rowsOf(topic.name)) {
      const found = await compare(key, live.get(liveName(topic), key), value);
      if (found) yield found;
    }
    for (const { key, value } of live.rowsOf(liveName(topic))) {
      const found = tables.get(topic.name, key) ? null : await compare(key, value, undefined);
      if (found) yield found;
    }
  }
}

/** A row without the versions of the rules that made it: other rules that say the same are no difference. */
const meaningOf = (row: Row | null): string =>
  JSON.stringify(row, (name, value: unknown) => (name === 'ruleVersion' ? undefined : value));

const timeOf = (at: number): string => new Date(at).toISOString();
const dayOf = (day: number): string => new Date(day * 86_400_000).toISOString().slice(0, 10);

function summaryOf(table: string, row: Row | null): string | null {
  if (row === null) return null;
  switch (table) {
    case topics.suppressions.name: {
      const { active, severity, since, tenant, type } = row as Suppression;
      const scope = [tenant && `tenant ${tenant}`, type && `type ${type}`].filter(Boolean).join(', ');
      return active ? `${severity} since ${timeOf(since)}${scope === '' ? '' : ` (${scope})`}` : 'not suppressed';
    }
    case topics.scores.name: {
      const { score, action, at } = row as Score;
      return `score ${score}, action ${action}, since ${timeOf(at)}`;
    }
    default: {
      const { volume, day } = row as Allowance;
      return `${volume} mails a day from ${dayOf(day)}`;
    }
  }
}

/** By what the replay, or else production, came to its row. */
function reasonOf(table: string, after: Row | null, before: Row | null): string {
  const row = after ?? before;
  if (table === topics.suppressions.name) {
    const [first] = (row as Suppression).evidence;
    if (!first) return 'no evidence';
    const rule = first.ruleVersion === null ? '' : ` by rules ${first.ruleVersion}`;
    return `${first.kind} ${timeOf(first.at)}${rule}${first.why === null ? '' : `: ${first.why}`} (event ${first.eventId})`;
  }
  if (table === topics.scores.name) {
    const { changes, ruleVersion } = row as Score;
    const told = changes.toReversed().map(({ at, score, action, sent, bounced, complained }) => {
      return `${timeOf(at)} score ${score}, ${action} (${sent} sent, ${bounced} bounced, ${complained} complained)`;
    });
    return `rules ${ruleVersion}: ${told.join('; ')}`;
  }
  const { days } = row as Allowance;
  const told = days.slice(0, 3).map(({ day, volume, sent, bounced, complained, verdict }) => {
    return `${dayOf(day)} ${verdict}: ${sent} of ${volume} sent, ${bounced} bounced, ${complained} complained`;
  });
  return told.length === 0 ? 'the first day' : told.join('; ');
}
