import type { Command } from 'commander';
import { BOUNCE_RULES, BOUNCE_RULES_VERSION } from '../../domain/bounce-rules.ts';
import { classify } from '../../domain/classification.ts';
import { readRefusal } from '../../domain/refusal.ts';
import { checkRules } from '../../domain/rule-check.ts';
import type { CliContext } from '../context.ts';
import { visible } from '../visible.ts';

interface ExplainOptions {
  readonly stage?: string;
  readonly json?: true;
}

/** `postlane rules`: what refusals of mail servers mean, and why. */
export function register(program: Command, context: CliContext): void {
  const rules = program.command('rules').description('check and explain the rules by which refusals are classified');
  rules
    .command('check')
    .description(
      'check that every rule says why, is reachable, and gets its own samples; ends with 1 where one does not',
    )
    .action(() => {
      const problems = checkRules();
      for (const { rule, problem } of problems) context.tell(`${rule}: ${problem}`);
      const samples = BOUNCE_RULES.reduce((sum, rule) => sum + rule.samples.length, 0);
      context.print(
        `version ${BOUNCE_RULES_VERSION}: ${BOUNCE_RULES.length} rules, ${samples} samples, ${problems.length} problems\n`,
      );
      if (problems.length > 0) context.setExitStatus(1);
    });
  rules
    .command('explain')
    .description('say which rule fires for the reply of a mail server, and why')
    .argument('<reply>', "such as '550 5.1.1 User unknown'")
    .option('--stage <stage>', 'where in the conversation it came: mail, rcpt, data, dot …')
    .option('--json', 'as one JSON object')
    .action((reply: string, options: ExplainOptions) => {
      const refusal = readRefusal(reply, options.stage ?? null);
      const found = classify(refusal);
      const { ruleId, ruleVersion, why, permanent, suppress, severity, blames } = found;
      if (options.json) {
        const shown = {
          ...refusal,
          class: found.class,
          severity,
          blames,
          permanent,
          suppress,
          rule: ruleId,
          ruleVersion,
          why,
        };
        context.print(`${JSON.stringify(shown)}\n`);
        return;
      }
      context.print(
        `${ruleId} (version ${ruleVersion}): ${found.class}, ${permanent ? 'final' : 'to be tried again'}, ` +
          `severity ${severity}, blames ${blames}, ${suppress ? 'suppresses the address' : 'suppresses nobody'}\n` +
          `  ${visible(why)}\n`,
      );
    });
}
