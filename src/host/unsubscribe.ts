import type { Config } from '../config/types.ts';
import { PostlaneError } from '../domain/error.ts';
import type { Telemetry } from '../runtime/ports.ts';
import { type Followed, follow } from '../secrets/follow.ts';
import type { Secrets } from '../secrets/secrets.ts';
import { UNSUBSCRIBE_KEY_BYTES_MIN, UnsubscribeLinks } from '../smtp/unsubscribe-links.ts';
import { NO_OWN_LINKS, type OwnLinks } from '../templates/index.ts';
import { keyIn } from './region-key.ts';

export interface UnsubscribeSurroundings {
  readonly config: Pick<Config, 'unsubscribe'> & Partial<Pick<Config, 'region'>>;
  readonly secrets: Secrets;
  readonly telemetry: Telemetry;
}

/**
 * What makes unsubscribe links and reads them; null where none are configured. The secret holds one key per line: the first
 * makes links, all of them read. Follows rotations: a key that is no good is an alarm, and those before it go on. Throws
 * CONFIG_INVALID for a key that could be guessed at the start, and what resolving the key throws.
 */
export async function openUnsubscribeLinks({
  config,
  secrets,
  telemetry,
}: UnsubscribeSurroundings): Promise<Followed<UnsubscribeLinks> | null> {
  const { baseUrl, key } = config.unsubscribe;
  if (baseUrl === null || key === null) return null;
  const build = async () => {
    const keys = await keysOf(key, secrets);
    return new UnsubscribeLinks(
      baseUrl,
      keys.map((one) => keyIn(config.region, one)),
    );
  };
  return follow({ secrets, telemetry, what: 'unsubscribe', references: [key], build });
}

async function keysOf(key: string, secrets: Secrets): Promise<readonly Buffer[]> {
  const keys = (await secrets.resolve(key)).lines().map((line) => line.bytes());
  if (keys.length === 0 || keys.some(({ length }) => length < UNSUBSCRIBE_KEY_BYTES_MIN)) {
    const what = `unsubscribe.key: every line must have at least ${UNSUBSCRIBE_KEY_BYTES_MIN} characters`;
    throw new PostlaneError('CONFIG_INVALID', { what });
  }
  return keys;
}

/** The links that templates may show. Transactional mail has none: nobody unsubscribes from password resets. */
export const ownLinksOf = (links: Pick<Followed<UnsubscribeLinks>, 'current'> | null): OwnLinks => ({
  ...NO_OWN_LINKS,
  unsubscribeUrlOf: (job) => (job.type === 'transactional' ? null : (links?.current.linkOf(job) ?? null)),
});
