import type { IdentityRules } from './identity-state.ts';
import { recoverScoreOf, SCORE_RULES, type ScoreRules } from './score.ts';
import { WARM_UP_RULES, type WarmUpRules } from './warm-up.ts';

/** Changes whenever the same figures could be judged otherwise under the same thresholds. */
const IDENTITY_RULES_VERSION = '1';

/** What the operator says about identities; the rest is as it comes. */
export interface IdentityChoices {
  readonly score?: Partial<Omit<ScoreRules, 'recoverScore'>>;
  readonly warmUp?: Partial<Omit<WarmUpRules, 'bounceRatioMax' | 'complaintRatioMax' | 'volumeMin'>>;
}

/** The rules that follow from some choices: warm-up has the thresholds of the scores. */
export function identityRules({ score, warmUp }: IdentityChoices = {}): IdentityRules {
  const chosen = { ...SCORE_RULES, ...score };
  const scores: ScoreRules = { ...chosen, recoverScore: recoverScoreOf(chosen.throttleScore) };
  const { bounceRatioMax, complaintRatioMax, volumeMin } = scores;
  return {
    version: `${IDENTITY_RULES_VERSION}/bounce ${bounceRatioMax}/complaint ${complaintRatioMax}/${scores.action}`,
    score: scores,
    warmUp: { ...WARM_UP_RULES, ...warmUp, bounceRatioMax, complaintRatioMax, volumeMin },
  };
}
