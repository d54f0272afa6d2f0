import { BOUNCE_RULES } from './bounce-rules.ts';
import { type BounceRule, classify } from './classification.ts';
import { readRefusal } from './refusal.ts';

/** Something that is wrong with a rule. */
export interface RuleProblem {
  readonly rule: string;
  readonly problem: string;
}

const REASON_LENGTH_MIN = 20;

function problemsOfSample(rule: BounceRule, sample: string, rules: readonly BounceRule[]): RuleProblem[] {
  const alone = classify(readRefusal(sample), [rule]);
  if (alone.ruleId !== rule.id) return [{ rule: rule.id, problem: `does not match its own sample "${sample}"` }];
  const first = classify(readRefusal(sample), rules);
  if (first.ruleId === rule.id) return [];
  return [{ rule: rule.id, problem: `"${first.ruleId}" comes first and takes its sample "${sample}"` }];
}

/**
 * Checks rules as data: each has a name of its own, a reason, something that it matches, and samples that it gets. A rule that
 * no reply can reach has no sample that proves otherwise.
 */
export function checkRules(rules: readonly BounceRule[] = BOUNCE_RULES): RuleProblem[] {
  const seen = new Set<string>();
  return rules.flatMap((rule) => {
    const problems: RuleProblem[] = [];
    const add = (problem: string) => problems.push({ rule: rule.id, problem });
    if (seen.has(rule.id)) add('there is another rule of this name');
    seen.add(rule.id);
    if (rule.why.trim().length < REASON_LENGTH_MIN) add('does not say why');
    if (!rule.code && !rule.enhanced && !rule.text) add('matches everything: no rule after it is reachable');
    if (rule.suppress === false && rule.severity !== 'hard')
      add('need not say that it does not suppress: it is not hard');
    if (rule.samples.length === 0) add('has no sample that shows that it is reachable');
    return [...problems, ...rule.samples.flatMap((sample) => problemsOfSample(rule, sample, rules))];
  });
}
