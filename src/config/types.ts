import type { TopicOverride } from '../contracts/catalog.ts';
import type { EmailType, Pool, ProviderRule, QueuePolicy, Sender, Source } from '../domain/policy.ts';
import type { SiteRule } from '../domain/site-rules.ts';
import type { PresetName } from './presets.ts';

/**
 * Everything the operator decides, read once and checked whole: plain frozen values. Spans are milliseconds, sizes are
 * bytes. Where a comment says *reference*, the value names a secret (docs/secrets.md), resolved by `src/secrets`; never the secret.
 */
export interface Config {
  /** Every region there is; none: every name and every source is everybody's. */
  readonly regions: readonly RegionConfig[];
  /** The one that this process works in. `null` where there are none, and where nobody has said which one is meant. */
  readonly region: RegionConfig | null;
  /** What the file leaves open is as this preset says. `null`: as the defaults say. */
  readonly preset: PresetName | null;
  readonly kafka: KafkaConfig;
  readonly registry: { readonly url: string };
  /** `null`: no Redis; every worker keeps to its share of the limits. */
  readonly redis: RedisConfig | null;
  readonly http: { readonly host: string; readonly port: number };
  readonly api: ApiConfig;
  /** Directory of local stores, keys that were made at first start, and what `up` started. */
  readonly stateDir: string;
  readonly secrets: SecretsConfig;
  readonly logs: LogConfig;
  readonly job: { readonly bytesMax: number };
  readonly topics: TopicConfig;
  readonly router: RouterConfig;
  readonly worker: WorkerConfig;
  readonly circuit: CircuitConfig;
  /** One per queue of the domain, always all of them. */
  readonly queues: readonly QueueConfig[];
  readonly pools: readonly Pool[];
  readonly sources: readonly Source[];
  /** One per provider of the domain, always all of them. */
  readonly providers: readonly ProviderRule[];
  /** Who is behind which mail exchangers: the operator's rules first, then the table that comes along. */
  readonly sites: readonly SiteRule[];
  readonly mailExchangers: MailExchangersConfig;
  readonly senders: SendersConfig;
  readonly feedbackId: { readonly senderId: string };
  readonly unsubscribe: UnsubscribeConfig;
  /** Reference to the keys of return paths, one on a line, the first of which signs. `null`: return paths carry no token. */
  readonly verp: { readonly key: string | null };
  readonly privacy: {
    /** Recipients stand as keyed hashes in what is kept for long (docs/reputation.md). */
    readonly hashAddresses: boolean;
    /** Reference to the keys, one on a line: the first hashes, the others did before. `null`: nothing ever was hashed. */
    readonly addressKey: string | null;
  };
  readonly inbound: InboundConfig;
  readonly submission: SubmissionConfig;
  readonly webhooks: WebhooksConfig;
  readonly notifier: NotifierConfig;
  readonly reputation: ReputationConfig;
  readonly dns: DnsConfig;
  readonly placement: PlacementConfig;
}

export const RESIDENCIES = ['strict', 'prefer'] as const;

/** A part of the world with topics, workers and sources of its own (docs/regions.md). */
export interface RegionConfig {
  /** Part of the names of its topics and groups. */
  readonly name: string;
  /** `strict`: only its own sources send its mail. `prefer`: those of others as well, while none of its own is available. */
  readonly residency: (typeof RESIDENCIES)[number];
  /** Regions whose scores its routers heed beside their own: how they are regarded, never who they write to. */
  readonly heeds: readonly string[];
  /** Where it has a cluster of its own. `null`: that of the file. */
  readonly brokers: readonly string[] | null;
  readonly registryUrl: string | null;
  /** May hold a password: never logged or shown. */
  readonly redisUrl: string | null;
}

export interface KafkaConfig {
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
}

export interface RedisConfig {
  /** May hold a password: never logged or shown. */
  readonly url: string;
  readonly keyPrefix: string;
  readonly commandTimeoutMs: number;
}

