import type { Config } from '../config/types.ts';
import type { Telemetry } from '../runtime/ports.ts';
import { type Followed, follow } from '../secrets/follow.ts';
import type { Secrets } from '../secrets/secrets.ts';
import { VerpSigner } from '../smtp/verp-signer.ts';
import { keyIn } from './region-key.ts';

/** Return paths of keys that were replaced while the process ran are still ours, up to so many keys back. */
const KEYS_MAX = 8;

export interface VerpSurroundings {
  readonly config: Pick<Config, 'verp'> & Partial<Pick<Config, 'region'>>;
  readonly secrets: Secrets;
  readonly telemetry: Telemetry;
}

/**
 * What signs our return paths and recognises them; null where they carry no token. The secret holds one key per line: the first
 * signs, all of them recognise. Follows rotations. Throws what resolving the key throws.
 */
export async function openVerpSigner({
  config,
  secrets,
  telemetry,
}: VerpSurroundings): Promise<Followed<VerpSigner> | null> {
  const { key } = config.verp;
  if (key === null) return null;
  let keys: readonly Buffer[] = [];
  return follow({
    secrets,
    telemetry,
    what: 'verp',
    references: [key],
    async build() {
      const written = (await secrets.resolve(key)).lines().map((line) => keyIn(config.region, line.bytes()));
      const replaced = keys.filter((old) => !written.some((one) => one.equals(old)));
      const all = [...written, ...replaced].slice(0, KEYS_MAX);
      const signer = new VerpSigner(all);
      keys = all;
      return signer;
    },
  });
}
