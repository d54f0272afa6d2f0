import type { DeliveryResult, EndingSymbol } from '../../contracts/generated.ts';
import type { Millis } from '../../domain/time.ts';
import type { DemoMail, Fate } from './load.ts';

/** One message that the simulator accepted. */
export interface JournalEntry {
  readonly jobId: string;
  readonly at: Millis;
}

export interface DemoFacts {
  readonly mails: readonly DemoMail[];
  /** Job ids that the broker acknowledged, with the time. */
  readonly publishedAt: ReadonlyMap<string, Millis>;
  readonly results: readonly DeliveryResult[];
  /** Dead letters of records that were no jobs. */
  readonly undecodable: number;
  readonly journal: readonly JournalEntry[];
  readonly startedAt: Millis;
  readonly endedAt: Millis;
}

/** How `Summary.endings` spells them. */
const ENDINGS: Readonly<Record<Exclude<EndingSymbol, 'unknown'> | 'unknown', keyof Endings>> = {
  sent: 'sent',
  bounced: 'bounced',
  suppressed: 'suppressed',
  expired: 'expired',
  cancelled: 'cancelled',
  dead_lettered: 'deadLettered',
  unknown: 'unknown',
};

export interface Endings {
  readonly sent: number;
  readonly bounced: number;
  readonly suppressed: number;
  readonly expired: number;
  readonly cancelled: number;
  readonly deadLettered: number;
  readonly unknown: number;
}

export interface Summary {
  /** Jobs that the broker acknowledged; what was published twice counts once. */
  readonly accepted: number;
  readonly endings: Endings;
  /** Accepted jobs without an ending. */
  readonly lost: number;
  /** Accepted jobs with more than one ending. */
  readonly endedTwice: number;
  /** `sent` without a copy at the simulator. */
  readonly sentWithoutCopy: number;
  /** Copies beyond the first. */
  readonly duplicates: number;
  /** Jobs of which a copy may have gone out unseen, as the results say. */
  readonly uncertain: number;
  /** Records that were no jobs: how many were published, and how many are dead letters. */
  readonly malformed: { readonly published: number; readonly deadLetters: number };
  readonly msgPerSecond: number;
  /** From publishing to the acceptance by the mail server, of mails that nothing delayed. */
  readonly latencyMs: { readonly p50: number | null; readonly p99: number | null };
  readonly seconds: number;
  readonly byFate: Readonly<Partial<Record<Fate, Readonly<Record<string, number>>>>>;
}

/** Pure: what became of every mail, and whether the conservation law held. */
export function summarise(facts: DemoFacts): Summary {
  const endings = new Map<string, DeliveryResult[]>();
  const uncertain = new Set<string>();
  for (const result of facts.results) {
    if (result.uncertain) uncertain.add(result.jobId);
    if (result.kind !== 'ending') continue;
    const known = endings.get(result.jobId);
    if (known) known.push(result);
    else endings.set(result.jobId, [result]);
  }
  const copies = new Map<string, JournalEntry[]>();
  for (const entry of facts.journal) {
    const known = copies.get(entry.jobId);
    if (known) known.push(entry);
    else copies.set(entry.jobId, [entry]);
  }
  const accepted = facts.mails.filter(({ id, job }) => job !== null && facts.publishedAt.has(id));
  const counts: Record<keyof Endings, number> = {
    sent: 0,
    bounced: 0,
    suppressed: 0,
    expired: 0,
    cancelled: 0,
    deadLettered: 0,
    unknown: 0,
  };
  const byFate: Partial<Record<Fate, Record<string, number>>> = {};
  let lost = 0;
  let endedTwice = 0;
  let sentWithoutCopy = 0;
  for (const { id, fate } of accepted) {
    const own = endings.get(id) ?? [];
    if (own.length === 0) lost++;
    if (own.length > 1) endedTwice++;
    const [first] = own;
    const name = first?.ending ? ENDINGS[first.ending] : null;
    if (name) counts[name]++;
    if (name === 'sent' && !copies.has(id)) sentWithoutCopy++;
    const fates = byFate[fate] ?? {};
    byFate[fate] = fates;
    fates[name ?? 'lost'] = (fates[name ?? 'lost'] ?? 0) + 1;
  }
  const ids = new Set(accepted.map(({ id }) => id));
  const relevant = [...copies].filter(([id]) => ids.has(id));
  const seconds = Math.max(0.001, (facts.endedAt - facts.startedAt) / 1000);
  return {
    accepted: accepted.length,
    endings: counts,
    lost,
    endedTwice,
    sentWithoutCopy,
    duplicates: relevant.reduce((sum, [, entries]) => sum + entries.length - 1, 0),
    uncertain: [...uncertain].filter((id) => ids.has(id)).length,
    malformed: {
      published: facts.mails.filter(({ id, job }) => job === null && facts.publishedAt.has(id)).length,
      deadLetters: facts.undecodable,
    },
    msgPerSecond: rateOf(
      relevant.map(([, entries]) => entries[0]?.at as number),
      facts.startedAt,
    ),
    latencyMs: latenciesOf(facts, copies),
    seconds: Math.round(seconds * 10) / 10,
    byFate,
  };
}

/** The conservation law (DESIGN, law 5), and what stands beside it. */
export const isConserved = (summary: Summary): boolean =>
  summary.lost === 0 &&
  summary.endedTwice === 0 &&
  summary.sentWithoutCopy === 0 &&
  summary.duplicates <= summary.uncertain &&
  summary.malformed.deadLetters >= summary.malformed.published;

/** Nine tenths of the mails, over the time they took: the tail is what was meant to wait. */
function rateOf(times: readonly Millis[], startedAt: Millis): number {
  const sorted = [...times].sort((a, b) => a - b);
  const last = sorted[Math.floor(sorted.length * 0.9) - 1];
  if (last === undefined) return 0;
  return Math.round((sorted.length * 0.9) / Math.max(0.001, (last - startedAt) / 1000));
}

function latenciesOf(facts: DemoFacts, copies: ReadonlyMap<string, readonly JournalEntry[]>): Summary['latencyMs'] {
  const latencies: number[] = [];
  for (const { id, fate } of facts.mails) {
    const publishedAt = facts.publishedAt.get(id);
    const at = copies.get(id)?.[0]?.at;
    if (fate === 'good' && publishedAt !== undefined && at !== undefined) latencies.push(Math.max(0, at - publishedAt));
  }
  latencies.sort((a, b) => a - b);
  const quantile = (q: number): number | null =>
    latencies.length === 0
      ? null
      : (latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * q))] as number);
  return { p50: quantile(0.5), p99: quantile(0.99) };
}
