import type { Evidence, Suppression } from '../contracts/generated.ts';
import { foldAddress, parseMailbox } from './address.ts';
import { parseIsoTime } from './iso-time.ts';
import { isEmailType } from './job.ts';
import type { EmailType } from './policy.ts';
import { keyIdIn, PLAIN_NAMES, type RecipientNames } from './recipient-names.ts';
import { recipientIn } from './suppression.ts';
import { type Millis, writtenTime } from './time.ts';

/** Columns that hold the address in the exports of the big providers, in the order in which they are looked for. */
const ADDRESS_COLUMNS = ['email', 'emailaddress', 'email address', 'email_address', 'address', 'recipient', 'e-mail'];
/** Columns that say why. */
const REASON_COLUMNS = [
  'reason',
  'suppressionreason',
  'why',
  'error',
  'type',
  'status',
  'code',
  'source',
  'origin',
  'tags',
];

/** What one line of a list says. */
export interface ListedSuppression {
  /** Folded to lower case; or its keyed hash, as an export of ours has it where recipients are hashed. */
  readonly address: string;
  readonly reason: string | null;
  /** When it ends by itself, and whom it binds, as an export of ours says; null: never, and all. */
  readonly until: Millis | null;
  readonly tenant: string | null;
  readonly type: EmailType | null;
}

export type ListedRow =
  | { readonly ok: true; readonly entry: ListedSuppression }
  | {
      readonly ok: false;
      /** `key-unknown`: the hash of an address by a key that is not ours. */
      readonly problem: 'address-invalid' | 'key-unknown' | 'type-unknown' | 'time-invalid';
      readonly detail: string;
    };

const lower = (names: readonly string[]): readonly string[] => names.map((name) => name.trim().toLowerCase());

/** Is the first line of a list one of names? In a list without one, the address comes first, and the reason behind it. */
export const isListHeader = (fields: readonly string[]): boolean =>
  lower(fields).some((name) => ADDRESS_COLUMNS.includes(name));

/**
 * Reads rows of a list as Amazon SES, SendGrid, Mailgun, Postmark and we export it, or of addresses alone. Every row of it
 * suppresses, whatever it calls the reason.
 */
export function suppressionReader(
  columns: readonly string[],
  { keyIds }: RecipientNames = PLAIN_NAMES,
): (fields: readonly string[]) => ListedRow {
  const names = lower(columns);
  const indexOf = (wanted: readonly string[]): number =>
    wanted.map((name) => names.indexOf(name)).find((index) => index >= 0) ?? -1;
  const named = indexOf(ADDRESS_COLUMNS);
  const [addressAt, reasonAt] = named < 0 ? [0, 1] : [named, indexOf(REASON_COLUMNS)];
  // Other exports have columns of these names too, and mean something else by them.
  const isOurs = names.includes('severity') && names.includes('since');
  return (fields) => {
    const own = (name: string): string | null => (isOurs ? textIn(fields[names.indexOf(name)]) : null);
    const written = (fields[addressAt] ?? '').trim();
    const keyId = keyIdIn(written);
    // The hash by a key that we lack would suppress nobody.
    if (keyId !== null && !keyIds.includes(keyId)) {
      return { ok: false, problem: 'key-unknown', detail: keyId };
    }
    const mailbox = parseMailbox(isOurs ? unguarded(written) : written);
    if (keyId === null && !mailbox.ok) return { ok: false, problem: 'address-invalid', detail: mailbox.fault };
    const type = own('type');
    if (type !== null && !isEmailType(type)) return { ok: false, problem: 'type-unknown', detail: type.slice(0, 64) };
    const end = own('until');
    const until = end === null ? null : parseIsoTime(end);
    if (end !== null && until === null) return { ok: false, problem: 'time-invalid', detail: 'until' };
    const reason = textIn(fields[reasonAt]);
    return {
      ok: true,
      entry: {
        address: mailbox.ok ? foldAddress(mailbox.value) : written,
        reason: reason !== null && isOurs ? unguarded(reason) : reason,
        until,
        tenant: own('tenant'),
        type,
      },
    };
  };
}

const textIn = (field: string | undefined): string | null => field?.trim() || null;

/** A text that begins so would be a formula to a spreadsheet; `guarded` keeps it from being one. */
const FORMULA = /^[=+\-@\t\r]/;
const guarded = (text: string): string => (FORMULA.test(text) ? `'${text}` : text);
const unguarded = (text: string): string => (/^'[=+\-@\t\r]/.test(text) ? text.slice(1) : text);

export const EXPORT_COLUMNS: readonly string[] = ['address', 'severity', 'since', 'until', 'tenant', 'type', 'reason'];

/** Read again it is an operator's word, which holds for every type: that an unsubscription spares some must be written out. */
const byType = (evidence: Evidence): readonly Evidence[] =>
  evidence.severity === 'unsubscribe' && evidence.type === null
    ? (['notification', 'marketing'] as const).map((type) => ({ ...evidence, type }))
    : [evidence];

/**
 * The lines that say of a row what holds now, one for each tenant and type that it binds: read again they bind the same, and as
 * long.
 */
export function exportedLines(row: Suppression, now: Millis): readonly (readonly string[])[] {
  if (!row.active || (row.until !== null && row.until <= now)) return [];
  const address = recipientIn(row.subject) ?? row.subject;
  const line = (
    severity: string,
    since: Millis,
    until: Millis | null,
    scope: Pick<Evidence, 'tenant' | 'type'>,
    why: string | null,
  ) => {
    const times = [since, until].map((at) => (at === null ? '' : writtenTime(at)));
    return [address, severity, ...times, scope.tenant ?? '', scope.type ?? '', why ?? ''].map(guarded);
  };
  const binding = row.evidence.filter(
    ({ binds, severity, until }) => binds && severity !== 'unknown' && (until === null || until > now),
  );
  if (binding.length === 0) return [line(row.severity, row.since, row.until, row, row.evidence[0]?.why ?? null)];
  const scopes = new Map<string, Evidence[]>();
  for (const evidence of binding.flatMap(byType)) {
    const scope = JSON.stringify([evidence.tenant, evidence.type]);
    scopes.set(scope, [...(scopes.get(scope) ?? []), evidence]);
  }
  return [...scopes.values()].map((all) => {
    const [strongest] = all as [Evidence];
    const ends = all.map(({ until }) => until);
    const until = ends.includes(null) ? null : Math.max(...(ends as number[]));
    const since = Math.min(...all.filter(({ severity }) => severity === strongest.severity).map(({ at }) => at));
    return line(strongest.severity, since, until, strongest, strongest.why);
  });
}
