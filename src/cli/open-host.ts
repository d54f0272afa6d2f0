import type { Config, LogLevel } from '../config/types.ts';
import { systemClock } from '../host/clock.ts';
import type { Host } from '../host/host.ts';
import type { Telemetry } from '../runtime/ports.ts';
import { withSecrets } from '../secrets/open.ts';
import { ProcessTelemetry } from '../telemetry/telemetry.ts';

/** Logs and metrics of a process that does `role`. Stop it last. */
export async function openTelemetry(
  config: Config,
  role: string,
  level: LogLevel = config.logs.level,
): Promise<ProcessTelemetry> {
  const { addressKey } = config.logs;
  const key =
    addressKey === null
      ? null
      : await withSecrets(config, systemClock, async (secrets) => (await secrets.resolve(addressKey)).bytes());
  return new ProcessTelemetry({ role, level, addressKey: key });
}

/** Works with what a process opens once, and closes it. Its libraries are loaded only here: not every command needs them. */
export async function withHost<T>(
  config: Config,
  { telemetry, name }: { readonly telemetry: Telemetry; readonly name: string },
  work: (host: Host) => Promise<T>,
): Promise<T> {
  const { openHost } = await import('../host/host.ts');
  const host = await openHost(config, telemetry, name);
  try {
    return await work(host);
  } finally {
    await host.close();
  }
}
