import type { Placement, PlaceSymbol } from '../contracts/generated.ts';
import { DAY_MS, type Millis } from './time.ts';

/** Names the probe in its own header, so that it is found whatever a server does to the rest. */
export const PROBE_HEADER = 'X-Postlane-Probe';
/** Key of the row about a mailbox itself. */
export const seedKey = (seed: string): string => `seed:${seed}`;
/** Nobody looks for a probe that is older. */
export const PROBE_AGE_MS_MAX = DAY_MS;

/** Where a probe was seen in a mailbox. */
export interface Sighting {
  readonly id: string;
  readonly place: Extract<PlaceSymbol, 'inbox' | 'spam' | 'tab'>;
  readonly folder: string;
  /** When the server took it. */
  readonly arrivedAt: Millis;
}

/** What one look into a mailbox brought. */
export type Look =
  | { readonly kind: 'seen'; readonly sightings: readonly Sighting[] }
  | { readonly kind: 'failed'; readonly problem: 'login-refused' | 'unreachable'; readonly detail: string };

const isProbe = ({ id }: Placement): boolean => !id.startsWith('seed:');

/** Whether somebody has to look for it still; a missing one may come late. */
export const isSought = (row: Placement, now: Millis): boolean =>
  isProbe(row) && (row.place === 'waiting' || row.place === 'missing') && now - row.at < PROBE_AGE_MS_MAX;

/** Rows of a mailbox that are different after a look. */
export function rowsAfter(
  rows: readonly Placement[],
  look: Look,
  now: Millis,
  deadlineMs: number,
): readonly Placement[] {
  const seen = new Map(look.kind === 'seen' ? look.sightings.map((sighting) => [sighting.id, sighting]) : []);
  return rows.flatMap((row): readonly Placement[] => {
    const sighting = seen.get(row.id);
    if (sighting !== undefined) {
      const { place, folder, arrivedAt } = sighting;
      return [{ ...row, place, folder, delayMs: Math.max(0, arrivedAt - row.at) }];
    }
    if (row.place !== 'waiting' || now - row.at < deadlineMs) return [];
    // A mailbox that nobody can open proves nothing about the mail.
    if (look.kind === 'seen') return [{ ...row, place: 'missing' }];
    return now - row.at >= PROBE_AGE_MS_MAX - deadlineMs ? [{ ...row, place: 'unseen' }] : [];
  });
}

const PLACES = ['inbox', 'tab', 'spam', 'missing'] as const;

/** How the probes to one provider were placed. */
export interface PlacementRate {
  readonly provider: string;
  readonly probes: number;
  readonly counts: Readonly<Record<(typeof PLACES)[number], number>>;
  /** Share of probes that were seen outside of spam; null where there are none. */
  readonly inboxRatio: number | null;
  /** Median time from publication to arrival, in milliseconds; null where none was seen. */
  readonly delayMs: number | null;
}

/** Rates per provider over the probes that were published in [from, to). Probes that are on their way are in none. */
export function placementRates(rows: readonly Placement[], from: Millis, to: Millis): readonly PlacementRate[] {
  const judged = rows.filter((row) => isProbe(row) && row.at >= from && row.at < to && isJudged(row));
  const providers = [...new Set(judged.map(({ provider }) => provider))].sort();
  return providers.map((provider) => {
    const own = judged.filter((row) => row.provider === provider);
    const count = (place: string) => own.filter((row) => row.place === place).length;
    const counts = { inbox: count('inbox'), tab: count('tab'), spam: count('spam'), missing: count('missing') };
    const delays = own.map(({ delayMs }) => delayMs).filter((delay) => delay !== null);
    return {
      provider,
      probes: own.length,
      counts,
      inboxRatio: own.length === 0 ? null : (counts.inbox + counts.tab) / own.length,
      delayMs: delays.sort((left, right) => left - right)[Math.floor(delays.length / 2)] ?? null,
    };
  });
}

const isJudged = ({ place }: Placement): boolean => (PLACES as readonly string[]).includes(place);

export interface AlertRules {
  readonly windowMs: number;
  readonly probesMin: number;
  readonly alertBelow: number;
  readonly alertFall: number;
}

/** With how many windows before the newest one is compared. */
const WINDOWS_BEFORE = 7;

export interface PlacementAlert {
  readonly provider: string;
  readonly what: 'low' | 'fell';
  readonly inboxRatio: number;
  readonly before: number | null;
}

/** Providers at which less arrives in the inbox than should, or than did. */
export function placementAlerts(rows: readonly Placement[], rules: AlertRules, now: Millis): readonly PlacementAlert[] {
  const { windowMs, probesMin, alertBelow, alertFall } = rules;
  const before = placementRates(rows, now - windowMs * (WINDOWS_BEFORE + 1), now - windowMs);
  return placementRates(rows, now - windowMs, now + 1).flatMap((rate): readonly PlacementAlert[] => {
    const { provider, probes, inboxRatio } = rate;
    if (inboxRatio === null || probes < probesMin) return [];
    const old = before.find((candidate) => candidate.provider === provider);
    const ratio = old !== undefined && old.probes >= probesMin ? old.inboxRatio : null;
    if (inboxRatio < alertBelow) return [{ provider, what: 'low', inboxRatio, before: ratio }];
    return ratio !== null && ratio - inboxRatio >= alertFall
      ? [{ provider, what: 'fell', inboxRatio, before: ratio }]
      : [];
  });
}
