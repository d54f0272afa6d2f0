import type { RecipientNames } from '../domain/recipient-names.ts';
import { AddressKeys } from '../host/address-keys.ts';
import { systemClock } from '../host/clock.ts';
import type { Telemetry } from '../runtime/ports.ts';
import { withSecrets } from '../secrets/open.ts';
import { runningConfigOf } from './connection.ts';
import type { CliContext } from './context.ts';
import type { PipelineAccess } from './open-pipeline.ts';

/** Nobody scrapes a command. */
const SILENT: Telemetry = { count() {}, gauge() {}, observe() {}, log() {} };

/**
 * What stands for recipients in the records of a pipeline that a command looks into. `pipeline` must encode
 * `topics.addressKeys`. Throws CONFIG_INVALID where records were hashed by a key that the configuration does not give.
 */
export async function openNames(
  { kafka, codec }: PipelineAccess,
  context: CliContext,
  file: string | undefined,
): Promise<RecipientNames> {
  const config = await runningConfigOf(context, file);
  const keys = await withSecrets(config, systemClock, (secrets) =>
    AddressKeys.open({ config, secrets, kafka, codec, clock: systemClock, telemetry: SILENT }),
  );
  await keys.stop();
  return keys.names;
}
