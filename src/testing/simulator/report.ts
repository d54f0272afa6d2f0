import { MINUTE_MS } from '../../domain/time.ts';
import type { Journal, JournalEntry, JournalPosition } from './journal.ts';
import type { Clients, Totals } from './setting.ts';
import type { Sites } from './sites.ts';

/** Job ids that are listed at most. */
export const DUPLICATES_MAX = 10_000;

/** What came, by connection, site and source. */
export interface SimulatorStats {
  readonly connections: { readonly open: number; readonly peak: number; readonly total: number };
  /** Accepted, one per recipient. */
  readonly messages: number;
  readonly bytes: number;
  readonly protocolErrors: number;
  /** By address. */
  readonly clients: readonly {
    readonly ip: string;
    readonly connectionsOpen: number;
    readonly connectionsPeak: number;
  }[];
  readonly sites: readonly SiteStats[];
  readonly pairs: readonly PairStats[];
  readonly journal: JournalPosition;
}

export interface SiteStats {
  readonly site: string;
  readonly connectionsOpen: number;
  readonly connectionsPeak: number;
  /** Recipients that were named. */
  readonly attempts: number;
  readonly messages: number;
  /** Of `otherwise`, those that were replies of refusal. */
  readonly rejects: number;
  /** How often it was not friendly: by reply code, or by what it did instead. */
  readonly otherwise: Readonly<Record<string, number>>;
}

export interface PairStats {
  readonly source: string;
  readonly site: string;
  readonly attempts: number;
  readonly messages: number;
  /** The most in any sliding minute, so far. */
  readonly attemptsPerMinuteMax: number;
  readonly messagesPerMinuteMax: number;
}

export function statsOf(totals: Totals, clients: Clients, sites: Sites, journal: Journal): SimulatorStats {
  const siteStats: SiteStats[] = [];
  const pairStats: PairStats[] = [];
  for (const site of sites.all()) {
    const { name, connectionsOpen, connectionsPeak, attempts, messages } = site;
    const otherwise = Object.fromEntries(site.otherwise);
    const rejects = [...site.otherwise].reduce((sum, [label, count]) => sum + (/^\d+$/.test(label) ? count : 0), 0);
    siteStats.push({ site: name, connectionsOpen, connectionsPeak, attempts, messages, rejects, otherwise });
    for (const pair of site.pairs.values()) {
      pairStats.push({
        source: pair.source,
        site: name,
        attempts: pair.attemptsTotal,
        messages: pair.messagesTotal,
        attemptsPerMinuteMax: pair.attempts.max,
        messagesPerMinuteMax: pair.messages.max,
      });
    }
  }
  const { connectionsOpen: open, connectionsPeak: peak, connections: total, messages, bytes, protocolErrors } = totals;
  return {
    connections: { open, peak, total },
    messages,
    bytes,
    protocolErrors,
    clients: [...clients.all()].map(([ip, client]) => ({ ip, ...client })),
    sites: siteStats,
    pairs: pairStats,
    journal: journal.position(),
  };
}

/** What the kept entries of a journal add up to. */
export interface JournalSummary {
  readonly entries: number;
  /** Entries that went because there were too many: what is counted here is not all then. */
  readonly dropped: number;
  readonly distinctJobIds: number;
  /** Entries whose message had no job id. */
  readonly withoutJobId: number;
  /** Copies above the first of each job: Σ (copies − 1). */
  readonly surplusCopies: number;
  /** Jobs that came more than once, at most DUPLICATES_MAX of them. */
  readonly duplicates: readonly { readonly jobId: string; readonly copies: number }[];
  readonly bySite: Readonly<Record<string, number>>;
  /** Ordered by minute, then by site. */
  readonly minutes: readonly { readonly minute: string; readonly site: string; readonly messages: number }[];
}

/** Reads the journal through, a page at a time, so that mail goes on being taken meanwhile. */
export async function summarise(journal: Journal): Promise<JournalSummary> {
  const { first, next: end, dropped } = journal.position();
  const copies = new Map<string, number>();
  const bySite = new Map<string, number>();
  const minutes = new Map<string, number>();
  let entries = 0;
  let withoutJobId = 0;
  for (let from = first; from < end; ) {
    const page = journal.lines(from, end - from);
    for (const line of page.bytes.toString('utf8').split('\n')) {
      if (line === '') continue;
      const entry = JSON.parse(line) as JournalEntry;
      entries++;
      if (entry.jobId === '') withoutJobId++;
      else count(copies, entry.jobId);
      count(bySite, entry.site);
      count(minutes, `${new Date(entry.at - (entry.at % MINUTE_MS)).toISOString()} ${entry.site}`);
    }
    from = page.next;
    await new Promise((resolve) => setImmediate(resolve));
  }
  const duplicates = [...copies].filter(([, times]) => times > 1).map(([jobId, times]) => ({ jobId, copies: times }));
  return {
    entries,
    dropped,
    distinctJobIds: copies.size,
    withoutJobId,
    surplusCopies: duplicates.reduce((sum, each) => sum + each.copies - 1, 0),
    duplicates: duplicates.slice(0, DUPLICATES_MAX),
    bySite: Object.fromEntries([...bySite].sort()),
    minutes: [...minutes]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, messages]) => {
        const space = key.indexOf(' ');
        return { minute: key.slice(0, space), site: key.slice(space + 1), messages };
      }),
  };
}

const count = (counts: Map<string, number>, key: string): void => void counts.set(key, (counts.get(key) ?? 0) + 1);
