import type { Config } from '../../src/config/types.ts';
import { classify } from '../../src/domain/classification.ts';
import { identityRules } from '../../src/domain/reputation-rules.ts';
import { SUPPRESSION_RULES } from '../../src/domain/suppression.ts';
import type { ReputationRules } from './step.ts';

/** How reputation is judged, as the configuration has it. */
export function rulesOf({ reputation, router }: Pick<Config, 'reputation' | 'router'>): ReputationRules {
  const { warmUp, thresholds, action, volumeMin, windowMs, latenessMs, complaintScope } = reputation;
  const { initialVolume, dailyIncreaseRatio, dailyIncreaseMax } = warmUp;
  const sources = warmUp.enabled ? warmUp.sources : [];
  return {
    judge: classify,
    suppression: {
      ...SUPPRESSION_RULES,
      version: `${SUPPRESSION_RULES.version}/${complaintScope}`,
      complaintScope,
    },
    identity: identityRules({
      score: {
        bounceRatioMax: thresholds.bounceRatio,
        complaintRatioMax: thresholds.complaintRatio,
        action,
        throttleScore: router.throttleScore,
        volumeMin,
        windowMs,
        latenessMs,
      },
      warmUp: { initialVolume, dailyIncreaseRatio, dailyIncreaseMax, sources },
    }),
  };
}
