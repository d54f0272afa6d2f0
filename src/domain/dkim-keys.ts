import type { DkimKeyRow, SenderCheck } from '../contracts/generated.ts';
import type { DkimKey } from './policy.ts';
import { DAY_MS, type Millis } from './time.ts';

/**
 * Where a key of a sender domain stands. One key per algorithm signs.
 *
 * - *waiting*: made, and the DNS does not show it, or not for long enough. Left for *signing* once it does.
 * - *signing*: the newest that the DNS shows; a key of the configuration needs no showing.
 * - *overlapping*: a newer one signs. Mails that it has signed are still on their way: its record must stay.
 * - *retired*: never signs again; its record may go.
 */
export type DkimKeyState = 'waiting' | 'signing' | 'overlapping' | 'retired';

export interface StandingKey extends DkimKey {
  readonly state: DkimKeyState;
  /** Text of its record; null for keys of the configuration, whose private key says it. */
  readonly record: string | null;
  /** Null for keys of the configuration. */
  readonly madeAt: Millis | null;
  /** Since when the DNS shows it; null: it does not, or nobody looked. */
  readonly shownSince: Millis | null;
  readonly retiredAt: Millis | null;
  /** Of a key that overlaps: since when a newer one signs. */
  readonly supersededAt: Millis | null;
}

const ALGORITHMS = ['rsa-sha256', 'ed25519-sha256'] as const;
/** A mail may wait at a server for five days (RFC 5321 section 4.5.4.1), and in our own lanes before. */
export const DKIM_TRANSIT_MS = 8 * DAY_MS;

export interface KnownKeys {
  /** Keys of the configuration. */
  readonly configured: readonly DkimKey[];
  /** Rows of the operators. */
  readonly rows: readonly DkimKeyRow[];
  readonly check: Pick<SenderCheck, 'keys'> | undefined;
}

/** Where every key of a domain stands at `now`, oldest first. `settleMs`: how long the DNS must have shown a new key. */
export function standingKeys(
  { configured, rows, check }: KnownKeys,
  now: Millis,
  settleMs: number,
): readonly StandingKey[] {
  const keys = [
    ...configured.map((key) => ofConfiguration(key, rows)),
    ...rows.flatMap((row) => ofRow(row, configured, check)),
  ];
  const readySince = (key: StandingKey): Millis | null => {
    if (key.retiredAt !== null) return null;
    if (key.madeAt === null) return 0;
    return key.shownSince !== null && now - key.shownSince >= settleMs ? key.shownSince + settleMs : null;
  };
  const signing = ALGORITHMS.map((algorithm) =>
    keys.findLast((key) => key.algorithm === algorithm && readySince(key) !== null),
  );
  return keys.map((key) => {
    if (key.retiredAt !== null) return { ...key, state: 'retired' };
    if (signing.includes(key)) return { ...key, state: 'signing' };
    if (readySince(key) === null) return { ...key, state: 'waiting' };
    const newer = keys.slice(keys.indexOf(key) + 1).filter((other) => other.algorithm === key.algorithm);
    const since = newer.map(readySince).filter((at) => at !== null);
    return { ...key, state: 'overlapping', supersededAt: Math.min(...since) };
  });
}

/** The keys that sign now. */
export const signingKeys = (known: KnownKeys, now: Millis, settleMs: number): readonly StandingKey[] =>
  standingKeys(known, now, settleMs).filter(({ state }) => state === 'signing');

const fresh = { state: 'waiting', shownSince: null, supersededAt: null } as const;

function ofConfiguration(key: DkimKey, rows: readonly DkimKeyRow[]): StandingKey {
  const row = rows.find(({ selector }) => selector === key.selector);
  return { ...key, ...fresh, record: null, madeAt: null, retiredAt: row?.until ?? null };
}

/** A row about a key of the configuration only retires it; one of an algorithm that nobody here knows signs nothing. */
function ofRow(row: DkimKeyRow, configured: readonly DkimKey[], check: KnownKeys['check']): readonly StandingKey[] {
  const algorithm = ALGORITHMS.find((known) => known === row.algorithm);
  if (algorithm === undefined || configured.some(({ selector }) => selector === row.selector)) return [];
  const shown = check?.keys.find(({ selector, record }) => selector === row.selector && record === row.record);
  const { selector, privateKey, record, at: madeAt, until: retiredAt } = row;
  return [{ selector, algorithm, privateKey, ...fresh, record, madeAt, retiredAt, shownSince: shown?.since ?? null }];
}

/** Why a key may not be retired yet; null: it may. */
export function retirementProblem(key: StandingKey, now: Millis): string | null {
  if (key.state === 'retired') return 'it is retired already';
  if (key.state === 'signing') return 'it signs: mail would go out without a signature of its algorithm';
  if (key.state !== 'overlapping' || key.supersededAt === null) return null;
  const until = key.supersededAt + DKIM_TRANSIT_MS;
  if (now >= until) return null;
  return `mails that it signed may be on their way until ${new Date(until).toISOString()}`;
}

const SELECTOR_DATE_LENGTH = 10;

/** A selector that says when its key was made, and that no other key of the domain has. */
export function newSelector(algorithm: DkimKey['algorithm'], now: Millis, taken: readonly string[]): string {
  const date = new Date(now).toISOString().slice(0, SELECTOR_DATE_LENGTH).replaceAll('-', '');
  const base = `pl${date}${algorithm === 'rsa-sha256' ? 'r' : 'e'}`;
  for (let n = 1; ; n++) {
    const selector = n === 1 ? base : `${base}${n}`;
    if (!taken.includes(selector)) return selector;
  }
}
