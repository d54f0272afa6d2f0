import {
  type EmailType,
  type Pool,
  PROVIDERS,
  type ProviderRule,
  QUEUES,
  type Queue,
  type RetryPolicy,
  type Sender,
  type Source,
} from '../domain/policy.ts';
import { SITE_RULES, type SiteRule } from '../domain/site-rules.ts';
import { EXPONENTIAL_DELAY_MS_MAX, PROVIDER_DEFAULTS, QUEUE_DEFAULTS, TICK_MS, TYPE_OF_QUEUE } from './defaults.ts';
import { dnsOf } from './dns.ts';
import { placementOf } from './placement.ts';
import { regionsOf } from './regions.ts';
import type { Read } from './shape.ts';
import type { Config, QueueConfig, SendersConfig, VaultConfig } from './types.ts';

type ReadQueue = Read['router']['queues'] extends ReadonlyMap<string, infer Q> ? Q : never;

/** Heartbeats per session time-out: the third that is lost is the one that costs the membership. */
const HEARTBEATS_PER_SESSION = 4;
const HEARTBEAT_MS_MAX = 3_000;

/** Gives every value that depends on others its default, and resolves the names. Contradictions are found by `relations.ts`. */
export function build(read: Read): Config {
  const queues = QUEUES.map((queue) => queueOf(queue, read));
  const pools = poolsOf(read, queues);
  return {
    preset: read.preset,
    regions: regionsOf(read.regions),
    region: null,
    kafka: {
      brokers: read.kafka.brokers,
      clientId: read.kafka.client_id,
      sessionTimeoutMs: read.kafka.session_timeout,
      rebalanceTimeoutMs: read.kafka.rebalance_timeout,
      heartbeatIntervalMs:
        read.kafka.heartbeat_interval ??
        Math.min(HEARTBEAT_MS_MAX, Math.floor(read.kafka.session_timeout / HEARTBEATS_PER_SESSION)),
    },
    registry: { url: read.schema_registry.url.replace(/\/+$/, '') },
    redis: redisOf(read),
    http: read.http,
    api: apiOf(read),
    stateDir: read.state_dir,
    secrets: secretsOf(read),
    logs: { level: read.logs.level, addressKey: read.logs.address_key },
    job: { bytesMax: read.job.max_size },
    topics: {
      partitionFactor: read.topics.partition_factor,
      replicationFactor: read.topics.replication_factor,
      overrides: Object.fromEntries(
        read.topics.overrides.map(({ topic, partitions, retention }) => [
          topic,
          {
            ...(partitions !== null && { partitions }),
            ...(retention !== null && { retentionMs: retention === 'forever' ? Number.POSITIVE_INFINITY : retention }),
          },
        ]),
      ),
    },
    router: {
      dedupWindowMs: read.router.dedup_window,
      batchMax: read.router.batch_max,
      throttleScore: read.router.throttle_score,
      sendAtMaxMs: read.router.send_at_max,
      ageMaxMs: read.router.max_age,
    },
    worker: workerOf(read),
    circuit: { failures: read.circuit.failures, resetMs: read.circuit.reset },
    queues,
    pools,
    sources: sourcesOf(read, pools),
    providers: PROVIDERS.map((provider) => providerOf(PROVIDER_DEFAULTS[provider], read)),
    sites: [...writtenSites(read), ...SITE_RULES.filter(({ id }) => !read.sites.has(id))],
    mailExchangers: {
      learn: read.mail_exchangers.learn,
      allowPrivateAddresses: read.mail_exchangers.allow_private_addresses,
    },
    senders: sendersOf(read),
    feedbackId: { senderId: read.feedback_id.sender_id },
    unsubscribe: unsubscribeOf(read),
    verp: { key: read.verp.key },
    privacy: { hashAddresses: read.privacy.hash_addresses, addressKey: read.privacy.address_key },
    inbound: inboundOf(read),
    submission: submissionOf(read),
    webhooks: webhooksOf(read),
    notifier: notifierOf(read),
    reputation: reputationOf(read),
    dns: dnsOf(read.dns),
    placement: placementOf(read.placement),
  };
}

