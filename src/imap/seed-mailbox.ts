import { ImapFlow } from 'imapflow';
import type { SeedMailbox } from '../config/types.ts';
import type { Look, Sighting } from '../domain/placement.ts';
import { PROBE_HEADER } from '../domain/placement.ts';
import { DAY_MS, type Millis } from '../domain/time.ts';

export interface LookOptions {
  readonly seed: SeedMailbox;
  readonly user: string;
  readonly password: string;
  /** Probes that are looked for. */
  readonly ids: ReadonlySet<string>;
  readonly now: Millis;
  /** Ends the look: whoever stops waits for no mailbox. */
  readonly signal: AbortSignal;
}

const CONNECT_MS_MAX = 15_000;
/** Of the whole look, whatever the server does. */
const LOOK_MS_MAX = 60_000;
/** Messages of one folder that are looked at, the newest. */
const MESSAGES_MAX = 500;
/** What Gmail calls its tabs, beside the first. */
const GMAIL_TABS = ['promotions', 'social', 'updates', 'forums', 'reservations', 'purchases'] as const;
const GMAIL_CAPABILITY = 'X-GM-EXT-1';
const SPAM_NAMES = /^(?:.*[/.])?(?:spam|junk|junk e-?mail|bulk(?: mail)?)$/i;

/** Looks for probes in inbox, spam and tabs of a seed mailbox. Never throws; opens a connection and closes it. */
export async function lookInto(options: LookOptions): Promise<Look> {
  const { seed, user, password } = options;
  const client = new ImapFlow({
    host: seed.host,
    port: seed.port,
    secure: seed.tls === 'implicit',
    ...(seed.tls !== 'implicit' && { doSTARTTLS: seed.tls === 'starttls' }),
    auth: { user, pass: password },
    tls: { rejectUnauthorized: seed.tlsVerify },
    logger: false,
    disableAutoIdle: true,
    connectionTimeout: CONNECT_MS_MAX,
    greetingTimeout: CONNECT_MS_MAX,
    socketTimeout: CONNECT_MS_MAX,
  });
  client.on('error', () => undefined); // what it says comes with the call that fails
  const ends = AbortSignal.any([options.signal, AbortSignal.timeout(LOOK_MS_MAX)]);
  const late = new Promise<Look>((resolve) => {
    const end = (): void => resolve(failed('unreachable', 'it took too long'));
    if (ends.aborted) end();
    ends.addEventListener('abort', end, { once: true });
  });
  try {
    return await Promise.race([look(client, options), late]);
  } catch (error) {
    return problemOf(error);
  } finally {
    client.close();
  }
}

async function look(client: ImapFlow, options: LookOptions): Promise<Look> {
  await client.connect();
  const { seed } = options;
  const folders = await client.list();
  const spam =
    seed.spam ??
    (folders.find(({ specialUse }) => specialUse === '\\Junk') ?? folders.find(({ path }) => SPAM_NAMES.test(path)))
      ?.path;
  const sightings: Sighting[] = [];
  const take = async (path: string, place: Sighting['place']): Promise<void> => {
    if (!folders.some((folder) => folder.path === path)) return;
    sightings.push(...(await sightingsIn(client, path, place, options)));
  };
  await take('INBOX', 'inbox');
  for (const tab of seed.tabs) await take(tab, 'tab');
  if (spam !== undefined) await take(spam, 'spam');
  await client.logout();
  return { kind: 'seen', sightings };
}

async function sightingsIn(
  client: ImapFlow,
  path: string,
  place: Sighting['place'],
  { ids, now }: LookOptions,
): Promise<readonly Sighting[]> {
  const lock = await client.getMailboxLock(path, { readOnly: true });
  try {
    const since = new Date(now - 2 * DAY_MS);
    const uids = await newest(client, { since });
    if (uids.length === 0) return [];
    const found: (Sighting & { readonly uid: number })[] = [];
    const query = { uid: true, headers: [PROBE_HEADER], internalDate: true };
    for await (const { uid, headers, internalDate } of client.fetch(uids.join(','), query, { uid: true })) {
      const [, id] = /^x-postlane-probe:\s*(\S+)/im.exec(headers?.toString('latin1') ?? '') ?? [];
      if (id === undefined || !ids.has(id)) continue;
      found.push({ uid, id, place, folder: path, arrivedAt: new Date(internalDate ?? now).getTime() });
    }
    const tabs = place === 'inbox' && found.length > 0 ? await tabsOf(client) : new Map<number, string>();
    return found.map(({ uid, ...sighting }) => {
      const tab = tabs.get(uid);
      return tab === undefined ? sighting : { ...sighting, place: 'tab', folder: tab };
    });
  } finally {
    lock.release();
  }
}

async function newest(client: ImapFlow, query: Parameters<ImapFlow['search']>[0]): Promise<readonly number[]> {
  const uids = await client.search(query, { uid: true });
  return uids === false || uids === undefined ? [] : uids.slice(-MESSAGES_MAX);
}

/** Gmail keeps its tabs as categories of the inbox, which only its own search knows. */
async function tabsOf(client: ImapFlow): Promise<ReadonlyMap<number, string>> {
  const tabs = new Map<number, string>();
  if (!client.capabilities.has(GMAIL_CAPABILITY)) return tabs;
  for (const tab of GMAIL_TABS) {
    for (const uid of await newest(client, { gmraw: `category:${tab} newer_than:2d` })) tabs.set(uid, tab);
  }
  return tabs;
}

const failed = (problem: 'login-refused' | 'unreachable', detail: string): Look => ({
  kind: 'failed',
  problem,
  detail,
});

const DETAIL_LENGTH_MAX = 200;

/** What the server says about a refused login is told, what we said to it is not. */
function problemOf(error: unknown): Look {
  const { authenticationFailed, responseText, message } = error as {
    readonly authenticationFailed?: boolean;
    readonly responseText?: string;
    readonly message?: string;
  };
  const detail = (responseText ?? message ?? String(error)).slice(0, DETAIL_LENGTH_MAX);
  return failed(authenticationFailed ? 'login-refused' : 'unreachable', detail);
}
