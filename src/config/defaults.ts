import type { EmailType, OnUncertain, Provider, ProviderRule, Queue } from '../domain/policy.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../domain/time.ts';
import type { Priority } from './types.ts';

/** Retention of every topic that carries a job (topics.yaml): a job's maximum age must stay below it. */
export const CARRYING_RETENTION_MS = 7 * DAY_MS;
/** Retention of `email.router-seen.<type>` (topics.yaml): deduplication cannot look back further. */
export const SEEN_RETENTION_MS = 7 * DAY_MS;

/** Which type of mail a queue carries: what segregates the pools. */
export const TYPE_OF_QUEUE: Readonly<Record<Queue, EmailType>> = {
  transactional: 'transactional',
  notification: 'notification',
  marketing: 'marketing',
  'marketing-throttled': 'marketing',
};

export interface QueueDefaults {
  readonly priority: Priority;
  readonly delaysMs: readonly number[];
  readonly retriesMax: number;
  readonly onUncertain: OnUncertain;
}

const TRANSACTIONAL: QueueDefaults = {
  priority: 'high',
  // Somebody waits for it: early retries come quickly, and after a day it is of no use.
  delaysMs: [
    30 * SECOND_MS,
    2 * MINUTE_MS,
    5 * MINUTE_MS,
    15 * MINUTE_MS,
    30 * MINUTE_MS,
    HOUR_MS,
    2 * HOUR_MS,
    4 * HOUR_MS,
  ],
  retriesMax: 12,
  onUncertain: 'resend',
};

const NOTIFICATION: QueueDefaults = {
  priority: 'normal',
  delaysMs: [MINUTE_MS, 5 * MINUTE_MS, 15 * MINUTE_MS, HOUR_MS, 2 * HOUR_MS, 4 * HOUR_MS],
  retriesMax: 16,
  onUncertain: 'resend',
};

const MARKETING: QueueDefaults = {
  priority: 'low',
  // A provider that defers bulk mail wants less of it: nothing is tried again before a quarter of an hour.
  delaysMs: [15 * MINUTE_MS, HOUR_MS, 2 * HOUR_MS, 4 * HOUR_MS, 8 * HOUR_MS, 16 * HOUR_MS, DAY_MS],
  retriesMax: 7,
  onUncertain: 'resend',
};

export const QUEUE_DEFAULTS: Readonly<Record<Queue, QueueDefaults>> = {
  transactional: TRANSACTIONAL,
  notification: NOTIFICATION,
  marketing: MARKETING,
  'marketing-throttled': MARKETING,
};

/** A lane that somebody waits for commits often; a bulk lane saves the broker's transactions (DESIGN section 6). */
export const TICK_MS: Readonly<Record<Priority, number>> = { high: 5, normal: 20, low: 75 };

/** Cap of `backoff: exponential` where none is written. */
export const EXPONENTIAL_DELAY_MS_MAX = 4 * HOUR_MS;

const YAHOO_COUNTRIES = [
  'ca',
  'de',
  'es',
  'fr',
  'gr',
  'ie',
  'in',
  'it',
  'ro',
  'se',
  'co.uk',
  'co.in',
  'co.id',
  'co.nz',
  'com.ar',
  'com.au',
  'com.br',
  'com.hk',
  'com.mx',
  'com.ph',
  'com.sg',
  'com.tr',
  'com.tw',
  'com.vn',
];
const MICROSOFT_COUNTRIES = [
  'co.uk',
  'be',
  'ca',
  'de',
  'dk',
  'es',
  'fr',
  'it',
  'nl',
  'no',
  'se',
  'com.au',
  'com.br',
  'com.ar',
  'com.mx',
];

const rule = (
  provider: Provider,
  connectionsMax: number,
  messagesPerConnectionMax: number,
  why: string,
  domains: readonly string[],
): ProviderRule => ({
  provider,
  domains,
  limits: { connectionsMax, messagesPerConnectionMax, ratePerMinute: null },
  why,
});

/**
 * What each provider takes from one source, before warm-up. Figures of public shaping data, as MAIL.md 2 has them. The
 * `.test` domains are the mailbox simulator's: the name is reserved, so they can harm nobody.
 */
export const PROVIDER_DEFAULTS: Readonly<Record<Provider, ProviderRule>> = {
  google: rule('google', 5, 50, 'five connections for all of its MX groups together, fifty mails on each', [
    'gmail.com',
    'googlemail.com',
    'google.com',
    'google.test',
  ]),
  microsoft: rule('microsoft', 5, 50, 'five connections for consumer mailboxes, fifty mails on each', [
    'outlook.com',
    'hotmail.com',
    'live.com',
    'msn.com',
    'passport.com',
    'windowslive.com',
    ...MICROSOFT_COUNTRIES.flatMap((country) => [`outlook.${country}`, `hotmail.${country}`, `live.${country}`]),
    'microsoft.test',
  ]),
  yahoo: rule('yahoo', 10, 20, 'closes after twenty mails and does not mind being called again at once', [
    'yahoo.com',
    ...YAHOO_COUNTRIES.map((country) => `yahoo.${country}`),
    'ymail.com',
    'rocketmail.com',
    'aol.com',
    'aim.com',
    'yahoo.test',
  ]),
  apple: rule('apple', 10, 5, 'ten connections, and no more than five mails on each', [
    'icloud.com',
    'me.com',
    'mac.com',
    'apple.test',
  ]),
  other: {
    ...rule('other', 10, 100, 'what an unknown server can be expected to take: a hundred mails per second at most', []),
    limits: { connectionsMax: 10, messagesPerConnectionMax: 100, ratePerMinute: 6_000 },
  },
};

/** Longer ones, with a token behind them, do not fit into a line of a header (RFC 5322 section 2.1.1). */
export const BASE_URL_LENGTH_MAX = 200;