function apiOf({ api }: Read): Config['api'] {
  return {
    host: api.host,
    port: api.port,
    bodyBytesMax: api.max_body,
    requestsMax: api.max_requests,
    queueBytesMax: api.max_queue,
    acceptMsMax: api.accept_timeout,
    retentionMs: api.retention,
  };
}

function secretsOf({ secrets }: Read): Config['secrets'] {
  const { vault, aws } = secrets;
  return {
    refreshMs: secrets.refresh,
    timeoutMs: secrets.timeout,
    retryMs: secrets.retry_refused,
    vault: vault.address === null ? null : { ...vaultOf(vault), address: vault.address.replace(/\/+$/, '') },
    aws: { region: aws.region, endpoint: aws.endpoint },
  };
}

function vaultOf({ namespace, ca_file, token, app_role }: Read['secrets']['vault']): Omit<VaultConfig, 'address'> {
  const { mount, role_id: roleId, secret_id: secretId } = app_role;
  const auth: VaultConfig['auth'] =
    roleId !== null && secretId !== null
      ? { kind: 'approle', mount: mount.replace(/^\/+|\/+$/g, ''), roleId, secretId }
      : { kind: 'token', token: token ?? 'env:VAULT_TOKEN' };
  return { namespace, caFile: ca_file, auth };
}

function redisOf({ redis }: Read): Config['redis'] {
  if (redis.url === null) return null;
  return { url: redis.url, keyPrefix: redis.key_prefix, commandTimeoutMs: redis.command_timeout };
}

function workerOf({ worker }: Read): Config['worker'] {
  return {
    inFlightMax: worker.in_flight_max,
    siteQueue: { unitsMax: worker.site_queue.max_mails, bytesMax: worker.site_queue.max_size },
    allQueues: { unitsMax: worker.all_queues.max_mails, bytesMax: worker.all_queues.max_size },
    patienceFactor: worker.patience_factor,
    drainMs: worker.drain,
  };
}

function inboundOf({ inbound }: Read): Config['inbound'] {
  const { tls_key: key, tls_certificate: certificate } = inbound;
  return {
    host: inbound.host,
    port: inbound.port,
    hostname: inbound.hostname,
    addresses: inbound.addresses.map((one) => ({ ...one, address: one.address.toLowerCase() })),
    mailBytesMax: inbound.max_size,
    connectionsMax: inbound.max_connections,
    tls: key === null || certificate === null ? null : { key, certificate },
  };
}

function unsubscribeOf({ unsubscribe }: Read): Config['unsubscribe'] {
  const { base_url: baseUrl, key, host, port } = unsubscribe;
  return { baseUrl, key, host, port };
}

function submissionOf({ submission, job }: Read): Config['submission'] {
  const { tls_key: key, tls_certificate: certificate } = submission;
  return {
    host: submission.host,
    port: submission.port,
    hostname: submission.hostname,
    typeDefault: submission.default_type,
    mailBytesMax: submission.max_size ?? job.max_size,
    recipientsMax: submission.max_recipients,
    connectionsMax: submission.max_connections,
    connectionsPerAddressMax: submission.max_connections_per_address,
    queueBytesMax: submission.max_queue,
    acceptMsMax: submission.accept_timeout,
    tlsMode: submission.tls,
    tls: key === null || certificate === null ? null : { key, certificate },
  };
}

function webhooksOf({ webhooks }: Read): Config['webhooks'] {
  const routes = [...webhooks.routes].map(([name, route]) => ({
    name,
    region: route.region,
    format: route.format,
    secret: route.secret,
    topics: route.topics,
    allowSnsSignatureV1: route.allow_sns_signature_v1,
    tenant: route.tenant,
    sources: route.sources,
  }));
  return { host: webhooks.host, port: webhooks.port, routes, snsCaFile: webhooks.sns_ca_file };
}

function notifierOf({ notifier }: Read): Config['notifier'] {
  return {
    key: notifier.key,
    inFlightMax: notifier.in_flight_max,
    perEndpointMax: notifier.per_endpoint_max,
    timeoutMs: notifier.timeout,
    retryForMs: notifier.retry_for,
    allowHttp: notifier.allow_http,
    allowedNetworks: notifier.allowed_networks,
  };
}

