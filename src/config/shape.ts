import { REGION_NAME } from '../contracts/region.ts';
import { EMAIL_TYPES, PROVIDERS, QUEUES } from '../domain/policy.ts';
import { parseSecretReference } from '../domain/secret-reference.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../domain/time.ts';
import { dnsShape } from './dns.ts';
import * as field from './fields.ts';
import { placementShape } from './placement.ts';
import { PRESET_NAMES } from './presets.ts';
import { regionsShape } from './regions.ts';
import {
  LEARNING,
  LOG_LEVELS,
  OVERFLOWS,
  PREFERENCES,
  PRIORITIES,
  REPUTATION_ACTIONS,
  SUBMISSION_TLS,
} from './types.ts';

/**
 * What may stand in postlane.yaml: the one schema. Names follow the article's (`ip_pool`, `rate_limit`, `max_retries`).
 * What is `optional` here has a default that depends on other values, and gets it in `build.ts`.
 */
const { decimal, duration, flag, integer, list, named, oneOf, optional, record, size, text, wordOr } = field;

const MEGABYTE = 1_000_000;
/** The owner's consent to what the article calls a critical error, in words that sound like one. */
export const MIXING_KEY = 'let_one_type_ruin_the_reputation_of_the_others';

/** A secret is named, never written down. */
const reference = text({
  pattern: { test: (word) => parseSecretReference(word) !== null },
  what: 'a reference to a secret (vault:…, aws-sm:…, file:… or env:…), never the secret itself',
  secret: true,
});
/** What opens a store cannot lie in one. */
const keyToStore = text({
  pattern: /^(?:file:.+|env:[A-Za-z_][A-Za-z0-9_]*)$/,
  what: 'a reference of the form file:… or env:…, never the secret itself',
  secret: true,
});
const host = (fallback?: string) =>
  text({ pattern: /^[A-Za-z0-9:](?:[A-Za-z0-9.:-]{0,253})$/, what: 'a host name or address', default: fallback });
const address = text({ pattern: /^(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]{1,253}):[0-9]{1,5}$/, what: 'host:port' });
const url = (schemes: string, fallback?: string) =>
  text({
    pattern: new RegExp(`^(?:${schemes})://[^\\s]+$`),
    what: `a URL (${schemes.replaceAll('|', ' or ')})`,
    default: fallback,
    secret: true,
  });
/** As recipients' domains are compared; with a leading dot every subdomain. */
const domain = text({
  pattern: /^\.?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])$/,
  what: 'a domain in lower case (IDN as A-labels)',
});
const rate = optional(wordOr(['none'], decimal({ min: 0.1, max: 10_000_000 })));
const connections = integer({ min: 1, max: 1_000, default: 20 });
const connections10 = integer({ min: 1, max: 1_000, default: 10 });
const messagesPerConnection = integer({ min: 1, max: 100_000, default: 100 });
const ratio = (fallback: number) => decimal({ min: 0, max: 1, default: fallback });

const TLS = ['none', 'opportunistic', 'starttls', 'implicit'] as const;
const way = {
  tls: oneOf(TLS, { default: 'opportunistic' }),
  tls_verify: flag({ default: true }),
  user: optional(reference),
  password: optional(reference),
  max_connections: connections,
  max_messages_per_connection: messagesPerConnection,
};

/** What a source does not say is the relay's, where it goes over the relay. */
const sourceWay = { ...way, tls: optional(oneOf(TLS)), tls_verify: optional(flag({})) };

const retryPolicy = record({
  max_retries: optional(integer({ min: 0, max: 100 })),
  backoff: optional(
    wordOr(['exponential', 'fixed'], list(duration({ min: SECOND_MS, max: 7 * DAY_MS }), { max: 100 })),
  ),
  initial_delay: optional(duration({ min: SECOND_MS, max: 7 * DAY_MS })),
  max_delay: optional(duration({ min: SECOND_MS, max: 7 * DAY_MS })),
  jitter: ratio(0.2),
});

const queue = record({
  priority: optional(oneOf(PRIORITIES)),
  ip_pool: optional(text({ pattern: /^[a-z0-9][a-z0-9-]{0,62}$/, what: 'the name of a pool' })),
  rate_limit: rate,
  retry_policy: retryPolicy,
  on_uncertain: optional(oneOf(['resend', 'hold', 'drop'])),
  max_age: optional(duration({ min: MINUTE_MS, max: 30 * DAY_MS })),
  tick: optional(duration({ min: 1, max: 5 * SECOND_MS })),
});