/** The HTTP API. */
export interface ApiConfig {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Of the body of one request. */
  readonly bodyBytesMax: number;
  /** Requests that are under way at once. */
  readonly requestsMax: number;
  /** Bodies, and records on their way to the log, of all requests together. */
  readonly queueBytesMax: number;
  /** A mail that the log has not taken by then is answered with 503. */
  readonly acceptMsMax: number;
  /** How long what became of a mail can be asked for. */
  readonly retentionMs: number;
}

/** Where references to secrets lead, and how often they are read anew. */
export interface SecretsConfig {
  readonly refreshMs: number;
  /** Of one request to a store. */
  readonly timeoutMs: number;
  /** How long a log-in that was refused is not tried again while an older one works. */
  readonly retryMs: number;
  /** `null`: `vault:` cannot be resolved. */
  readonly vault: VaultConfig | null;
  readonly aws: AwsSecretsConfig;
}

export interface VaultConfig {
  /** Without a slash at its end. */
  readonly address: string;
  readonly namespace: string | null;
  /** PEM of the authority that signed Vault's certificate. `null`: a public one did. */
  readonly caFile: string | null;
  /** References here are `file:` or `env:`: what opens the vault cannot lie in it. */
  readonly auth:
    | { readonly kind: 'token'; readonly token: string }
    | { readonly kind: 'approle'; readonly mount: string; readonly roleId: string; readonly secretId: string };
}

/** What is not set is the SDK's to find. */
export interface AwsSecretsConfig {
  readonly region: string | null;
  readonly endpoint: string | null;
}

export interface LogConfig {
  readonly level: LogLevel;
  /** Reference to the key under which addresses are hashed in logs. `null`: a random one per process. */
  readonly addressKey: string | null;
}

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface TopicConfig {
  /** Multiplies the partition counts of topics.yaml. */
  readonly partitionFactor: number;
  readonly replicationFactor: number;
  /** By the name of a topic, or of an entry of topics.yaml (`email.send.{queue}.{provider}`). */
  readonly overrides: Readonly<Record<string, TopicOverride>>;
}

export interface RouterConfig {
  readonly dedupWindowMs: number;
  /** Records folded into one transaction. */
  readonly batchMax: number;
  /** A marketing job whose score is below it goes to the throttled queue. 0 … 1. */
  readonly throttleScore: number;
  readonly sendAtMaxMs: number;
  /** Maximum age of queues that state none. */
  readonly ageMaxMs: number;
}

export interface WorkerConfig {
  /** Mails declared and not settled, per process: what a crash can leave in doubt. */
  readonly inFlightMax: number;
  readonly siteQueue: QueueBounds;
  /** Over all site queues of a process. */
  readonly allQueues: QueueBounds;
  /** Multiplies every SMTP time-out. 1 in production; tests shrink it. */
  readonly patienceFactor: number;
  readonly drainMs: number;
}

export interface QueueBounds {
  readonly unitsMax: number;
  readonly bytesMax: number;
}

export interface CircuitConfig {
  readonly failures: number;
  readonly resetMs: number;
}

export const PRIORITIES = ['high', 'normal', 'low'] as const;
/** The order in which a worker serves its queues; decides the tick of a queue that states none. */
export type Priority = (typeof PRIORITIES)[number];

export interface QueueConfig extends QueuePolicy {
  readonly priority: Priority;
}

export interface SendersConfig {
  /** `lenient`: mail from a domain that is not in the list goes unsigned and is counted. `strict`: it is refused. */
  readonly mode: 'lenient' | 'strict';
  readonly list: readonly Sender[];
}

/** The listener for mail to our return paths. */
export interface InboundConfig {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** As which it greets. Null: the name of the machine. */
  readonly hostname: string | null;
  /** Addresses besides the return paths, in lower case; what a mail to them is read as. */
  readonly addresses: readonly {
    readonly address: string;
    readonly format: 'dsn' | 'arf';
    /** Whose mail it gets; null where there are no regions. */
    readonly region: string | null;
  }[];
  /** Of one mail: larger ones are refused. */
  readonly mailBytesMax: number;
  readonly connectionsMax: number;
  /** References to key and certificate for STARTTLS. `null`: it is not offered. */
  readonly tls: { readonly key: string; readonly certificate: string } | null;
}

