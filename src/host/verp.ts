import type { Config } from '../config/types.ts';
import { resolveSecret } from '../secrets/resolve.ts';
import { VerpSigner } from '../smtp/verp-signer.ts';

/** What recognises our return paths; null where they carry no token. Throws what resolving the key throws. */
export async function openVerpSigner({ verp }: Config): Promise<VerpSigner | null> {
  return verp.key === null ? null : new VerpSigner([Buffer.from(await resolveSecret(verp.key))]);
}
