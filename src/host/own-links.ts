import type { Config } from '../config/types.ts';
import { PostlaneError } from '../domain/error.ts';
import type { Telemetry } from '../runtime/ports.ts';
import { type Followed, follow } from '../secrets/follow.ts';
import type { Secrets } from '../secrets/secrets.ts';
import { TOKEN_KEY_BYTES_MIN } from '../smtp/sealed-tokens.ts';
import { UnsubscribeLinks } from '../smtp/unsubscribe-links.ts';
import { ViewLinks } from '../smtp/view-links.ts';
import { NO_OWN_LINKS, type OwnLinks } from '../templates/index.ts';
import { keyIn } from './region-key.ts';

/** What makes the links of mails, and reads them. */
export interface MailLinks {
  readonly unsubscribe: UnsubscribeLinks;
  readonly view: ViewLinks;
}

export interface LinkSurroundings {
  readonly config: Pick<Config, 'unsubscribe'> & Partial<Pick<Config, 'region'>>;
  readonly secrets: Secrets;
  readonly telemetry: Telemetry;
}

/**
 * What makes links and reads them; null where none are configured. The secret holds one key per line: the first
 * makes links, all of them read. Follows rotations: a key that is no good is an alarm, and those before it go on. Throws
 * CONFIG_INVALID for a key that could be guessed at the start, and what resolving the key throws.
 */
export async function openMailLinks({
  config,
  secrets,
  telemetry,
}: LinkSurroundings): Promise<Followed<MailLinks> | null> {
  const { baseUrl, key } = config.unsubscribe;
  if (baseUrl === null || key === null) return null;
  const build = async () => {
    const keys = (await keysOf(key, secrets)).map((one) => keyIn(config.region, one));
    return linksUnder(baseUrl, keys);
  };
  return follow({ secrets, telemetry, what: 'unsubscribe', references: [key], build });
}

async function keysOf(key: string, secrets: Secrets): Promise<readonly Buffer[]> {
  const keys = (await secrets.resolve(key)).lines().map((line) => line.bytes());
  if (keys.length === 0 || keys.some(({ length }) => length < TOKEN_KEY_BYTES_MIN)) {
    const what = `unsubscribe.key: every line must have at least ${TOKEN_KEY_BYTES_MIN} characters`;
    throw new PostlaneError('CONFIG_INVALID', { what });
  }
  return keys;
}

const linksUnder = (baseUrl: string, keys: readonly Uint8Array[]): MailLinks => ({
  unsubscribe: new UnsubscribeLinks(baseUrl, keys),
  view: new ViewLinks(baseUrl, keys),
});

/** The links that templates may show. Transactional mail has none to unsubscribe: nobody does from password resets. */
export const ownLinksOf = (links: Pick<Followed<MailLinks>, 'current'> | null): OwnLinks =>
  links === null
    ? NO_OWN_LINKS
    : {
        unsubscribeUrlOf: (job) => (job.type === 'transactional' ? null : links.current.unsubscribe.linkOf(job)),
        viewUrlOf: (job) => links.current.view.linkOf(job),
      };

/** Of no installation: what is made with it is only as long as a link, and leads nowhere. */
const SAMPLE_KEY = Buffer.alloc(TOKEN_KEY_BYTES_MIN);

/** Links as workers will make them, to judge and to show mails by where their key is not at hand. */
export const sampleLinksOf = ({ unsubscribe: { baseUrl, key } }: Pick<Config, 'unsubscribe'>): OwnLinks =>
  ownLinksOf(baseUrl === null || key === null ? null : { current: linksUnder(baseUrl, [SAMPLE_KEY]) });
