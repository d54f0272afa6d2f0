import { isAbsolute, join, resolve } from 'node:path';
import type { Config } from '../config/types.ts';
import { PostlaneError } from '../domain/error.ts';
import type { DkimKey } from '../domain/policy.ts';
import { parseSecretReference, SECRET_SCHEMES } from '../domain/secret-reference.ts';
import { systemClock } from '../host/clock.ts';
import { withSecrets } from '../secrets/open.ts';
import { Secret } from '../secrets/secret.ts';
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
  /** Directory, or the beginning of a reference; default: the directory of our own keys. */
  readonly store: string | undefined;
}

/**
 * Makes a key pair and keeps the private half where `store` says, under its selector, through the secrets port: a file that
 * only its owner can read, Vault, or AWS Secrets Manager. It is read again as workers will read it. Throws CONFIG_INVALID for
 * a place where no key can be kept, SECRET_UNAVAILABLE where it is not kept, or there is one already.
 */
export async function makeKey(config: Config, { domain, selector, algorithm, store }: WantedKey): Promise<MadeKey> {
  const reference = placeOf(store ?? join(config.stateDir, 'keys', domain), selector);
  const { privateKey } = await generateDkimKey(algorithm);
  await withSecrets(config, systemClock, (secrets) => secrets.create(reference, Secret.of(privateKey)));
  return readKey(config, { selector, algorithm, reference });
}

/** Where the key of a selector is kept: `<directory>/<selector>.pem`, or `<reference>/<selector>`. */
function placeOf(store: string, selector: string): string {
  const scheme = SECRET_SCHEMES.find((one) => store.startsWith(`${one}:`));
  const directory = scheme === undefined ? store : scheme === 'file' ? store.slice('file:'.length) : null;
  if (directory !== null)
    return `file:${join(isAbsolute(directory) ? directory : resolve(directory), `${selector}.pem`)}`;
  const reference = `${store.replace(/\/+$/, '')}/${selector}`;
  const parsed = scheme === 'env' ? null : parseSecretReference(reference);
  if (parsed !== null && parsed.field === null && parsed.pinned === null) return reference;
  const what =
    scheme === 'env'
      ? 'environment variables cannot be written'
      : 'the selector is put behind it: it names neither field nor version';
  throw new PostlaneError('CONFIG_INVALID', {
    what: `no key can be kept in ${store}: ${what}`,
    remedy: 'name a directory, vault:MOUNT/PATH or aws-sm:NAME',
  });
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
