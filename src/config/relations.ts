import { isIP } from 'node:net';
import { parseNetwork } from '../domain/ip-address.ts';
import { PROVIDERS } from '../domain/policy.ts';
import { DAY_MS, HOUR_MS } from '../domain/time.ts';
import { BASE_URL_LENGTH_MAX, CARRYING_RETENTION_MS, SEEN_RETENTION_MS, TYPE_OF_QUEUE } from './defaults.ts';
import { checkDns } from './dns.ts';
import { checkPlacement } from './placement.ts';
import { suggestion } from './problems.ts';
import { secretReferencesOf } from './references.ts';
import { checkRegions } from './regions.ts';
import { MIXING_KEY, type Read } from './shape.ts';
import type { Config } from './types.ts';

/** Tells that a value contradicts another one. The path leads to the line. */
export type Tell = (path: string, message: string) => void;

/** Kafka heartbeats only come between batches: three must fit into a session. */
const HEARTBEATS_PER_SESSION_MIN = 3;

/** What no single value shows: names that lead nowhere, pools that mix, limits that cannot hold together. */
export function checkRelations(config: Config, read: Read, tell: Tell): void {
  // The throttled queue takes over what marketing says: one mistake is told once.
  const queues = config.queues.filter(({ queue }) => queue !== 'marketing-throttled' || read.router.queues.has(queue));
  checkTimes({ ...config, queues }, tell);
  checkSizes(config, tell);
  checkRetries({ ...config, queues }, tell);
  checkPools(config, read, tell);
  checkSources(config, read, tell);
  checkRegions(config, new Set(read.sources.keys()), tell);
  checkSenders(config, tell);
  checkProviders(config, tell);
  checkSites(read, tell);
  checkWarmUp(config, tell);
  checkFeedback(config, read, tell);
  checkDns(config, tell);
  checkSecrets(config, read, tell);
  checkPlacement(config, tell);
  checkNotifier(config, tell);
  checkUnsubscribe(config, tell);
  if (config.privacy.hashAddresses && config.privacy.addressKey === null) {
    tell('privacy.hash_addresses', 'needs privacy.address_key: a hash without a key is found by trying addresses');
  }
  checkSubmission(config, read, tell);
  const { action } = read.reputation;
  const inThresholds = read.reputation.thresholds.action;
  if (action !== null && inThresholds !== null && action !== inThresholds) {
    tell('reputation.action', `is ${action}, and reputation.thresholds.action is ${inThresholds}`);
  }
}

function checkNotifier({ notifier }: Config, tell: Tell): void {
  notifier.allowedNetworks.forEach((network, n) => {
    if (parseNetwork(network) === null) tell(`notifier.allowed_networks[${n}]`, `is no network: ${network}`);
  });
  if (notifier.perEndpointMax > notifier.inFlightMax) {
    tell('notifier.per_endpoint_max', 'must not exceed notifier.in_flight_max');
  }
}

function checkTimes({ kafka, queues, router, worker }: Config, tell: Tell): void {
  if (kafka.heartbeatIntervalMs * HEARTBEATS_PER_SESSION_MIN > kafka.sessionTimeoutMs) {
    tell('kafka.heartbeat_interval', 'must be at most a third of kafka.session_timeout');
  }
  if (kafka.sessionTimeoutMs > kafka.rebalanceTimeoutMs) {
    tell('kafka.rebalance_timeout', 'must not be shorter than kafka.session_timeout');
  }
  if (worker.drainMs >= kafka.rebalanceTimeoutMs) {
    tell(
      'worker.drain',
      'must be shorter than kafka.rebalance_timeout, or a draining worker is thrown out of its group',
    );
  }
  for (const queue of queues) {
    if (queue.tickMs >= kafka.heartbeatIntervalMs) {
      tell(`router.queues.${queue.queue}.tick`, 'must be shorter than kafka.heartbeat_interval');
    }
    if (queue.ageMaxMs >= CARRYING_RETENTION_MS) {
      const days = CARRYING_RETENTION_MS / DAY_MS;
      const path = queue.ageMaxMs === router.ageMaxMs ? 'router.max_age' : `router.queues.${queue.queue}.max_age`;
      tell(path, `must be below the ${days} days that topics keep a job, or mail could vanish without an ending`);
    }
  }
  if (router.dedupWindowMs > SEEN_RETENTION_MS) {
    tell('router.dedup_window', `must not exceed the ${SEEN_RETENTION_MS / DAY_MS} days that email.router-seen keeps`);
  }
}

function checkSizes({ job, worker }: Config, tell: Tell): void {
  if (job.bytesMax > worker.siteQueue.bytesMax) {
    tell('worker.site_queue.max_size', 'must hold at least one job of job.max_size');
  }
  if (worker.siteQueue.bytesMax > worker.allQueues.bytesMax) {
    tell('worker.all_queues.max_size', 'must not be below worker.site_queue.max_size');
  }
  if (worker.siteQueue.unitsMax > worker.allQueues.unitsMax) {
    tell('worker.all_queues.max_mails', 'must not be below worker.site_queue.max_mails');
  }
}

