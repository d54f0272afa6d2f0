import type { Evidence, Suppression, SuppressionSeverity } from '../contracts/generated.ts';
import type { EmailType } from './policy.ts';
import { PLAIN_NAMES, type RecipientNames } from './recipient-names.ts';
import type { ReputationOverrides } from './reputation-overrides.ts';
import { DAY_MS, type Millis } from './time.ts';

/**
 * Subject of what is known about a recipient by the whole installation. `name` is what `RecipientNames` calls it: the
 * address in lower case, or a keyed hash of it.
 */
export const recipientSubject = (name: string): string => `${ALL}${name}`;

/** Subject of what one tenant says about a recipient: it binds that tenant's mail alone, and no other can see it. */
export const tenantRecipientSubject = (tenant: string, name: string): string => `${tenantPrefix(tenant)}${name}`;

const ALL = 'recipient:';
/** What the subjects of a tenant's own recipients begin with; of the installation's, where it is null. */
export const tenantPrefix = (tenant: string | null): string =>
  tenant === null ? ALL : `tenant:${encodeURIComponent(tenant)}:${ALL}`;

/** What keeps a tenant's mail from a recipient may stand under any of these. `folded` is the address in lower case. */
export const subjectsOf = (tenant: string, folded: string, names: RecipientNames = PLAIN_NAMES): readonly string[] =>
  names.namesOf(folded).flatMap((name) => [recipientSubject(name), tenantRecipientSubject(tenant, name)]);

const SUBJECT = /^(?:tenant:([^:]*):)?recipient:(.*)$/s;

/** The address in a recipient's subject, or its hash; null for any other subject. */
export const recipientIn = (subject: string): string | null =>
  // Most subjects of a log are told by how they begin: no pattern for them.
  subject.startsWith(ALL)
    ? subject.slice(ALL.length)
    : subject.startsWith('tenant:')
      ? (SUBJECT.exec(subject)?.[2] ?? null)
      : null;

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

/** Newest pieces of evidence that a row keeps per severity and scope. A row must not grow with every event about its address. */
export const EVIDENCE_PER_GROUND_MAX = 5;

/** The tenant of an operator's event that holds for all tenants. */
export const EVERY_TENANT = '*';

/** How evidence becomes a suppression; part of what a replay may change. */
export interface SuppressionRules {
  /** Changes with any of the others. */
  readonly version: string;
  /** Whom a complaint binds: the tenant whose mail was complained about, or all. */
  readonly complaintScope: 'tenant' | 'all';
  /**
   * Soft bounces say little one by one: `countMin` of them, on `daysMin` different days (UTC) within `withinMs`, keep the
   * address from being mailed for `forMs` after the last one.
   */
  readonly soft: {
    readonly countMin: number;
    readonly daysMin: number;
    readonly withinMs: number;
    readonly forMs: number;
  };
}

/** Changes whenever the same events could be judged otherwise under the same thresholds. */
const SUPPRESSION_RULES_VERSION = '1';
const SOFT: SuppressionRules['soft'] = {
  countMin: EVIDENCE_PER_GROUND_MAX,
  daysMin: 3,
  withinMs: 30 * DAY_MS,
  forMs: 30 * DAY_MS,
};

/**
 * The rules that follow from some choices. Their version holds every threshold, in the order of `SuppressionRules` and in
 * days; values only, because each of millions of rows may repeat it.
 */
export function suppressionRules({
  complaintScope = 'tenant',
  softBounces = SOFT.countMin,
}: Pick<ReputationOverrides, 'complaintScope' | 'softBounces'> = {}): SuppressionRules {
  const soft = { ...SOFT, countMin: softBounces, daysMin: Math.min(softBounces, SOFT.daysMin) };
  const values = [complaintScope, soft.countMin, soft.daysMin, soft.withinMs / DAY_MS, soft.forMs / DAY_MS];
  return { version: [SUPPRESSION_RULES_VERSION, ...values].join('/'), complaintScope, soft };
}

