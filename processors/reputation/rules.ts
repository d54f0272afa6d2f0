import type { Config } from '../../src/config/types.ts';
import { classify } from '../../src/domain/classification.ts';
import type { ReputationOverrides } from '../../src/domain/reputation-overrides.ts';
import { identityRules } from '../../src/domain/reputation-rules.ts';
import { suppressionRules } from '../../src/domain/suppression.ts';
import { HOUR_MS } from '../../src/domain/time.ts';
import type { ReputationRules } from './step.ts';

/** How reputation is judged, as the configuration has it. */
export function rulesOf(
  { reputation, router }: Pick<Config, 'reputation' | 'router'>,
  over: ReputationOverrides = {},
): ReputationRules {
  const { warmUp, thresholds, latenessMs } = reputation;
  const sources = warmUp.enabled ? warmUp.sources : [];
  return {
    judge: classify,
    suppression: suppressionRules({
      complaintScope: over.complaintScope ?? reputation.complaintScope,
      softBounces: over.softBounces,
    }),
    identity: identityRules({
      score: {
        bounceRatioMax: over.bounce ?? thresholds.bounceRatio,
        complaintRatioMax: over.complaint ?? thresholds.complaintRatio,
        action: over.action ?? reputation.action,
        throttleScore: over.throttleScore ?? router.throttleScore,
        volumeMin: over.minVolume ?? reputation.volumeMin,
        windowMs: over.windowHours === undefined ? reputation.windowMs : over.windowHours * HOUR_MS,
        latenessMs,
      },
      warmUp: {
        initialVolume: over.initialVolume ?? warmUp.initialVolume,
        dailyIncreaseRatio: over.dailyIncrease ?? warmUp.dailyIncreaseRatio,
        dailyIncreaseMax: over.maxDailyIncrease ?? warmUp.dailyIncreaseMax,
        sources,
      },
    }),
  };
}
