import type { Command } from 'commander';
import { topics } from '../../contracts/topic.ts';
import { identityIn } from '../../domain/identity.ts';
import { explainDay } from '../../domain/warm-up.ts';
import type { CliContext } from '../context.ts';
import { TableRows } from '../table-rows.ts';

interface ShowOptions {
  readonly config?: string;
  readonly json?: true;
}

const CONFIG_OPTION = [
  '--config <file>',
  'configuration file (default: POSTLANE_CONFIG, then ./postlane.yaml)',
] as const;
const timeOf = (at: number): string => new Date(at).toISOString();

/** `postlane reputation show`: how providers regard an identity. */
export function register(program: Command, context: CliContext): void {
  program
    .command('reputation')
    .summary('show how providers regard sources, sender domains, tenants and campaigns')
    .command('show')
    .summary('show the scores of an identity, and what changed them')
    .argument('<identity>', 'a name, or kind:name, such as domain:shop.example; at one provider with |google behind it')
    .option('--json', 'one JSON object per row')
    .option(...CONFIG_OPTION)
    .action(async (identity: string, options: ShowOptions) => {
      const table = await TableRows.open(context, options.config);
      const rows = await table.all(topics.scores, (subject) => isAbout(subject, identity));
      if (options.json) for (const row of rows) context.print(`${JSON.stringify(row)}\n`);
      else if (rows.length === 0) context.print(`${identity}: nothing is held against it\n`);
      else {
        for (const { subject, score, action, ruleVersion, changes } of rows) {
          context.print(`${subject}: score ${score}, action ${action} (rules ${ruleVersion})\n`);
          for (const one of changes) {
            const figures = `${one.sent} sent, ${one.bounced} bounced, ${one.complained} complained, ${one.deferred} deferred`;
            context.print(`  ${timeOf(one.at)}  score ${one.score}, ${one.action}: ${figures}\n`);
          }
        }
      }
    });
}

function isAbout(subject: string, wanted: string): boolean {
  const identity = identityIn(subject);
  if (identity === null) return false;
  const { kind, name, provider } = identity;
  return (
    [name, `${kind}:${name}`].some((text) => text === wanted || `${text}|${provider}` === wanted) || subject === wanted
  );
}

/** `postlane warmup status`: where warm-ups stand. */
export function registerWarmUp(program: Command, context: CliContext): void {
  program
    .command('warmup')
    .summary('show where the warm-up of new sources stands')
    .command('status')
    .summary('show what new sources may send to each provider, and why')
    .option('--json', 'one JSON object per row')
    .option(...CONFIG_OPTION)
    .action(async (options: ShowOptions) => {
      const table = await TableRows.open(context, options.config);
      const rows = await table.all(topics.allowances, () => true);
      if (options.json) for (const row of rows) context.print(`${JSON.stringify(row)}\n`);
      else if (rows.length === 0) context.print('no source has begun its warm-up\n');
      else {
        for (const { subject, volume, days } of rows) {
          const [yesterday] = days;
          context.print(`${subject}: ${volume} mails a day${yesterday ? `; ${explainDay(yesterday)}` : ''}\n`);
        }
      }
    });
}
