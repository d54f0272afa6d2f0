import type { IdentityRules } from './identity-state.ts';
import { murmur2 } from './partitioner.ts';
import { recoverScoreOf, SCORE_RULES, type ScoreRules } from './score.ts';
import { HOUR_MS, SECOND_MS } from './time.ts';
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
  const warming: WarmUpRules = { ...WARM_UP_RULES, ...warmUp, bounceRatioMax, complaintRatioMax, volumeMin };
  return { version: versionOf(scores, warming), score: scores, warmUp: warming };
}

/**
 * Names every threshold in force, by the names that `replay --thresholds` takes where it takes one: no value can change and
 * leave the version as it was. Sources that are warmed up may be many, and stand there as a hash.
 */
function versionOf(score: ScoreRules, warmUp: WarmUpRules): string {
  const named: Readonly<Record<keyof ScoreRules, string> & Record<keyof WarmUpRules, string>> = {
    bounceRatioMax: `bounce=${score.bounceRatioMax}`,
    complaintRatioMax: `complaint=${score.complaintRatioMax}`,
    action: `action=${score.action}`,
    throttleScore: `throttleScore=${score.throttleScore}`,
    recoverScore: `recoverScore=${Math.round(score.recoverScore * 1_000) / 1_000}`,
    volumeMin: `minVolume=${score.volumeMin}`,
    windowMs: `windowHours=${score.windowMs / HOUR_MS}`,
    latenessMs: `lateness=${score.latenessMs / SECOND_MS}s`,
    initialVolume: `initialVolume=${warmUp.initialVolume}`,
    dailyIncreaseRatio: `dailyIncrease=${warmUp.dailyIncreaseRatio}`,
    dailyIncreaseMax: `maxDailyIncrease=${warmUp.dailyIncreaseMax}`,
    sources: `warmUp=${sourcesText(warmUp.sources)}`,
  };
  return `${IDENTITY_RULES_VERSION}/${Object.values(named).join(',')}`;
}

function sourcesText(sources: readonly string[]): string {
  if (sources.length === 0) return 'none';
  const bytes = Buffer.from(JSON.stringify(sources.toSorted()));
  return `${sources.length}#${(murmur2(bytes) >>> 0).toString(16)}`;
}
