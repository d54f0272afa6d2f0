import type { Command } from 'commander';
import { secretReferencesOf } from '../../config/references.ts';
import type { Config } from '../../config/types.ts';
import { isPostlaneError } from '../../domain/error.ts';
import { shownReference } from '../../domain/secret-reference.ts';
import { recipientNamesIn } from '../../host/address-keys.ts';
import { systemClock } from '../../host/clock.ts';
import { withSecrets } from '../../secrets/open.ts';
import type { Secrets } from '../../secrets/secrets.ts';
import { configOf } from '../catalog.ts';
import type { CliContext } from '../context.ts';

/** What was found about one reference of the configuration; never the value. */
interface Finding {
  /** Where it stands in postlane.yaml. */
  readonly path: string;
  readonly reference: string;
  readonly ok: boolean;
  /** Why it cannot be had; null where it can. */
  readonly reason: string | null;
}

/** Adds `secrets check`. */
export function register(program: Command, context: CliContext): void {
  const secrets = program.command('secrets').description('the secrets that the configuration names');
  secrets
    .command('check')
    .summary('read every secret that the configuration names')
    .description(
      'Reads every secret that the configuration names, as roles do, and says which cannot be had and why. Shows no value. Ends with ' +
        'status 1 where one is missing.',
    )
    .option('--config <file>', 'configuration (default: postlane.yaml)')
    .option('--json', 'one JSON object per secret')
    .action(async (options: { config?: string; json?: boolean }) => {
      const config = configOf(context, options.config);
      const named = secretReferencesOf(config);
      const findings = await withSecrets(config, systemClock, (open) =>
        Promise.all(named.map(({ path, reference }) => look(open, config, path, reference))),
      );
      for (const finding of findings) context.print(`${options.json ? JSON.stringify(finding) : lineOf(finding)}\n`);
      const missing = findings.filter(({ ok }) => !ok).length;
      if (!options.json) context.print(`${findings.length} secrets, ${missing} cannot be had\n`);
      if (missing > 0) context.setExitStatus(1);
    });
}

async function look(secrets: Secrets, config: Config, path: string, reference: string): Promise<Finding> {
  const shown = shownReference(reference);
  try {
    await secrets.resolve(reference);
    // The one whose being no good would stop every role: the others have a value before.
    if (path === 'privacy.address_key') await recipientNamesIn(config, secrets);
    return { path, reference: shown, ok: true, reason: null };
  } catch (error) {
    if (!isPostlaneError(error, 'SECRET_UNAVAILABLE') && !isPostlaneError(error, 'CONFIG_INVALID')) throw error;
    return { path, reference: shown, ok: false, reason: String(error.facts.reason ?? error.facts.what) };
  }
}

const lineOf = ({ path, reference, ok, reason }: Finding): string =>
  ok ? `ok       ${path}  ${reference}` : `MISSING  ${path}  ${reference}  ${reason}`;