function reputationOf({ reputation }: Read): Config['reputation'] {
  return {
    warmUp: {
      enabled: reputation.warm_up.enabled,
      initialVolume: reputation.warm_up.initial_volume,
      dailyIncreaseRatio: reputation.warm_up.daily_increase,
      dailyIncreaseMax: reputation.warm_up.max_daily_increase,
      sources: reputation.warm_up.sources,
      overflow: reputation.warm_up.overflow,
      transactionalFirst: reputation.warm_up.transactional_first,
    },
    thresholds: {
      bounceRatio: reputation.thresholds.bounce_rate,
      complaintRatio: reputation.thresholds.complaint_rate,
    },
    action: reputation.action ?? reputation.thresholds.action ?? 'throttle',
    volumeMin: reputation.min_volume,
    windowMs: reputation.window,
    latenessMs: reputation.lateness,
    complaintScope: reputation.complaint_scope,
  };
}

function queueOf(queue: Queue, read: Read): QueueConfig {
  const written = read.router.queues.get(queue);
  const throttled = queue === 'marketing-throttled' ? read.router.queues.get('marketing') : undefined;
  const defaults = QUEUE_DEFAULTS[queue];
  const priority = written?.priority ?? throttled?.priority ?? defaults.priority;
  const rate = written?.rate_limit ?? throttled?.rate_limit ?? 'none';
  return {
    queue,
    priority,
    pool: written?.ip_pool ?? throttled?.ip_pool ?? TYPE_OF_QUEUE[queue],
    ratePerMinutePerWorker: rate === 'none' ? null : rate,
    retry: retryOf(queue, written?.retry_policy ?? throttled?.retry_policy),
    onUncertain: written?.on_uncertain ?? throttled?.on_uncertain ?? defaults.onUncertain,
    ageMaxMs: written?.max_age ?? throttled?.max_age ?? read.router.max_age,
    tickMs: written?.tick ?? throttled?.tick ?? TICK_MS[priority],
  };
}

function retryOf(queue: Queue, written: ReadQueue['retry_policy'] | undefined): RetryPolicy {
  const defaults = QUEUE_DEFAULTS[queue];
  const backoff = written?.backoff ?? null;
  const retriesMax = written?.max_retries ?? (Array.isArray(backoff) ? backoff.length : defaults.retriesMax);
  const first = written?.initial_delay ?? (defaults.delaysMs[0] as number);
  const jitterRatio = written?.jitter ?? 0.2;
  if (backoff === null) return { retriesMax, delaysMs: defaults.delaysMs, jitterRatio };
  if (backoff === 'fixed') return { retriesMax, delaysMs: [first], jitterRatio };
  if (backoff === 'exponential') {
    const delaysMs = doubling(first, written?.max_delay ?? Math.max(first, EXPONENTIAL_DELAY_MS_MAX));
    return { retriesMax, delaysMs, jitterRatio };
  }
  return { retriesMax, delaysMs: backoff, jitterRatio };
}

/** first, twice that, … up to `max`, which then repeats. */
function doubling(first: number, max: number): readonly number[] {
  const delays: number[] = [];
  for (let delay = first; delay < max; delay *= 2) delays.push(delay);
  return [...delays, max];
}

const typesUsing = (pool: string, queues: readonly QueueConfig[]): readonly EmailType[] => [
  ...new Set(queues.filter((queue) => queue.pool === pool).map((queue) => TYPE_OF_QUEUE[queue.queue])),
];

/** Where no sources are declared there is the default relay alone, and every pool that a queue names has a way of its own to it. */
function poolsOf(read: Read, queues: readonly QueueConfig[]): readonly Pool[] {
  const declared = [...read.pools].map(([name, pool]) => ({
    name,
    types: typesUsing(name, queues),
    sources: pool.sources,
  }));
  if (read.sources.size > 0) return declared;
  const named = new Set([...queues.map((queue) => queue.pool)].filter((name) => !read.pools.has(name)));
  return [
    ...declared,
    ...[...named].map((name) => ({ name, types: typesUsing(name, queues), sources: [`${name}-1`] })),
  ];
}