export const SUPPRESSION_RULES: SuppressionRules = suppressionRules();

/** Rows that were written before evidence named its severity are read by its kind. */
const severityOf = (evidence: Evidence): SuppressionSeverity | null => {
  if (evidence.severity !== 'unknown') return evidence.severity;
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

const isLifting = ({ kind }: Evidence): boolean => kind === 'suppression_removed' || kind === 'erased';

type Scope = Pick<Evidence, 'tenant' | 'type'>;

const includes = (wide: Scope, narrow: Scope): boolean =>
  (wide.tenant === null || wide.tenant === narrow.tenant) && (wide.type === null || wide.type === narrow.type);

/** Does it say anything about this mail? Nobody unsubscribes from password resets by leaving a mailing list. */
function concerns(evidence: Evidence, tenant: string, type: EmailType): boolean {
  if (evidence.tenant !== null && evidence.tenant !== tenant) return false;
  if (evidence.type !== null) return evidence.type === type;
  return severityOf(evidence) !== 'unsubscribe' || type !== 'transactional';
}

/** The strongest ground not to send this mail; null where there is none. */
export function groundFor(row: Suppression, tenant: string, type: EmailType, now: Millis): Evidence | null {
  const lifted = row.evidence.filter((evidence) => isLifting(evidence) && concerns(evidence, tenant, type));
  const liftedAt = Math.max(Number.NEGATIVE_INFINITY, ...lifted.map(({ at }) => at));
  const ground = row.evidence.find(
    (evidence) =>
      severityOf(evidence) !== null &&
      evidence.binds &&
      evidence.at > liftedAt &&
      (evidence.until === null || evidence.until > now) &&
      concerns(evidence, tenant, type),
  );
  return ground ?? null;
}

/** Does the row keep this mail from being sent? Grounds of one tenant or type bind only those. */
export function suppresses(row: Suppression, tenant: string, type: EmailType, now: Millis): boolean {
  if (!row.active || (row.until !== null && row.until <= now)) return false;
  if (!includes(row, { tenant, type })) return false;
  return row.evidence.length === 0 || groundFor(row, tenant, type, now) !== null;
}

/** For the result of a suppressed mail: which event, which rule, who and why. */
export function explainSuppression(row: Suppression, tenant: string, type: EmailType, now: Millis): string {
  const ground = groundFor(row, tenant, type, now);
  if (!ground) return row.severity;
  const { kind, eventId, at, class: found, ruleVersion, who, why } = ground;
  const facts = [
    `${kind} ${new Date(at).toISOString()}`,
    found === null ? null : `class ${found}`,
    ruleVersion === null ? null : `rules ${ruleVersion}`,
    who === null ? null : `by ${who}`,
    why === null ? null : `because ${why}`,
    `event ${eventId}`,
  ];
  return `${severityOf(ground)}: ${facts.filter((fact) => fact !== null).join(', ')}`;
}

/**
 * The row as one tenant may know it: what concerns its mail, and nothing of what others said. A removal for one tenant
 * leaves the grounds of all in the row; for that tenant they are gone.
 */
export function rowFor(row: Suppression, tenant: string): Suppression {
  if (row.evidence.length === 0) return row;
  const own = row.evidence.filter((evidence) => evidence.tenant === null || evidence.tenant === tenant);
  const lifting = own.filter(isLifting);
  const isLifted = ({ type, at }: Evidence): boolean =>
    lifting.some((one) => one.at >= at && (one.type === null || one.type === type));
  const grounds = own.filter((evidence) => !isLifting(evidence) && !isLifted(evidence));
  return summarised(row.subject, grounds, lifting);
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
  const [leftText, rightText] = [JSON.stringify(asTold(left)), JSON.stringify(asTold(right))];
  return leftText < rightText ? -1 : Number(leftText > rightText);
}

/** Without what the row itself says about it. */
const asTold = (evidence: Evidence): Evidence => ({ ...evidence, binds: true, until: null });

const scopeOf = ({ tenant, type }: Scope): string => JSON.stringify([tenant, type]);

/** In the order of the list; the groups in that of their first member. */
function grouped(all: readonly Evidence[]): readonly (readonly Evidence[])[] {
  const groups = new Map<string, Evidence[]>();
  for (const evidence of all) {
    const scope = scopeOf(evidence);
    const group = groups.get(scope);
    if (group) group.push(evidence);
    else groups.set(scope, [evidence]);
  }
  return [...groups].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, group]) => group);
}