const router = record({
  queues: named(queue, { max: QUEUES.length, known: QUEUES }),
  dedup_window: duration({ min: MINUTE_MS, max: 30 * DAY_MS, default: 7 * DAY_MS }),
  batch_max: integer({ min: 1, max: 10_000, default: 300 }),
  throttle_score: ratio(0.7),
  send_at_max: duration({ min: 0, max: 30 * DAY_MS, default: 30 * DAY_MS }),
  max_age: duration({ min: MINUTE_MS, max: 30 * DAY_MS, default: 72 * HOUR_MS }),
});

/** What is different about a topic, or about all topics of an entry of topics.yaml; checked against it by the catalog. */
const topicOverride = record({
  topic: text({ pattern: /^email\.[a-z0-9.{}-]{1,240}$/, what: 'the name of a topic, or of an entry of topics.yaml' }),
  partitions: optional(integer({ min: 1, max: 1_000 })),
  retention: optional(wordOr(['forever'], duration({ min: HOUR_MS, max: 3_650 * DAY_MS }))),
});

const bounds = (mails: number, megabytes: number) =>
  record({
    max_mails: integer({ min: 1, max: 1_000_000, default: mails }),
    max_size: size({ min: MEGABYTE, max: 100_000 * MEGABYTE, default: megabytes * MEGABYTE }),
  });

const worker = record({
  // The ledger of a lane must name all of them within 3 KB, whatever the order in which they end.
  in_flight_max: integer({ min: 1, max: 512, default: 256 }),
  site_queue: bounds(1_000, 32),
  all_queues: bounds(20_000, 256),
  patience_factor: decimal({ min: 0.001, max: 10, default: 1 }),
  drain: duration({ min: 0, max: 15 * MINUTE_MS, default: 30 * SECOND_MS }),
});

const sender = record({
  name: domain,
  /** Domain of the VERP return path; absent: the domain itself. */
  return_path: optional(domain),
  dkim: list(
    record({
      selector: text({ pattern: /^[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?$/, what: 'a selector' }),
      algorithm: oneOf(['rsa-sha256', 'ed25519-sha256']),
      private_key: reference,
    }),
    { max: 4 },
  ),
});
const sendersMode = ['lenient', 'strict'] as const;

const reputation = record({
  warm_up: record({
    enabled: flag({ default: true }),
    initial_volume: integer({ min: 1, max: 1_000_000, default: 100 }),
    daily_increase: decimal({ min: 0, max: 10, default: 0.2 }),
    max_daily_increase: integer({ min: 1, max: 100_000_000, default: 5_000 }),
    sources: list(text({ pattern: /^[a-z0-9][a-z0-9-]{0,62}$/, what: 'the name of a source' }), { max: 100 }),
    overflow: oneOf(OVERFLOWS, { default: 'warm' }),
    transactional_first: oneOf(PREFERENCES, { default: 'warm' }),
  }),
  thresholds: record({
    bounce_rate: ratio(0.02),
    complaint_rate: ratio(0.001),
    action: optional(oneOf(REPUTATION_ACTIONS)),
  }),
  action: optional(oneOf(REPUTATION_ACTIONS)),
  min_volume: integer({ min: 1, max: 1_000_000, default: 100 }),
  // Whole hours, as old minutes leave the window by the hour.
  window: duration({ min: HOUR_MS, max: 7 * DAY_MS, default: DAY_MS }),
  lateness: duration({ min: SECOND_MS, max: 15 * MINUTE_MS, default: MINUTE_MS }),
  complaint_scope: oneOf(['tenant', 'all'], { default: 'tenant' }),
});

const secrets = record({
  refresh: duration({ min: SECOND_MS, max: DAY_MS, default: MINUTE_MS }),
  timeout: duration({ min: 100, max: MINUTE_MS, default: 5 * SECOND_MS }),
  retry_refused: duration({ min: SECOND_MS, max: DAY_MS, default: MINUTE_MS }),
  vault: record({
    address: optional(url('https|http')),
    namespace: optional(text({ pattern: /^[A-Za-z0-9_./-]{1,256}$/, what: 'the path of a namespace' })),
    ca_file: optional(text()),
    token: optional(keyToStore),
    app_role: record({
      mount: text({ pattern: /^[\w./-]{1,128}$/, what: 'the path of an auth method', default: 'approle' }),
      role_id: optional(keyToStore),
      secret_id: optional(keyToStore),
    }),
  }),
  aws: record({
    region: optional(text({ pattern: /^[a-z0-9-]{4,32}$/, what: 'a region, such as eu-central-1' })),
    endpoint: optional(url('https|http')),
  }),
});

const regionName = text({ pattern: REGION_NAME, what: 'the name of a region' });
const WEBHOOK_FORMATS = ['ses', 'sendgrid', 'mailgun', 'postmark', 'generic'] as const;
const mailAddress = text({ pattern: /^[^@\s<>]{1,64}@[^@\s<>]{1,253}$/, what: 'an address' });

/** The return path: where bounces, complaints and other answers come in. */
const inbound = record({
  host: host('127.0.0.1'),
  port: integer({ min: 0, max: 65_535, default: 2_525 }),
  hostname: optional(host()),
  /** Besides the return paths of `senders`: those of feedback loops, and of mail programs that unsubscribe by mail. */
  addresses: list(
    record({ address: mailAddress, format: oneOf(['dsn', 'arf'], { default: 'dsn' }), region: optional(regionName) }),
    { max: 1_000 },
  ),
  max_size: size({ min: 10_000, max: 100 * MEGABYTE, default: 10 * MEGABYTE }),
  max_connections: integer({ min: 1, max: 10_000, default: 200 }),
  tls_key: optional(reference),
  tls_certificate: optional(reference),
});

/** Where applications hand in mails by SMTP. */
const submission = record({
  host: host('127.0.0.1'),
  port: integer({ min: 0, max: 65_535, default: 2_587 }),
  hostname: optional(host()),
  default_type: oneOf(EMAIL_TYPES, { default: 'transactional' }),
  max_size: optional(size({ min: 10_000, max: 100 * MEGABYTE })),
  max_recipients: integer({ min: 1, max: 10_000, default: 100 }),
  max_connections: integer({ min: 1, max: 10_000, default: 500 }),
  max_connections_per_address: integer({ min: 1, max: 10_000, default: 100 }),
  max_queue: size({ min: 1 * MEGABYTE, max: 10_000 * MEGABYTE, default: 128 * MEGABYTE }),
  accept_timeout: duration({ min: 100, max: 5 * MINUTE_MS, default: 20 * SECOND_MS }),
  tls: oneOf(SUBMISSION_TLS, { default: 'starttls' }),
  tls_key: optional(reference),
  tls_certificate: optional(reference),
});

const webhook = record({
  region: optional(regionName),
  format: oneOf(WEBHOOK_FORMATS),
  /** What proves the sender: a key, or user and password; SNS proves itself by certificate, and needs `topics`. */
  secret: optional(reference),
  topics: list(
    text({ pattern: /^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]{1,256}$/, what: 'an SNS topic ARN' }),
    {
      max: 100,
    },
  ),
  allow_sns_signature_v1: flag({ default: false }),
  tenant: optional(text({ pattern: /^[^\s]{1,256}$/, what: 'a tenant' })),
  sources: list(text({ pattern: /^[a-z0-9][a-z0-9-]{0,62}$/, what: 'the name of a source' }), { max: 1_000 }),
});

