import { join, resolve } from 'node:path';
import type { Config } from '../config/types.ts';
import type { DkimKey } from '../domain/policy.ts';
import { systemClock } from '../host/clock.ts';
import { replaceFile } from '../infra/replace-file.ts';
import { withSecrets } from '../secrets/open.ts';
import { dkimRecord, generateDkimKey, signingKey } from '../smtp/dkim.ts';

/** A key that exists: where its private half is, and the record of its public half. */
export interface MadeKey {
  readonly privateKey: string;
  readonly record: string;
}

export interface WantedKey {
  readonly domain: string;
  readonly selector: string;
  readonly algorithm: DkimKey['algorithm'];
  /** Directory; default: that of our own keys. */
  readonly store: string | undefined;
}

/** Makes a key pair and writes the private half into a file that only its owner can read. */
export async function makeKey(config: Config, { domain, selector, algorithm, store }: WantedKey): Promise<MadeKey> {
  const path = resolve(store ?? join(config.stateDir, 'keys', domain), `${selector}.pem`);
  const { privateKey, record } = await generateDkimKey(algorithm);
  await replaceFile(path, privateKey);
  return { privateKey: `file:${path}`, record };
}

/** Takes a key that is kept elsewhere. Throws CONFIG_INVALID where it is none of the algorithm, or too weak. */
export async function readKey(
  config: Config,
  wanted: { readonly selector: string; readonly algorithm: DkimKey['algorithm']; readonly reference: string },
): Promise<MadeKey> {
  const pem = await withSecrets(config, systemClock, async (secrets) =>
    (await secrets.resolve(wanted.reference)).bytes(),
  );
  const { key } = signingKey(wanted.selector, wanted.algorithm, pem);
  return { privateKey: wanted.reference, record: dkimRecord(key) };
}
