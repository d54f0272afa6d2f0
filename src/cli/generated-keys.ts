import { randomBytes } from 'node:crypto';
import { access } from 'node:fs/promises';
import { isAbsolute, relative, resolve } from 'node:path';
import type { Config } from '../config/types.ts';
import { systemClock } from '../host/clock.ts';
import { replaceFile } from '../infra/replace-file.ts';
import { withSecrets } from '../secrets/open.ts';
import { dkimRecord, generateDkimKey } from '../smtp/dkim.ts';

const KEY_BYTES = 32;

/**
 * Makes the keys that the configuration names inside our own directory and that are not there yet: the demo's. Keys kept
 * anywhere else are the operator's, and their absence is told by whoever needs them.
 */
export async function makeMissingKeys(config: Config, tell: (line: string) => void): Promise<void> {
  const make = async (reference: string, generate: () => Promise<string>): Promise<void> => {
    const path = ownPath(reference, config.stateDir);
    if (path === null || (await exists(path))) return;
    await replaceFile(path, await generate());
    tell(`made the key ${path}`);
  };
  for (const { dkim } of config.senders.list) {
    for (const { privateKey, algorithm } of dkim) {
      await make(privateKey, async () => (await generateDkimKey(algorithm)).privateKey);
    }
  }
  if (config.verp.key !== null) await make(config.verp.key, async () => randomHex());
  if (config.notifier.key !== null) await make(config.notifier.key, async () => randomHex());
}

const randomHex = (): string => randomBytes(KEY_BYTES).toString('hex');

/** Name of the DNS record → its text, for every key that mail is signed with. */
export async function dkimRecordsOf(config: Config): Promise<Readonly<Record<string, string>>> {
  const keys = config.senders.list.flatMap(({ domain, dkim }) => dkim.map((key) => ({ domain, ...key })));
  return withSecrets(config, systemClock, async (secrets) => {
    const entries = keys.map(async ({ domain, selector, privateKey }) => {
      const record = dkimRecord((await secrets.resolve(privateKey)).bytes());
      return [`${selector}._domainkey.${domain}`, record] as const;
    });
    return Object.fromEntries(await Promise.all(entries));
  });
}

/** Path of a `file:` reference that lies in our directory, else `null`. */
function ownPath(reference: string, stateDirectory: string): string | null {
  if (!reference.startsWith('file:')) return null;
  const path = resolve(reference.slice('file:'.length));
  const inside = relative(resolve(stateDirectory), path);
  return inside === '' || inside.startsWith('..') || isAbsolute(inside) ? null : path;
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
