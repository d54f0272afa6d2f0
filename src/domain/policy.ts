/** What the operator decides, as the cores see it: plain values, already checked. `src/config` makes them. */

export const EMAIL_TYPES = ['transactional', 'notification', 'marketing'] as const;
/** What kind of mail a job is. Traffic of different types never shares a source unless the operator insists. */
export type EmailType = (typeof EMAIL_TYPES)[number];

export const QUEUES = ['transactional', 'notification', 'marketing', 'marketing-throttled'] as const;
/** The first half of a lane's name. */
export type Queue = (typeof QUEUES)[number];

export const PROVIDERS = ['google', 'microsoft', 'yahoo', 'apple', 'other'] as const;
/** The second half of a lane's name: who runs the recipient's mailbox. `other` holds many sites, one per domain. */
export type Provider = (typeof PROVIDERS)[number];

/** A lane is one topic: `email.send.<queue>.<provider>`. */
export interface Lane {
  readonly queue: Queue;
  readonly provider: Provider;
}

/** What happens to a unit that a crashed predecessor had declared and not settled (DESIGN section 6). */
export type OnUncertain = 'resend' | 'hold' | 'drop';

/** `delaysMs[n]` is the wait before retry n+1; the last one repeats. `retriesMax` retries after the first attempt. */
export interface RetryPolicy {
  readonly retriesMax: number;
  readonly delaysMs: readonly number[];
  /** 0.2 means ±20 %. */
  readonly jitterRatio: number;
}

export interface QueuePolicy {
  readonly queue: Queue;
  /** Name of the pool whose sources send this queue's mail. */
  readonly pool: string;
  /** The article's `rate_limit`: messages per minute and worker process. `null`: no limit. */
  readonly ratePerMinutePerWorker: number | null;
  readonly retry: RetryPolicy;
  readonly onUncertain: OnUncertain;
  /** A job older than this after `sendAt` or acceptance ends `expired`. */
  readonly ageMaxMs: number;
  /** How often an owner of a partition of this queue commits while there is something to say. */
  readonly tickMs: number;
}

export type TlsPolicy = 'none' | 'opportunistic' | 'starttls' | 'implicit';

/** One way out: a relay's endpoint, or (direct mode) an own address. The unit of reputation on our side. */
export interface Source {
  readonly name: string;
  readonly mode: 'relay' | 'direct';
  /** Relay only. */
  readonly host: string;
  readonly port: number;
  readonly tls: TlsPolicy;
  /** `false` only for a relay whose certificate cannot be checked (tests, private networks). */
  readonly tlsVerify: boolean;
  /** References, resolved by the secrets port; never the secret itself. */
  readonly user: string | null;
  readonly password: string | null;
  readonly localAddress: string | null;
  readonly helo: string;
  /** Connections in all, over every site. */
  readonly connectionsMax: number;
  readonly messagesPerConnectionMax: number;
  /** Where it is; null where nobody has said. */
  readonly region: string | null;
  /** It is another region's than the process's: used only while none of its own is available. */
  readonly isAway: boolean;
}

export interface Pool {
  readonly name: string;
  /** Types that may use it; more than one only where the operator insists. */
  readonly types: readonly EmailType[];
  /** Names of sources, in order of preference. */
  readonly sources: readonly string[];
}

/** What one provider's site takes from one source. `null`: no limit. */
export interface SiteLimits {
  readonly connectionsMax: number;
  readonly messagesPerConnectionMax: number;
  readonly ratePerMinute: number | null;
}

export interface ProviderRule {
  readonly provider: Provider;
  /** Recipient domains that belong to it outright (A-labels, lower case). */
  readonly domains: readonly string[];
  readonly limits: SiteLimits;
  readonly why: string;
}

/** A domain that mail may claim to come from. */
export interface Sender {
  readonly domain: string;
  readonly dkim: readonly DkimKey[];
  /** Domain of the VERP return path. */
  readonly returnPathDomain: string;
}

export interface DkimKey {
  readonly selector: string;
  readonly algorithm: 'rsa-sha256' | 'ed25519-sha256';
  /** A secret reference (`file:…`, `env:…`) to a PKCS#8 PEM private key. */
  readonly privateKey: string;
}
