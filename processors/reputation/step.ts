import type { Evidence, ReputationSignal, Suppression } from '../../src/contracts/generated.ts';
import { classify } from '../../src/domain/classification.ts';
import {
  addEvidence,
  EVERY_TENANT,
  recipientIn,
  SUPPRESSION_RULES,
  type SuppressionRules,
} from '../../src/domain/suppression.ts';
import type { Millis } from '../../src/domain/time.ts';

/** Answers what a bounce means: the rules of this version, or others in a replay that asks "what if". */
export type Classify = typeof classify;

/** How a recipient's events are judged: today's rules, or others in a replay that asks "what if". */
export interface RecipientRules {
  readonly judge: Classify;
  readonly suppression: SuppressionRules;
}

export const RECIPIENT_RULES: RecipientRules = { judge: classify, suppression: SUPPRESSION_RULES };

/** What a signal says about its recipient; null for what suppresses nobody. */
function evidenceIn(signal: ReputationSignal, at: Millis, rules: RecipientRules): Evidence | null {
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
  if (kind === 'suppression_added') return { ...told, ...byOperator, severity: 'manual' };
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
function bounceIn(signal: ReputationSignal, told: Evidence, { judge }: RecipientRules): Evidence | null {
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
  signal: ReputationSignal,
  appendedAt: Millis,
  rules: RecipientRules = RECIPIENT_RULES,
): Suppression {
  if (recipientIn(row.subject) === null) return row;
  // Law 7: event time, but no event can have happened after it was written down.
  const evidence = evidenceIn(signal, Math.min(signal.at, appendedAt), rules);
  if (evidence === null) return row;
  const next = addEvidence(row, evidence, rules.suppression);
  return JSON.stringify(next) === JSON.stringify(row) ? row : next;
}