function sourcesOf(read: Read, pools: readonly Pool[]): readonly Source[] {
  if (read.sources.size === 0) {
    const implied = pools.filter((pool) => !read.pools.has(pool.name)).flatMap((pool) => pool.sources);
    return implied.map((name) => ({
      name,
      mode: 'relay' as const,
      host: read.relay.host,
      port: read.relay.port,
      localAddress: null,
      helo: `${name}.${read.relay.helo}`,
      ...wayOf(read.relay),
      region: null,
      isAway: false,
    }));
  }
  return [...read.sources].map(([name, source]) => declaredSource(name, source, read.relay));
}

type ReadSource = Read['sources'] extends ReadonlyMap<string, infer S> ? S : never;

/** A source that is a relay and names no host goes over the default one, with what that says and it does not. */
function declaredSource(name: string, source: ReadSource, relay: Read['relay']): Source {
  const isRelays = source.mode === 'relay' && source.host === null;
  const helo = source.helo ?? `${name}.${relay.helo}`;
  const { local_address: localAddress, mode, region } = source;
  const place = { localAddress, helo, region, isAway: false };
  if (!isRelays) {
    const tls = source.tls ?? 'opportunistic';
    const way = wayOf({ ...source, tls, tls_verify: source.tls_verify ?? true });
    return { name, mode, host: source.host ?? '', port: source.port ?? DEFAULT_PORT, ...place, ...way };
  }
  const hasLogIn = source.user !== null || source.password !== null;
  const way = wayOf({
    ...source,
    tls: source.tls ?? relay.tls,
    tls_verify: source.tls_verify ?? relay.tls_verify,
    user: hasLogIn ? source.user : relay.user,
    password: hasLogIn ? source.password : relay.password,
  });
  return { name, mode, host: relay.host, port: source.port ?? relay.port, ...place, ...way };
}

const DEFAULT_PORT = 25;

const wayOf = (way: Omit<Read['relay'], 'host' | 'port' | 'helo'>) => ({
  tls: way.tls,
  tlsVerify: way.tls_verify,
  user: way.user,
  password: way.password,
  connectionsMax: way.max_connections,
  messagesPerConnectionMax: way.max_messages_per_connection,
});

function providerOf(defaults: ProviderRule, read: Read): ProviderRule {
  const written = read.providers.get(defaults.provider);
  if (!written) return defaults;
  const { rate_limit: rate } = written;
  return {
    provider: defaults.provider,
    domains: [...new Set([...defaults.domains, ...written.domains])],
    limits: {
      connectionsMax: written.max_connections ?? defaults.limits.connectionsMax,
      messagesPerConnectionMax: written.max_messages_per_connection ?? defaults.limits.messagesPerConnectionMax,
      ratePerMinute: rate === null ? defaults.limits.ratePerMinute : rate === 'none' ? null : rate,
    },
    why: written.why ?? defaults.why,
  };
}

/** The operator's own sites: in the lanes of `other`, since the lanes of providers are theirs. */
const writtenSites = ({ sites }: Read): readonly SiteRule[] =>
  [...sites].map(([id, site]) => ({
    id,
    provider: 'other',
    mx: site.mx,
    limits: {
      connectionsMax: site.max_connections,
      messagesPerConnectionMax: site.max_messages_per_connection,
      ratePerMinute: site.rate_limit === null || site.rate_limit === 'none' ? null : site.rate_limit,
    },
    tls: site.tls,
    why: site.why,
    samples: site.mx.map((entry) => (entry.startsWith('.') ? `mx${entry}` : entry)),
  }));

/** Domains of the `dns` block are senders too; without a key their mail goes unsigned. */
function sendersOf({ senders, dns }: Read): SendersConfig {
  const written = typeof senders === 'string' ? { mode: senders, domains: [] } : senders;
  const list: Sender[] = written.domains.map((sender) => ({
    domain: sender.name,
    returnPathDomain: sender.return_path ?? sender.name,
    dkim: sender.dkim.map((key) => ({ selector: key.selector, algorithm: key.algorithm, privateKey: key.private_key })),
  }));
  const named = new Set(list.map((sender) => sender.domain));
  for (const { name } of dns.domains) {
    if (!named.has(name)) list.push({ domain: name, returnPathDomain: name, dkim: [] });
    named.add(name);
  }
  return { mode: written.mode, list };
}