/** Links by which people unsubscribe, and where they lead. */
export interface UnsubscribeConfig {
  /** Links that begin with it are ours, so one click is honoured. `null`: no links of ours. */
  readonly baseUrl: string | null;
  /** Reference to the keys that links are made with, one on a line, the first of which makes them. `null`: none are made. */
  readonly key: string | null;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

/** The listener for mails that applications hand in by SMTP. */
/** How a connection comes to TLS (RFC 8314): by STARTTLS, or it begins with the handshake. */
export const SUBMISSION_TLS = ['starttls', 'implicit'] as const;

export interface SubmissionConfig {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** As which it greets. Null: the name of the machine. */
  readonly hostname: string | null;
  /** Of mails that say nothing about it. */
  readonly typeDefault: EmailType;
  /** Of one mail: larger ones are refused, as are those that make no job of `job.bytesMax`. */
  readonly mailBytesMax: number;
  readonly recipientsMax: number;
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
  /** Mails that are being read, and records on their way to the log, each. */
  readonly queueBytesMax: number;
  /** A mail that the log has not taken by then is answered with 451. */
  readonly acceptMsMax: number;
  readonly tlsMode: (typeof SUBMISSION_TLS)[number];
  /** References to key and certificate. `null`: one of our own making stands in. */
  readonly tls: { readonly key: string; readonly certificate: string } | null;
}

/** Where providers tell us what became of mails. */
export interface WebhooksConfig {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly routes: readonly WebhookRoute[];
  /** PEM file of who may have issued SNS's certificates. Null: the authorities that Node trusts, or Amazon's own host. */
  readonly snsCaFile: string | null;
}

/** Telling customers' endpoints what became of mails. */
export interface NotifierConfig {
  /** Reference to the key that seals the secrets of endpoints. `null`: there can be no endpoints. */
  readonly key: string | null;
  /** Deliveries that are under way at once, per process. */
  readonly inFlightMax: number;
  /** Of those, to one endpoint. */
  readonly perEndpointMax: number;
  /** Of one attempt, from the name to the end of the answer. */
  readonly timeoutMs: number;
  /** How long an event is tried; an endpoint that takes nothing for so long is paused. */
  readonly retryForMs: number;
  /** Endpoints without TLS are taken. */
  readonly allowHttp: boolean;
  /** Networks (`10.0.0.0/8`) that endpoints may lie in although they are not public. */
  readonly allowedNetworks: readonly string[];
}

export interface WebhookRoute {
  /** Part of its path: `/v1/webhooks/<name>`. */
  readonly name: string;
  /** Whose mail it is told about; null where there are no regions. */
  readonly region: string | null;
  readonly format: 'ses' | 'sendgrid' | 'mailgun' | 'postmark' | 'generic';
  /** Reference to what proves the sender. Null for `ses` only, which proves itself by certificate. */
  readonly secret: string | null;
  /** SNS topics that may speak. */
  readonly topics: readonly string[];
  /** SHA-1 signatures of SNS are taken as well. */
  readonly allowSnsSignatureV1: boolean;
  /** Its reports are about mails of this tenant only. Null: of any. */
  readonly tenant: string | null;
  /** Its reports are about mails of these sources only. Empty: of any. */
  readonly sources: readonly string[];
}

export const REPUTATION_ACTIONS = ['throttle', 'pause', 'alert'] as const;
export const OVERFLOWS = ['warm', 'hold'] as const;
export const PREFERENCES = ['warm', 'new'] as const;

export interface ReputationConfig {
  readonly warmUp: {
    readonly enabled: boolean;
    readonly initialVolume: number;
    /** 0.2 means 20 % more every day. */
    readonly dailyIncreaseRatio: number;
    readonly dailyIncreaseMax: number;
    /** Names of the sources that are new, and are warmed up; no others are. */
    readonly sources: readonly string[];
    /** What bulk mail does beyond the allowance: goes over a warm source of the pool, or waits. */
    readonly overflow: (typeof OVERFLOWS)[number];
    /** Which sources of its pool transactional mail goes over first; all other mail is the new ones' first. */
    readonly transactionalFirst: (typeof PREFERENCES)[number];
  };
  readonly thresholds: { readonly bounceRatio: number; readonly complaintRatio: number };
  readonly action: (typeof REPUTATION_ACTIONS)[number];
  /** Identities with fewer mails in the window are not judged. */
  readonly volumeMin: number;
  readonly windowMs: number;
  /** How late an event may come and still count in its own minute. */
  readonly latenessMs: number;
  /** Whom a complaint suppresses the address for. */
  readonly complaintScope: 'tenant' | 'all';
}

export interface ResolverConfig {
  /** `address` or `address:port` of name servers. Empty: those of the system. */
  readonly servers: readonly string[];
  /** Of a whole look-up. */
  readonly timeoutMs: number;
}

/** Seed mailboxes, and the probes that go to them. */
export interface PlacementConfig {
  readonly seeds: readonly SeedMailbox[];
  /** Between two probes to every seed. `null`: none on a schedule. */
  readonly intervalMs: number | null;
  /** Between two looks while a probe is on its way. */
  readonly pollMs: number;
  /** A probe that was not seen by then is missing. */
  readonly deadlineMs: number;
  /** What goes out on the schedule; `null`: nothing. */
  readonly probe: {
    readonly type: EmailType;
    readonly from: string;
    readonly subject: string;
    readonly text: string;
    readonly html: string | null;
  } | null;
  /** What a rate is counted over. */
  readonly windowMs: number;
  /** Rates of fewer probes alarm nobody. */
  readonly probesMin: number;
  /** A share of the inbox below it is an alarm. 0 … 1. */
  readonly alertBelow: number;
  /** A share that is lower than the one before by so much is an alarm. 0 … 1. */
  readonly alertFall: number;
}

export interface SeedMailbox {
  readonly name: string;
  readonly address: string;
  readonly host: string;
  readonly port: number;
  readonly tls: 'implicit' | 'starttls' | 'none';
  readonly tlsVerify: boolean;
  /** References. */
  readonly user: string;
  readonly password: string;
  /** Folder of spam; `null`: the one that the server calls so. */
  readonly spam: string | null;
  /** Folders that count as tabs. */
  readonly tabs: readonly string[];
}

/** How the DNS is asked, and what about. */
export interface DnsConfig {
  readonly resolver: ResolverConfig;
  /** Name servers for look-ups in blocklists. Empty: those of `resolver`. */
  readonly blocklistResolver: readonly string[];
  /** Of all checks of a domain together. */
  readonly deadlineMs: number;
  /** Between two checks of everything. `null`: the role checks at its start only. */
  readonly intervalMs: number | null;
  /** How long the DNS must have shown a new key before mail is signed with it: not every server has it at once. */
  readonly keySettleMs: number;
  readonly blocklists: readonly string[];
  /** Addresses of sources as the Internet sees them, where `local_address` does not say it. */
  readonly addresses: readonly { readonly source: string; readonly address: string }[];
  readonly domains: readonly DnsDomain[];
}

export const LEARNING = ['direct', 'always', 'never'] as const;

export interface MailExchangersConfig {
  /** Whose recipients' domains are looked up: those of pools with a direct source, of every pool, or of none. */
  readonly learn: (typeof LEARNING)[number];
  /** Direct sources talk to exchangers at private addresses too. */
  readonly allowPrivateAddresses: boolean;
}

/** What a domain's DNS is expected to say. */
export interface DnsDomain {
  readonly name: string;
  readonly spf: string | null;
  /** Name of the DKIM record. */
  readonly dkim: string | null;
  readonly dmarc: string | null;
}

/** One thing that is wrong. `line` counts from 1; `null` where the value came from the environment or is missing whole. */
export interface Problem {
  readonly path: string;
  readonly line: number | null;
  readonly message: string;
}
