import type { EmailTypeSymbol, Evidence, Suppression, SuppressionSeverity } from '../contracts/generated.ts';
import type { EmailType } from './policy.ts';
import type { Millis } from './time.ts';

/** Subject of what is known about a recipient by the whole installation. `folded` is the address in lower case. */
export const recipientSubject = (folded: string): string => `${ALL}${folded}`;

/** Subject of what one tenant says about a recipient: it binds that tenant's mail alone, and no other can see it. */
export const tenantRecipientSubject = (tenant: string, folded: string): string => `${tenantPrefix(tenant)}${folded}`;

const ALL = 'recipient:';
/** What the subjects of a tenant's own recipients begin with; of the installation's, where it is null. */
export const tenantPrefix = (tenant: string | null): string =>
  tenant === null ? ALL : `tenant:${encodeURIComponent(tenant)}:${ALL}`;

/** What keeps a tenant's mail from a recipient may stand under either. */
export const subjectsOf = (tenant: string, folded: string): readonly [string, string] => [
  recipientSubject(folded),
  tenantRecipientSubject(tenant, folded),
];

const SUBJECT = /^(?:tenant:([^:]*):)?recipient:(.*)$/s;

/** The address in a recipient's subject; null for any other subject. */
export const recipientIn = (subject: string): string | null => SUBJECT.exec(subject)?.[2] ?? null;

/** The tenant whose mail alone a subject binds; null: all tenants'. */
function tenantIn(subject: string): string | null {
  const written = SUBJECT.exec(subject)?.[1];
  try {
    return written === undefined ? null : decodeURIComponent(written);
  } catch {
    return written as string; // not of our writing: no look-up ever asks for it
  }
}

/** Stronger first. A weaker event never erases what a stronger one said. */
const BY_STRENGTH: readonly SuppressionSeverity[] = [
  'manual',
  'complaint',
  'hard_bounce',
  'unsubscribe',
  'soft_bounces',
];

/** Newest pieces of evidence that a row keeps per severity. A row must not grow with every event about its address. */
export const EVIDENCE_PER_SEVERITY_MAX = 4;

/** What a piece of evidence says; null for one that suppresses nobody. */
const severityOf = (evidence: Evidence): SuppressionSeverity | null => {
  switch (evidence.kind) {
    case 'suppression_added':
      return 'manual';
    case 'complained':
      return 'complaint';
    case 'bounced':
      return 'hard_bounce';
    case 'unsubscribed':
      return 'unsubscribe';
    default:
      return null;
  }
};

/** Does the row keep this mail from being sent? Rows of one tenant or type bind only those. */
export function suppresses(row: Suppression, tenant: string, type: EmailType, now: Millis): boolean {
  if (!row.active || (row.until !== null && row.until <= now)) return false;
  return (
    (row.tenant === null || row.tenant === tenant) && (row.type === null || row.type === (type as EmailTypeSymbol))
  );
}

/** For the result of a suppressed mail: which event, which rule, who and why. */
export function explainSuppression(row: Suppression): string {
  const strongest = row.evidence.find((evidence) => severityOf(evidence) === row.severity);
  if (!strongest) return row.severity;
  const { kind, eventId, at, class: found, ruleVersion, who, why } = strongest;
  const facts = [
    `${kind} ${new Date(at).toISOString()}`,
    found === null ? null : `class ${found}`,
    ruleVersion === null ? null : `rules ${ruleVersion}`,
    who === null ? null : `by ${who}`,
    why === null ? null : `because ${why}`,
    `event ${eventId}`,
  ];
  return `${row.severity}: ${facts.filter((fact) => fact !== null).join(', ')}`;
}

/** A row about which nothing is known yet. */
export const emptySuppression = (subject: string): Suppression => ({
  subject,
  active: false,
  severity: 'unknown',
  since: 0,
  until: null,
  tenant: tenantIn(subject),
  type: null,
  evidence: [],
});

/** A total order that does not depend on arrival: newest first, then by event id, then by content. */
function newestFirst(left: Evidence, right: Evidence): number {
  if (left.at !== right.at) return right.at - left.at;
  if (left.eventId !== right.eventId) return left.eventId < right.eventId ? -1 : 1;
  const [leftText, rightText] = [JSON.stringify(left), JSON.stringify(right)];
  return leftText < rightText ? -1 : Number(leftText > rightText);
}

/**
 * Merges evidence into a row. Commutative, associative and idempotent: any order and any duplication of the same events
 * gives the same row, byte for byte.
 *
 * A removal is evidence too: it takes back whatever happened up to its own time, also what arrives only later. The row
 * keeps the newest removal and, per severity, the newest evidence after it; what a removal took back is in the log.
 */
export function addEvidence(row: Suppression, added: Evidence): Suppression {
  const sorted = [...row.evidence, added].sort(newestFirst);
  const seen = new Set<string>();
  const distinct = sorted.filter(({ eventId }) => !seen.has(eventId) && seen.add(eventId));
  const removal = distinct.find(({ kind }) => kind === 'suppression_removed');
  const alive = distinct.filter(
    (evidence) => severityOf(evidence) !== null && (removal === undefined || evidence.at > removal.at),
  );
  const kept = BY_STRENGTH.flatMap((severity) =>
    alive.filter((evidence) => severityOf(evidence) === severity).slice(0, EVIDENCE_PER_SEVERITY_MAX),
  );
  const [strongest] = kept;
  const severity = strongest ? (severityOf(strongest) ?? 'unknown') : 'unknown';
  const times = kept.filter((evidence) => severityOf(evidence) === severity).map(({ at }) => at);
  return {
    ...row,
    active: strongest !== undefined,
    severity,
    since: strongest ? Math.min(...times) : (removal?.at ?? 0),
    evidence: removal ? [...kept, removal] : kept,
  };
}
