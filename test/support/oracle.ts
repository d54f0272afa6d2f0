import type { DeliveryResult } from '../../src/contracts/generated.ts';
import type { OffsetCommit } from './committed-offsets.ts';

/** One copy of a mail that the sink accepted. */
export interface Copy {
  readonly jobId: string;
  readonly recipient: string;
  readonly at: number;
}

/** What was seen from outside: nothing that the pipeline believes of itself. */
export interface Facts {
  /** J: jobs that the log acknowledged to a publisher. */
  readonly accepted: ReadonlySet<string>;
  /** Jobs whose publisher got no answer: each may have been accepted or not. */
  readonly inDoubt?: ReadonlySet<string>;
  /** S: what the sink accepted, in order. */
  readonly copies: readonly Copy[];
  /** R: results as a reader of committed records sees them, in order. */
  readonly results: readonly DeliveryResult[];
  /** Positions that were committed, in the order of each partition. */
  readonly commits?: readonly OffsetCommit[];
  /** When suppressions were committed, by address. */
  readonly suppressedAt?: ReadonlyMap<string, number>;
}

export interface Bounds {
  /** I3: copies beyond the first, over all jobs; each must be named by its results. */
  readonly duplicatesMax: number;
  /** Types under `on_uncertain: hold`: no second copy, ever. */
  readonly held?: ReadonlySet<string>;
  /** I5: how long after its commit a suppression may still be unknown to a worker. */
  readonly propagationMs?: number;
}

export type Invariant = 'I1' | 'I2' | 'I3' | 'I4' | 'I5' | 'I6';

export interface Violation {
  readonly invariant: Invariant;
  readonly what: string;
  /** The job it is about; null where it is about none. */
  readonly jobId: string | null;
}

export interface Verdict {
  readonly violations: readonly Violation[];
  readonly accepted: number;
  readonly endings: Readonly<Record<string, number>>;
  readonly lost: number;
  readonly duplicates: number;
  /** Jobs of which the results say that a copy may have gone out unseen. */
  readonly uncertain: number;
}

/** Everything about one job. */
interface Case {
  readonly results: DeliveryResult[];
  readonly endings: DeliveryResult[];
  readonly copies: Copy[];
}

/** Judges what was seen by the invariants of FAULTS.md. Pure. */
export function judge(facts: Facts, bounds: Bounds): Verdict {
  const cases = casesOf(facts);
  const violations: Violation[] = [];
  const endings: Record<string, number> = {};
  let lost = 0;
  let duplicates = 0;
  let uncertain = 0;
  for (const [jobId, found] of cases) {
    const tell = (invariant: Invariant, what: string) => violations.push({ invariant, what, jobId });
    const isAccepted = facts.accepted.has(jobId);
    if (!isAccepted && !facts.inDoubt?.has(jobId)) tell('I2', 'nobody published it');
    if (isAccepted && found.endings.length === 0) {
      lost++;
      tell('I1', 'it was accepted and has no ending');
    }
    if (found.endings.length > 1) tell('I1', `it has ${found.endings.length} endings`);
    const [end] = found.endings;
    if (end?.ending) endings[end.ending] = (endings[end.ending] ?? 0) + 1;
    duplicates += Math.max(0, found.copies.length - 1);
    if (isUncertain(found)) uncertain++;
    judgeCopies(found, bounds, tell);
    judgeSuppression(found, facts, bounds, tell);
  }
  if (duplicates > bounds.duplicatesMax) {
    const what = `${duplicates} copies beyond the first, and ${bounds.duplicatesMax} are allowed`;
    violations.push({ invariant: 'I3', what, jobId: null });
  }
  violations.push(...commitViolations(facts.commits ?? []));
  return { violations, accepted: facts.accepted.size, endings, lost, duplicates, uncertain };
}

const isUncertain = ({ results }: Case): boolean => results.some((result) => result.uncertain);

function judgeCopies(found: Case, bounds: Bounds, tell: (invariant: Invariant, what: string) => void): void {
  const { copies, endings } = found;
  const [end] = endings;
  if (copies.length > 1 && !isUncertain(found)) tell('I3', `${copies.length} copies, and its results call it certain`);
  const type = end?.type ?? found.results[0]?.type;
  if (copies.length > 1 && type && bounds.held?.has(type)) tell('I3', `${copies.length} copies under hold`);
  if (end?.ending === 'sent' && copies.length === 0) tell('I4', 'it is called sent, and the sink has no copy');
  if (end && end.ending !== 'sent' && copies.length > 0 && !isUncertain(found)) {
    tell('I4', `the sink has a copy, and its ending is ${end.ending} with no word of doubt`);
  }
}

