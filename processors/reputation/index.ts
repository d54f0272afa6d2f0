import type { ReputationSignal, ReputationState, Suppression } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import { BOUNCE_RULES_VERSION } from '../../src/domain/bounce-rules.ts';
import { classify } from '../../src/domain/classification.ts';
import { editionPrefix } from '../../src/domain/edition.ts';
import { emptyState } from '../../src/domain/identity-state.ts';
import { identityRules } from '../../src/domain/reputation-rules.ts';
import { emptySuppression, recipientIn, SUPPRESSION_RULES } from '../../src/domain/suppression.ts';
import type { Codec } from '../../src/runtime/codec.ts';
import { joinedDefinition, joinedFold } from '../../src/runtime/joined-folds.ts';
import type { Task } from '../../src/runtime/ports.ts';
import { emit, type Fold, type Output, type Processor, type StreamDefinition } from '../../src/runtime/processor.ts';
import { type TableStates, tableDefinition, tableFold } from '../../src/runtime/table-fold.ts';
import { foldIdentity, foldSuppression, type RecipientRules, type ReputationRules } from './step.ts';

/** Consumer group of the reputation processors. */
export const REPUTATION_GROUP = 'postlane.reputation';

/** Group of those that fold one edition of the tables. */
export const reputationGroup = (edition: number): string =>
  edition === 0 ? REPUTATION_GROUP : `${REPUTATION_GROUP}.g${edition}`;

/** Changes whenever the same log could give other rows under the same rules. */
const VERSION = '2';

/** Today's rules, where the configuration says nothing else. */
export const REPUTATION_RULES: ReputationRules = {
  judge: classify,
  suppression: SUPPRESSION_RULES,
  identity: identityRules(),
};

const NOTHING: readonly Output[] = [];

const versionOf = ({ suppression, identity }: ReputationRules): string =>
  `${VERSION}/${suppression.version}/${BOUNCE_RULES_VERSION}/${identity.version}`;

/**
 * Suppressions as a pure fold over the signals about recipients: any order and any duplication of them gives the same
 * rows. They act at once.
 */
export const suppressionProcessor = (
  rules: RecipientRules = REPUTATION_RULES,
): Processor<Suppression, ReputationSignal> => ({
  name: 'suppressions',
  version: `${VERSION}/${rules.suppression.version}/${BOUNCE_RULES_VERSION}`,
  input: topics.reputation,
  table: topics.suppressions,
  initial: emptySuppression,
  step: (row, { value, at }) => ({ state: foldSuppression(row, value, at, rules), outputs: [] }),
});

/**
 * Scores and allowances as a pure fold over the signals about identities: judged by closed minutes only, so that any order
 * within the lateness bound, and any copies within it, give the same rows.
 */
export const identityProcessor = (
  rules: ReputationRules = REPUTATION_RULES,
): Processor<ReputationState, ReputationSignal> => ({
  name: 'scores',
  version: versionOf(rules),
  input: topics.reputation,
  table: topics.reputationState,
  rows: [topics.scores, topics.allowances],
  initial: emptyState,
  step(before, { value, at }) {
    const { state, score, allowance } = foldIdentity(before, value, at, rules);
    if (!score && !allowance) return { state, outputs: NOTHING };
    const outputs: Output[] = [];
    if (score) outputs.push(emit(topics.scores, score.subject, score) as Output);
    if (allowance) outputs.push(emit(topics.allowances, allowance.subject, allowance) as Output);
    return { state, outputs };
  },
});

export interface ReputationTables {
  readonly suppressions: TableStates<Suppression>;
  readonly identities: TableStates<ReputationState>;
}

/** Is the signal about a recipient? All others are about identities. */
export const isAboutRecipient = (subject: string): boolean => recipientIn(subject) !== null;

/** What is folded for one task whose tables are at hand: production opens it after a restore, a replay as it is. */
export const reputationFold = (
  tables: ReputationTables,
  codec: Codec,
  rules: ReputationRules,
  task: Task,
): Fold<ReputationSignal> =>
  joinedFold<ReputationSignal>(
    [
      tableFold(suppressionProcessor(rules), tables.suppressions, codec, task),
      tableFold(identityProcessor(rules), tables.identities, codec, task),
    ],
    ({ key }) => (isAboutRecipient(key) ? 0 : 1),
  );

/** `email.reputation` → suppressions, scores and allowances. */
export const reputationDefinition = (
  tables: ReputationTables,
  codec: Codec,
  rules: ReputationRules = REPUTATION_RULES,
  edition = 0,
): StreamDefinition<ReputationSignal> =>
  joinedDefinition<ReputationSignal>(
    'reputation',
    versionOf(rules),
    [
      tableDefinition(suppressionProcessor(rules), tables.suppressions, codec, editionPrefix(edition)),
      tableDefinition(identityProcessor(rules), tables.identities, codec, editionPrefix(edition)),
    ],
    ({ key }) => (isAboutRecipient(key) ? 0 : 1),
  );
