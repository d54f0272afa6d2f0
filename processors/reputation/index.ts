import type { ReputationSignal, Suppression } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import { BOUNCE_RULES_VERSION } from '../../src/domain/bounce-rules.ts';
import { emptySuppression, SUPPRESSION_RULES } from '../../src/domain/suppression.ts';
import type { Processor } from '../../src/runtime/processor.ts';
import { foldSuppression, RECIPIENT_RULES, type RecipientRules } from './step.ts';

/** Consumer group of the reputation processors. */
export const REPUTATION_GROUP = 'postlane.reputation';

/** Changes whenever the same log could give other rows. */
const VERSION = `2/${SUPPRESSION_RULES.version}/${BOUNCE_RULES_VERSION}`;

/**
 * Suppressions as a pure fold over `email.reputation`: any order and any duplication of the same signals gives the same
 * rows. A replay may pass other rules.
 */
export const suppressionProcessor = (
  rules: RecipientRules = RECIPIENT_RULES,
): Processor<Suppression, ReputationSignal> => ({
  name: 'reputation',
  version: VERSION,
  input: topics.reputation,
  table: topics.suppressions,
  initial: emptySuppression,
  step: (row, { value, at }) => ({ state: foldSuppression(row, value, at, rules), outputs: [] }),
});