function judgeSuppression(
  { copies }: Case,
  { suppressedAt }: Facts,
  { propagationMs = 0 }: Bounds,
  tell: (invariant: Invariant, what: string) => void,
): void {
  for (const { recipient, at } of copies) {
    const since = suppressedAt?.get(recipient);
    if (since !== undefined && at > since + propagationMs) tell('I5', `sent ${at - since} ms after its suppression`);
  }
}

/** I6: no position and no generation of a partition ever goes back. */
function commitViolations(commits: readonly OffsetCommit[]): Violation[] {
  const last = new Map<string, OffsetCommit>();
  const violations: Violation[] = [];
  for (const commit of commits) {
    const place = `${commit.group} ${commit.topic}/${commit.partition}`;
    const before = last.get(place);
    last.set(place, commit);
    if (!before) continue;
    const tell = (what: string) => violations.push({ invariant: 'I6', what: `${place}: ${what}`, jobId: null });
    if (commit.offset < before.offset) tell(`position ${before.offset} was followed by ${commit.offset}`);
    if (commit.generation < before.generation) {
      tell(`generation ${before.generation} was followed by ${commit.generation} at ${commit.offset}`);
    }
  }
  return violations;
}

function casesOf(facts: Facts): Map<string, Case> {
  const cases = new Map<string, Case>();
  const of = (jobId: string): Case => {
    const known = cases.get(jobId);
    if (known) return known;
    const made: Case = { results: [], endings: [], copies: [] };
    cases.set(jobId, made);
    return made;
  };
  for (const jobId of facts.accepted) of(jobId);
  for (const result of facts.results) {
    const found = of(result.jobId);
    found.results.push(result);
    if (result.kind === 'ending') found.endings.push(result);
  }
  for (const copy of facts.copies) of(copy.jobId).copies.push(copy);
  return cases;
}

/** Of each kind of violation so many are told in full. */
const TOLD_MAX = 5;

/** What is wrong, with the whole story of the jobs it is about; empty where nothing is. */
export function report(facts: Facts, verdict: Verdict): string {
  if (verdict.violations.length === 0) return '';
  const { violations, ...figures } = verdict;
  const lines = [`${violations.length} violations; ${JSON.stringify(figures)}`];
  const cases = casesOf(facts);
  const told = new Map<string, number>();
  for (const { invariant, what, jobId } of violations) {
    const count = (told.get(invariant) ?? 0) + 1;
    told.set(invariant, count);
    if (count > TOLD_MAX) continue;
    lines.push(`${invariant}${jobId === null ? '' : ` ${jobId}`}: ${what}`);
    const found = jobId === null ? undefined : cases.get(jobId);
    if (found) lines.push(...story(found).map((line) => `    ${line}`));
  }
  const copied = [...cases].filter(([, { copies }]) => copies.length > 1);
  if (told.has('I3') && copied.length > 0) {
    lines.push('jobs with more than one copy:');
    for (const [jobId, found] of copied.slice(0, TOLD_MAX)) {
      lines.push(`  ${jobId}`, ...story(found).map((line) => `    ${line}`));
    }
  }
  for (const [invariant, count] of told) if (count > TOLD_MAX) lines.push(`${invariant}: ${count} in all`);
  return lines.join('\n');
}

/** Results and copies of one job, in order of time. */
function story({ results, copies }: Case): string[] {
  const told = [
    ...results.map((result) => ({ at: result.at, text: resultLine(result) })),
    ...copies.map(({ at }) => ({ at, text: 'the sink accepted a copy' })),
  ];
  if (told.length === 0) return ['nothing was ever heard of it'];
  return told.sort((a, b) => a.at - b.at).map(({ at, text }) => `${new Date(at).toISOString()} ${text}`);
}

const resultLine = ({ kind, ending, attempt, source, class: found, reason, uncertain }: DeliveryResult): string =>
  [kind, ending, `attempt ${attempt}`, source, found, uncertain ? 'uncertain' : null, reason]
    .filter((part) => part !== null && part !== undefined)
    .join(', ');

/** Throws the report where an invariant is broken; else answers the figures. */
export function uphold(facts: Facts, bounds: Bounds): Verdict {
  const verdict = judge(facts, bounds);
  if (verdict.violations.length > 0) throw new Error(report(facts, verdict));
  return verdict;
}

/** I8: the most that fell into any sliding window of `windowMs`. */
export function mostInWindow(times: readonly number[], windowMs: number): number {
  const sorted = [...times].sort((a, b) => a - b);
  let most = 0;
  let first = 0;
  for (const [n, at] of sorted.entries()) {
    while (at - (sorted[first] as number) >= windowMs) first++;
    most = Math.max(most, n - first + 1);
  }
  return most;
}
