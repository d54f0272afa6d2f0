import type { Evidence, ReputationSignal, ReputationState, Suppression } from '../../src/contracts/generated.ts';
import { type BounceClass, classify } from '../../src/domain/classification.ts';
import { identityIn } from '../../src/domain/identity.ts';
import { type Advanced, advance, count, type IdentityRules } from '../../src/domain/identity-state.ts';
import { type Counts, isDispleasure, isHeldAgainstSender, NO_COUNTS } from '../../src/domain/score.ts';
import {
  addEvidence,
  EVERY_TENANT,
  recipientIn,
  SUPPRESSION_RULES,
  type SuppressionRules,
} from '../../src/domain/suppression.ts';
import type { Millis } from '../../src/domain/time.ts';

/** All that is read of a signal beside the key of its record: a replay decodes nothing else. */
export const FIELDS_FOLDED = [
  'eventId',
  'kind',
  'at',
  'tenant',
  'type',
  'smtpCode',
  'enhancedCode',
  'reply',
  'class',
  'ruleVersion',
  'count',
  'authenticated',
  'who',
  'why',
  'until',
] as const satisfies readonly (keyof ReputationSignal)[];

/** A signal as the folds know it: what is not in the list cannot be read. */
export type FoldedSignal = Pick<ReputationSignal, (typeof FIELDS_FOLDED)[number]>;

/** Answers what a bounce means: the rules of this version, or others in a replay that asks "what if". */
export type Classify = typeof classify;

/** How a recipient's events are judged: today's rules, or others in a replay that asks "what if". */
export interface RecipientRules {
  readonly judge: Classify;
  readonly suppression: SuppressionRules;
}

export const RECIPIENT_RULES: RecipientRules = { judge: classify, suppression: SUPPRESSION_RULES };

/** What a signal says about its recipient; null for what suppresses nobody. */
function evidenceIn(signal: FoldedSignal, at: Millis, rules: RecipientRules): Evidence | null {
  const { eventId, kind, who, why } = signal;
  const type = signal.type === 'unknown' ? null : signal.type;
  const told: Evidence = {
    eventId,
    kind,
    at,
    class: null,
    ruleVersion: null,
    severity: 'unknown',
    binds: true,
    until: null,
    tenant: null,
    type: null,
    who,
    why,
  };
  const byOperator = { tenant: signal.tenant === EVERY_TENANT ? null : signal.tenant, type };
  if (kind === 'suppression_added') {
    // Histories that were recorded before there was such a field say nothing of an end.
    return { ...told, ...byOperator, severity: 'manual', until: signal.until ?? null };
  }
  if (kind === 'suppression_removed') return { ...told, ...byOperator };
  if (kind === 'erased') return told;
  // Whoever can send us a mail could suppress any address if a report counted that nothing binds to a mail of ours.
  if (!signal.authenticated) return null;
  const ruleVersion = rules.suppression.version;
  if (kind === 'complained') {
    const tenant = rules.suppression.complaintScope === 'all' ? null : signal.tenant;
    return { ...told, ruleVersion, severity: 'complaint', tenant };
  }
  if (kind === 'unsubscribed') return { ...told, ruleVersion, severity: 'unsubscribe', tenant: signal.tenant, type };
  return kind === 'bounced' ? bounceIn(signal, told, rules) : null;
}

/**
 * Bounces are judged by their reply, so that a replay with other rules gives another history. Under the same rules the
 * worker's verdict holds where it differs: it knew at which stage the refusal came.
 */
function bounceIn(signal: FoldedSignal, told: Evidence, { judge }: RecipientRules): Evidence | null {
  const { smtpCode, enhancedCode, reply } = signal;
  const found = judge({ smtpCode, enhancedCode, text: reply ?? '', stage: null });
  const overruled = signal.ruleVersion === found.ruleVersion && signal.class !== found.class;
  if (overruled || found.severity === 'none') return null;
  const severity = found.suppress ? 'hard_bounce' : 'soft_bounces';
  return { ...told, severity, class: found.class, ruleVersion: found.ruleVersion, who: null, why: found.why };
}

/** Folds one signal into the row of its recipient; answers the same row where it says nothing new. */
export function foldSuppression(
  row: Suppression,
  signal: FoldedSignal,
  appendedAt: Millis,
  rules: RecipientRules = RECIPIENT_RULES,
): Suppression {
  if (recipientIn(row.subject) === null) return row;
  // Law 7: event time, but no event can have happened after it was written down.
  const evidence = evidenceIn(signal, Math.min(signal.at, appendedAt), rules);
  if (evidence === null) return row;
  const next = addEvidence(row, evidence, rules.suppression);
  const isSame = next.evidence.length === row.evidence.length && JSON.stringify(next) === JSON.stringify(row);
  return isSame ? row : next;
}

/** What one mail counts. */
const ONE = {
  delivered: { ...NO_COUNTS, delivered: 1 },
  complained: { ...NO_COUNTS, complained: 1 },
  bounced: { ...NO_COUNTS, bounced: 1 },
  deferred: { ...NO_COUNTS, deferred: 1 },
} as const satisfies Readonly<Record<string, Counts>>;

/** What a signal counts for its identity; null for what counts nothing. */
function countsIn(signal: FoldedSignal, judge: Classify): Counts | null {
  if (!signal.authenticated) return null;
  switch (signal.kind) {
    case 'sent_counted':
      return { ...NO_COUNTS, sent: signal.count };
    case 'delivered':
      return ONE.delivered;
    case 'complained':
      return ONE.complained;
    case 'bounced':
      return isHeldAgainstSender(classIn(signal, judge)) ? ONE.bounced : null;
    case 'deferred':
      return isDispleasure(classIn(signal, judge)) ? ONE.deferred : null;
    default:
      return null;
  }
}

/** The class that the rules give the reply; under the same rules the worker's own, which knew the stage. */
function classIn(signal: FoldedSignal, judge: Classify): BounceClass {
  const { smtpCode, enhancedCode, reply } = signal;
  const found = judge({ smtpCode, enhancedCode, text: reply ?? '', stage: null });
  return signal.ruleVersion === found.ruleVersion && signal.class !== null
    ? (signal.class as BounceClass)
    : found.class;
}

/** How everything is judged: today's rules, or others in a replay. */
export interface ReputationRules extends RecipientRules {
  readonly identity: IdentityRules;
}

/**
 * Folds one signal into what is known of its identity: counts it, then closes what its time closes. Answers the same
 * state where it says nothing new.
 */
export function foldIdentity(
  before: ReputationState,
  signal: FoldedSignal,
  appendedAt: Millis,
  { judge, identity }: Pick<ReputationRules, 'judge' | 'identity'>,
): Advanced {
  const nothing: Advanced = { state: before, score: null, allowance: null };
  // Only a state that is new may be of a subject that is no identity: such a one is never kept.
  if (before.at === 0 && identityIn(before.subject) === null) return nothing;
  const at = Math.min(signal.at, appendedAt);
  if (signal.kind === 'ticked') return advance(before, at, identity);
  const counts = countsIn(signal, judge);
  if (counts === null) return nothing;
  return advance(count(before, at, signal.eventId, counts), at, identity);
}