/** Soft bounces bind together or not at all, and then for a while. */
function bindSoft(group: readonly Evidence[], { soft }: SuppressionRules): readonly Evidence[] {
  const [newest] = group;
  const counted = group.filter(({ at }) => newest !== undefined && newest.at - at <= soft.withinMs);
  const days = new Set(counted.map(({ at }) => Math.floor(at / DAY_MS)));
  const binds = counted.length >= soft.countMin && days.size >= soft.daysMin;
  return group.map((evidence) => ({
    ...evidence,
    binds: binds && evidence === newest,
    until: binds && evidence === newest ? evidence.at + soft.forMs : null,
  }));
}

/**
 * Merges evidence into a row. Commutative, associative and idempotent: any order and any duplication of the same events
 * gives the same row, byte for byte.
 *
 * A removal is evidence too: it takes back whatever its scope holds that happened up to its own time, also what arrives
 * only later. The row keeps the newest removal of each scope and, per severity and scope, the newest evidence after it;
 * what a removal took back is in the log. Under a tenant's own subject, all evidence is that tenant's.
 */
export function addEvidence(
  row: Suppression,
  added: Evidence,
  rules: SuppressionRules = SUPPRESSION_RULES,
): Suppression {
  const tenant = tenantIn(row.subject);
  const all = [...row.evidence, added].map((one) => (tenant === null ? one : { ...one, tenant }));
  const sorted = all.sort(newestFirst);
  const seen = new Set<string>();
  const distinct = sorted.filter(({ eventId }) => !seen.has(eventId) && seen.add(eventId));
  const newestLifting = grouped(distinct.filter(isLifting)).map(([newest]) => newest as Evidence);
  const lifting = newestLifting.filter(
    (one) => !newestLifting.some((other) => other !== one && includes(other, one) && other.at >= one.at),
  );
  const alive = distinct.filter(
    (evidence) =>
      severityOf(evidence) !== null && !lifting.some((one) => one.at >= evidence.at && includes(one, evidence)),
  );
  const grounds = BY_STRENGTH.flatMap((severity) =>
    grouped(alive.filter((evidence) => severityOf(evidence) === severity)).flatMap((group) => {
      const kept = group.slice(0, EVIDENCE_PER_GROUND_MAX);
      return severity === 'soft_bounces' ? bindSoft(kept, rules) : kept;
    }),
  );
  return summarised(row.subject, grounds, lifting);
}

/** The row's own fields follow from its evidence: what holds for somebody, and how far. */
function summarised(subject: string, grounds: readonly Evidence[], lifting: readonly Evidence[]): Suppression {
  const binding = grounds.filter(({ binds }) => binds);
  const [strongest] = binding;
  const severity = strongest ? (severityOf(strongest) ?? 'unknown') : 'unknown';
  const times = binding.filter((evidence) => severityOf(evidence) === severity).map(({ at }) => at);
  const ends = binding.map(({ until }) => until);
  const scopes = new Set(binding.map(scopeOf));
  return {
    subject,
    active: strongest !== undefined,
    severity,
    since: strongest ? Math.min(...times) : Math.max(0, ...lifting.map(({ at }) => at)),
    until: strongest && !ends.includes(null) ? Math.max(...(ends as number[])) : null,
    tenant: strongest && scopes.size === 1 ? strongest.tenant : tenantIn(subject),
    type: strongest && scopes.size === 1 ? strongest.type : null,
    evidence: [...grounds, ...lifting],
  };
}