const webhooks = record({
  host: host('127.0.0.1'),
  port: integer({ min: 0, max: 65_535, default: 8_026 }),
  routes: named(webhook, { max: 100 }),
  /** PEM file of who may have issued SNS's certificates. */
  sns_ca_file: optional(text()),
});

/** Telling customers' endpoints what became of mails. */
const notifier = record({
  key: optional(reference),
  in_flight_max: integer({ min: 1, max: 10_000, default: 512 }),
  per_endpoint_max: integer({ min: 1, max: 64, default: 16 }),
  timeout: duration({ min: 100, max: MINUTE_MS, default: 15 * SECOND_MS }),
  retry_for: duration({ min: SECOND_MS, max: 7 * DAY_MS, default: DAY_MS }),
  allow_http: flag({ default: false }),
  allowed_networks: list(text({ pattern: /^[0-9a-fA-F:.]{2,45}\/[0-9]{1,3}$/, what: 'a network such as 10.0.0.0/8' }), {
    max: 100,
  }),
});

export const postlaneYaml = record({
  preset: optional(oneOf(PRESET_NAMES)),
  regions: regionsShape({ address, registryUrl: url('http|https'), redisUrl: url('redis|rediss') }),
  kafka: record({
    brokers: list(address, { max: 100, default: ['127.0.0.1:9092'] }),
    client_id: text({ pattern: /^[A-Za-z0-9._-]{1,100}$/, what: 'letters, digits, . _ -', default: 'postlane' }),
    session_timeout: duration({ min: 3 * SECOND_MS, max: 30 * MINUTE_MS, default: 30 * SECOND_MS }),
    rebalance_timeout: duration({ min: 3 * SECOND_MS, max: 30 * MINUTE_MS, default: MINUTE_MS }),
    heartbeat_interval: optional(duration({ min: 100, max: MINUTE_MS })),
  }),
  schema_registry: record({ url: url('http|https', 'http://127.0.0.1:8081') }),
  redis: record({
    url: optional(url('redis|rediss')),
    key_prefix: text({ pattern: /^[A-Za-z0-9:._-]{0,64}$/, what: 'letters, digits, : . _ -', default: 'postlane:' }),
    command_timeout: duration({ min: 20, max: 5 * SECOND_MS, default: 250 }),
  }),
  http: record({ host: host('127.0.0.1'), port: integer({ min: 0, max: 65_535, default: 0 }) }),
  api: record({
    host: host('127.0.0.1'),
    port: integer({ min: 0, max: 65_535, default: 8_025 }),
    max_body: size({ min: 10_000, max: 1_000 * MEGABYTE, default: 20 * MEGABYTE }),
    max_requests: integer({ min: 1, max: 100_000, default: 1_000 }),
    max_queue: size({ min: 1 * MEGABYTE, max: 10_000 * MEGABYTE, default: 128 * MEGABYTE }),
    accept_timeout: duration({ min: 100, max: MINUTE_MS, default: 3 * SECOND_MS }),
    retention: duration({ min: HOUR_MS, max: 365 * DAY_MS, default: 30 * DAY_MS }),
  }),
  state_dir: text({ default: '.postlane' }),
  secrets,
  logs: record({ level: oneOf(LOG_LEVELS, { default: 'info' }), address_key: optional(reference) }),
  job: record({ max_size: size({ min: 1_000, max: 100 * MEGABYTE, default: 5 * MEGABYTE }) }),
  topics: record({
    partition_factor: integer({ min: 1, max: 100, default: 1 }),
    replication_factor: integer({ min: 1, max: 10, default: 1 }),
    overrides: list(topicOverride, { max: 200 }),
  }),
  router,
  worker,
  circuit: record({
    failures: integer({ min: 1, max: 1_000, default: 5 }),
    reset: duration({ min: 100, max: DAY_MS, default: MINUTE_MS }),
  }),
  relay: record({
    host: host('127.0.0.1'),
    port: integer({ min: 1, max: 65_535, default: 25 }),
    ...way,
    helo: host('localhost'),
  }),
  sources: named(
    record({
      mode: oneOf(['relay', 'direct'], { default: 'relay' }),
      host: optional(host()),
      port: optional(integer({ min: 1, max: 65_535 })),
      ...sourceWay,
      local_address: optional(host()),
      helo: optional(host()),
      region: optional(regionName),
    }),
    { max: 1_000 },
  ),
  pools: named(
    record({
      sources: list(text({ pattern: /^[a-z0-9][a-z0-9-]{0,62}$/, what: 'the name of a source' }), { max: 100 }),
      [MIXING_KEY]: flag({ default: false }),
    }),
    { max: 1_000 },
  ),
  providers: named(
    record({
      domains: list(domain, { max: 10_000 }),
      max_connections: optional(integer({ min: 1, max: 1_000 })),
      max_messages_per_connection: optional(integer({ min: 1, max: 100_000 })),
      rate_limit: rate,
      why: optional(text()),
    }),
    { max: PROVIDERS.length, known: PROVIDERS },
  ),
  sites: named(
    record({
      mx: list(domain, { max: 100 }),
      max_connections: connections10,
      max_messages_per_connection: messagesPerConnection,
      rate_limit: rate,
      tls: oneOf(['opportunistic', 'required'], { default: 'opportunistic' }),
      why: text(),
    }),
    { max: 1_000 },
  ),
  mail_exchangers: record({
    learn: oneOf(LEARNING, { default: 'direct' }),
    allow_private_addresses: flag({ default: false }),
  }),
  senders: wordOr(
    sendersMode,
    record({ mode: oneOf(sendersMode, { default: 'lenient' }), domains: list(sender, { max: 100_000 }) }),
  ),
  feedback_id: record({
    // Gmail: the last field is 5 to 15 characters, mandatory and stable.
    sender_id: text({ pattern: /^[A-Za-z0-9._-]{5,15}$/, what: '5 to 15 letters, digits, . _ -', default: 'postlane' }),
  }),
  unsubscribe: record({
    base_url: optional(url('https|http')),
    /** Makes the links: secret lines, the first of which signs. */
    key: optional(reference),
    host: host('127.0.0.1'),
    port: integer({ min: 0, max: 65_535, default: 8_027 }),
  }),
  verp: record({ key: optional(reference) }),
  privacy: record({
    hash_addresses: flag({ default: false }),
    /** Hashes recipients: secret lines, the first of which hashes; by the others it was done before. */
    address_key: optional(reference),
  }),
  inbound,
  submission,
  webhooks,
  notifier,
  reputation,
  dns: dnsShape(domain),
  placement: placementShape(reference),
});

/** postlane.yaml as it was read, every value in range, before names are resolved. */
export type Read = field.ValueOf<typeof postlaneYaml>;
