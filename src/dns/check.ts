import type { DnsConfig } from '../config/types.ts';
import { bySeverity, type Finding } from '../domain/dns/finding.ts';
import {
  type OutgoingExpectation,
  outgoingChecks,
  type SenderExpectation,
  senderChecks,
} from '../domain/dns/sender-checks.ts';
import type { Clock } from '../runtime/ports.ts';
import type { LookUps } from './look-ups.ts';
import { CheckRun, LOOKUPS_MAX } from './run-checks.ts';

/** `fails`: something is wrong that makes receivers doubt its mail. `unknown`: it could not be found out. */
export type Verdict = 'passes' | 'fails' | 'unknown';

/** What became of the checks of one subject. */
export interface CheckReport {
  /** A domain; null: what mail leaves from. */
  readonly domain: string | null;
  readonly verdict: Verdict;
  /** The worst first. */
  readonly findings: readonly Finding[];
}

export interface CheckOptions {
  readonly lookUps: LookUps;
  readonly clock: Pick<Clock, 'now'>;
  readonly dns: Pick<DnsConfig, 'deadlineMs'>;
}

/** Checks domains one after the other, and what mail leaves from; every subject has the whole deadline. */
export async function checkSenders(
  { lookUps, clock, dns }: CheckOptions,
  senders: readonly SenderExpectation[],
  world: OutgoingExpectation,
): Promise<readonly CheckReport[]> {
  const run = () => new CheckRun(lookUps, clock, { deadlineMs: dns.deadlineMs, lookupsMax: LOOKUPS_MAX });
  const subjects = [
    ...senders.map((sender) => ({ domain: sender.domain, checks: () => senderChecks(sender, world) })),
    ...(world.outgoing.length > 0 ? [{ domain: null, checks: () => outgoingChecks(world) }] : []),
  ];
  const distrust = await run().probe();
  if (distrust !== null) {
    return subjects.map(({ domain }) => ({ domain, verdict: 'unknown', findings: [distrust] }));
  }
  const reports: CheckReport[] = [];
  for (const { domain, checks } of subjects) {
    const findings = unique(await run().findings(checks()));
    reports.push({ domain, verdict: verdictOf(findings), findings: bySeverity(findings) });
  }
  return reports;
}

/** What is known to be wrong is wrong, whatever else could not be found out. */
function verdictOf(findings: readonly Finding[]): Verdict {
  if (findings.some(({ severity }) => severity === 'error')) return 'fails';
  return findings.some(({ severity }) => severity === 'unknown') ? 'unknown' : 'passes';
}

/** Two checks may meet the same fault. */
function unique(findings: readonly Finding[]): readonly Finding[] {
  return [...new Map(findings.map((found) => [`${found.code} ${found.about} ${found.what}`, found])).values()];
}