function checkRetries({ queues }: Config, tell: Tell): void {
  for (const { queue, retry, ageMaxMs } of queues) {
    const path = `router.queues.${queue}.retry_policy`;
    if (retry.retriesMax > 0 && retry.delaysMs.length === 0) tell(`${path}.backoff`, 'must hold at least one time');
    const used = retry.delaysMs.slice(0, Math.max(1, retry.retriesMax));
    if (retry.retriesMax > 0 && Math.max(0, ...used) >= ageMaxMs) {
      tell(path, 'has a delay that is not below the maximum age: the mail would expire waiting');
    }
  }
}

function checkPools(config: Config, read: Read, tell: Tell): void {
  const pools = new Map(config.pools.map((pool) => [pool.name, pool]));
  const names = [...pools.keys()];
  for (const { queue, pool } of config.queues) {
    if (pools.has(pool)) continue;
    tell(`router.queues.${queue}.ip_pool`, `names the pool "${pool}", which is not declared${suggestion(pool, names)}`);
  }
  const known = config.sources.map((source) => source.name);
  for (const pool of config.pools) {
    const path = `pools.${pool.name}`;
    if (pool.sources.length === 0) tell(path, 'has no sources');
    for (const source of pool.sources) {
      if (!known.includes(source)) {
        tell(`${path}.sources`, `names the source "${source}", which is not declared${suggestion(source, known)}`);
      }
    }
    if (pool.types.length > 1 && !read.pools.get(pool.name)?.[MIXING_KEY]) {
      const other = config.queues.find(
        ({ pool: name, queue }) => name === pool.name && TYPE_OF_QUEUE[queue] !== pool.types[0],
      );
      tell(read.pools.has(pool.name) ? path : `router.queues.${other?.queue}.ip_pool`, mixing(pool.types));
    }
  }
  for (const source of config.sources) {
    const using = config.pools.filter((pool) => pool.sources.includes(source.name));
    const types = [...new Set(using.flatMap((pool) => pool.types))];
    const insisted = using.every((pool) => read.pools.get(pool.name)?.[MIXING_KEY]);
    if (using.length > 1 && types.length > 1 && !insisted) tell(`sources.${source.name}`, mixing(types));
  }
}

const mixing = (types: readonly string[]): string =>
  `mixes ${types.join(' and ')} mail: complaints about one would cost the others their reputation. ` +
  `Give each type a pool and sources of its own, or write "${MIXING_KEY}: true" into the pool`;

function checkSources(config: Config, read: Read, tell: Tell): void {
  const addresses = new Map<string, string>();
  for (const source of config.sources) {
    const path = read.sources.has(source.name) ? `sources.${source.name}` : 'relay';
    if (source.mode === 'relay' && source.host === '') tell(path, 'is a relay and needs a host');
    if (source.mode === 'direct') {
      if (source.host !== '') tell(`${path}.host`, 'is for relays; a direct source finds its host in the MX records');
      if (source.localAddress === null) tell(path, 'is direct and needs a local_address');
      else if (isIP(source.localAddress) === 0) tell(`${path}.local_address`, 'must be an address of this machine');
      if (source.tls === 'implicit') tell(`${path}.tls`, 'is implicit: mail exchangers speak STARTTLS');
      if (source.user !== null) tell(`${path}.user`, 'is for relays: nobody logs in at a mail exchanger');
      if (!/[a-z0-9]\.[a-z]/i.test(source.helo)) {
        tell(`${path}.helo`, 'must be a full host name: mail exchangers look it up');
      }
    }
    if ((source.user === null) !== (source.password === null)) tell(path, 'needs both user and password, or neither');
    const open = source.tls === 'none' || source.tls === 'opportunistic';
    if (source.password !== null && open && !isLoopback(source.host)) {
      tell(
        `${path}.tls`,
        `is ${source.tls}: a password would cross the network in the clear. Use starttls or implicit`,
      );
    }
    const other = source.localAddress === null ? undefined : addresses.get(source.localAddress);
    if (other !== undefined) tell(`${path}.local_address`, `is the address of the source "${other}" too`);
    if (source.localAddress !== null) addresses.set(source.localAddress, source.name);
  }
}

function checkWarmUp({ reputation, sources }: Config, tell: Tell): void {
  const known = sources.map((source) => source.name);
  for (const source of reputation.warmUp.sources) {
    if (known.includes(source)) continue;
    const path = 'reputation.warm_up.sources';
    tell(path, `names the source "${source}", which is not declared${suggestion(source, known)}`);
  }
  if (reputation.windowMs % HOUR_MS !== 0) tell('reputation.window', 'must be whole hours');
}

const isLoopback = (host: string): boolean => /^127\.|^::1$|^localhost$/.test(host);

function checkSenders({ senders }: Config, tell: Tell): void {
  const seen = new Set<string>();
  senders.list.forEach((sender, index) => {
    const path = `senders.domains[${index}]`;
    if (seen.has(sender.domain)) tell(path, `names ${sender.domain} a second time`);
    seen.add(sender.domain);
    if (sender.domain.startsWith('.')) tell(`${path}.name`, 'must be one domain');
    const selectors = sender.dkim.map((key) => key.selector);
    if (new Set(selectors).size < selectors.length) tell(`${path}.dkim`, 'uses a selector for two keys');
  });
}

