import type { Command } from 'commander';
import { topics } from '../contracts/topic.ts';
import { PostlaneError } from '../domain/error.ts';
import { CommandTables } from './command-tables.ts';
import type { CliContext } from './context.ts';

/** `postlane suppressions forget-key <id>`: the way on for who has lost a key of addresses. */
export function register(suppressions: Command, context: CliContext): void {
  suppressions
    .command('forget-key')
    .summary('go on without a key of addresses that is lost')
    .description(
      'Takes a key out of email.address-keys, so that roles start without it. Whoever is suppressed under its hashes is MAILED AGAIN: ' +
        'only for a key that is lost. What was suppressed has to be imported anew before. Refused without --mail-them-again.',
    )
    .argument('<id>', 'the six digits behind h1: in its hashes, as the refusal to start names them')
    .option('--mail-them-again', 'that is meant')
    .option('--config <file>', 'configuration file (default: POSTLANE_CONFIG, then ./postlane.yaml)')
    .action(async (id: string, options: { readonly mailThemAgain?: true; readonly config?: string }) => {
      if (options.mailThemAgain === undefined) {
        const what =
          'whoever is suppressed under this key would be mailed again: --mail-them-again says that it is meant';
        throw new PostlaneError('CONFIG_INVALID', { what });
      }
      const tables = await CommandTables.open(context, options.config, 'suppressions', [topics.addressKeys]);
      const rows = await tables.rows(topics.addressKeys, 'leave out');
      if (!rows.has(id)) {
        throw new PostlaneError('CONFIG_INVALID', {
          what: `no recipient was hashed by a key ${id}`,
          keys: [...rows.keys()],
        });
      }
      await tables.put(topics.addressKeys, id, null);
      context.tell(`forgotten: ${id}`);
    });
}
