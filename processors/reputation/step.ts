import type { Evidence, ReputationSignal, Suppression } from '../../src/contracts/generated.ts';
import type { classify } from '../../src/domain/classification.ts';
import { addEvidence, recipientIn } from '../../src/domain/suppression.ts';
import type { Millis } from '../../src/domain/time.ts';

/** Answers what a bounce means: the rules of this version, or others in a replay that asks "what if". */
export type Classify = typeof classify;

/**
 * What a signal says about its recipient; null for what suppresses nobody. Bounces are judged by their reply, so that a
 * replay with other rules gives another history. Under the same rules the worker's verdict holds where it differs: it
 * knew at which stage the refusal came.
 */
function evidenceIn(signal: ReputationSignal, at: Millis, judge: Classify): Evidence | null {
  const { eventId, kind, who, why } = signal;
  if (kind === 'suppression_added' || kind === 'suppression_removed') {
    return { eventId, kind, at, class: null, ruleVersion: null, who, why };
  }
  if (kind !== 'bounced') return null;
  const { smtpCode, enhancedCode, reply } = signal;
  const found = judge({ smtpCode, enhancedCode, text: reply ?? '', stage: null });
  const overruled = signal.ruleVersion === found.ruleVersion && signal.class !== found.class;
  if (!found.suppress || overruled) return null;
  return { eventId, kind, at, class: found.class, ruleVersion: found.ruleVersion, who: null, why: found.why };
}

/** Folds one signal into the row of its recipient; answers the same row where it says nothing new. */
export function foldSuppression(
  row: Suppression,
  signal: ReputationSignal,
  appendedAt: Millis,
  judge: Classify,
): Suppression {
  if (recipientIn(row.subject) === null) return row;
  // Law 7: event time, but no event can have happened after it was written down.
  const evidence = evidenceIn(signal, Math.min(signal.at, appendedAt), judge);
  if (evidence === null) return row;
  const next = addEvidence(row, evidence);
  return JSON.stringify(next) === JSON.stringify(row) ? row : next;
}