/** The route of mails to return paths: no webhook may have its name. */
export const INBOUND_ROUTE = 'inbound';
/** The route of our unsubscribe links: no webhook may have its name either. */
export const UNSUBSCRIBE_ROUTE = 'unsubscribe';

function checkUnsubscribe({ unsubscribe: { baseUrl, key } }: Config, tell: Tell): void {
  if (key === null) return;
  if (baseUrl === null) {
    tell('unsubscribe', 'has a key and needs the base_url that its links begin with');
    return;
  }
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : null;
  // RFC 8058 section 3.1: one click is for https alone.
  if (url?.protocol !== 'https:')
    tell('unsubscribe.base_url', 'must be https: other links get no one-click unsubscription');
  if (url && (url.search !== '' || url.hash !== '' || url.username !== '')) {
    tell('unsubscribe.base_url', 'must be host and path alone: the token of a link comes behind it');
  }
  if (baseUrl.length > BASE_URL_LENGTH_MAX)
    tell('unsubscribe.base_url', `must have at most ${BASE_URL_LENGTH_MAX} characters`);
}

function checkFeedback({ webhooks, sources }: Config, read: Read, tell: Tell): void {
  const known = sources.map(({ name }) => name);
  for (const route of webhooks.routes) {
    const path = `webhooks.routes.${route.name}`;
    if (route.name === INBOUND_ROUTE) tell(path, 'is the name of the return path: choose another');
    if (route.name === UNSUBSCRIBE_ROUTE) tell(path, 'is the name of the unsubscribe links: choose another');
    if (route.format === 'ses') {
      if (route.topics.length === 0) tell(path, 'needs the topics that may speak: anybody can have one at SNS');
      if (route.secret !== null) tell(`${path}.secret`, 'is not used: SNS proves itself by its certificate');
    } else {
      if (route.secret === null) tell(path, 'needs a secret: without one, anybody could suppress any address');
      if (route.topics.length > 0) tell(`${path}.topics`, 'is for format ses only');
    }
    for (const source of route.sources) {
      if (!known.includes(source)) {
        tell(`${path}.sources`, `names the source "${source}", which is not declared${suggestion(source, known)}`);
      }
    }
  }
  const { tls_key: key, tls_certificate: certificate } = read.inbound;
  if ((key === null) !== (certificate === null)) tell('inbound', 'needs both tls_key and tls_certificate, or neither');
}

function checkSites({ sites }: Read, tell: Tell): void {
  const providers: readonly string[] = PROVIDERS;
  for (const [name, { mx }] of sites) {
    if (mx.length === 0) tell(`sites.${name}.mx`, 'is missing: a site is known by its mail exchangers');
    if (providers.includes(name)) tell(`sites.${name}`, 'is a provider: its limits belong into providers');
  }
}

function checkSubmission({ submission }: Config, read: Read, tell: Tell): void {
  const { tls_key: key, tls_certificate: certificate, max_size: written } = read.submission;
  if ((key === null) !== (certificate === null)) {
    tell('submission', 'needs both tls_key and tls_certificate, or neither');
  }
  if (written !== null && written > read.job.max_size) {
    tell('submission.max_size', 'must not exceed job.max_size: a mail is one job per recipient');
  }
  if (submission.mailBytesMax > submission.queueBytesMax) {
    tell('submission.max_queue', 'must hold at least one mail of submission.max_size');
  }
}

function checkProviders({ providers }: Config, tell: Tell): void {
  const owners = new Map<string, string>();
  for (const { provider, domains } of providers) {
    for (const domain of domains) {
      const owner = owners.get(domain);
      if (owner !== undefined) tell(`providers.${provider}.domains`, `claims ${domain}, which belongs to ${owner}`);
      owners.set(domain, provider);
    }
  }
}

function checkSecrets(config: Config, read: Read, tell: Tell): void {
  const { vault, aws } = config.secrets;
  const { token, app_role: role } = read.secrets.vault;
  if ((role.role_id === null) !== (role.secret_id === null)) {
    tell('secrets.vault.app_role', 'needs both role_id and secret_id');
  }
  if (token !== null && role.role_id !== null) {
    tell('secrets.vault', 'logs in by token and by app_role: only one of them can be meant');
  }
  for (const [path, text] of [
    ['secrets.vault.address', vault?.address],
    ['secrets.aws.endpoint', aws.endpoint],
  ] as const) {
    if (text == null || !URL.canParse(text)) continue;
    const { protocol, hostname } = new URL(text);
    if (protocol === 'http:' && !isLoopback(hostname))
      tell(path, 'has no TLS: secrets would cross the network in the clear');
  }
  if (vault !== null) return;
  for (const { path, reference } of secretReferencesOf(config)) {
    if (reference.startsWith('vault:'))
      tell(path, 'is kept in Vault, and there is no secrets.vault.address (or VAULT_ADDR)');
  }
}
