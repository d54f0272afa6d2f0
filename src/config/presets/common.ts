import { type PresetSetting, setting } from './preset.ts';

/** What every sender needs, whatever its size. */
export const COMMON: readonly PresetSetting[] = [
  setting('router.max_age', '72h', 'a mail that is three days late helps nobody; topics keep jobs for seven'),
  setting('router.dedup_window', '7d', 'as long as topics keep jobs: the same id is sent once, whatever is replayed'),
  setting(
    'router.throttle_score',
    0.7,
    'marketing of senders below it goes to a lane of its own, so that it holds up no other',
  ),
  setting(
    'router.queues.transactional.priority',
    'high',
    'somebody waits for it: served first, committed every few milliseconds',
  ),
  setting('router.queues.transactional.on_uncertain', 'resend', 'a second copy of a receipt does less harm than none'),
  setting(
    'router.queues.transactional.retry_policy.max_retries',
    12,
    'about a day of attempts, then nobody waits any more',
  ),
  setting(
    'router.queues.transactional.retry_policy.backoff',
    ['30s', '2m', '5m', '15m', '30m', '1h', '2h', '4h'],
    'soon at first, since greylisting ends after minutes; then rarely, since what lasts hours lasts longer',
  ),
  setting('router.queues.notification.priority', 'normal', 'before marketing, behind what somebody waits for'),
  setting('router.queues.notification.on_uncertain', 'resend', 'a second copy is a nuisance, none is a complaint'),
  setting(
    'router.queues.marketing.priority',
    'low',
    'it can wait; committed rarely, which saves the broker transactions',
  ),
  setting(
    'router.queues.marketing.on_uncertain',
    'drop',
    'after a crash: twice the same campaign costs complaints, and a missing copy nothing',
  ),
  setting('router.queues.marketing.retry_policy.max_retries', 7, 'two days of attempts: then the offer is over'),
  setting(
    'router.queues.marketing.retry_policy.backoff',
    ['15m', '1h', '2h', '4h', '8h', '16h', '24h'],
    'a provider that defers bulk mail wants less of it: never again within a quarter of an hour',
  ),
  setting('circuit.failures', 5, 'five failures in a row are no accident'),
  setting('circuit.reset', '60s', 'long enough for a restart over there, short enough to be forgotten'),
  setting(
    'reputation.warm_up.enabled',
    true,
    'sudden volume from a new source is what spam looks like; only sources listed as new are warmed up',
  ),
  setting(
    'reputation.warm_up.initial_volume',
    100,
    'per source, provider and day: what providers take from a stranger',
  ),
  setting(
    'reputation.warm_up.daily_increase',
    0.2,
    'twenty per cent more every day that went well: full volume in four to six weeks',
  ),
  setting('reputation.warm_up.max_daily_increase', 5_000, 'beyond that a day’s step is a spike again'),
  setting('reputation.warm_up.overflow', 'warm', 'what a new source may not send yet goes over a warm one of its pool'),
  setting('reputation.thresholds.bounce_rate', 0.02, 'two per cent of addresses that do not exist tell of a bad list'),
  setting(
    'reputation.thresholds.complaint_rate',
    0.001,
    'one complaint in a thousand: Gmail begins to file as spam at three',
  ),
  setting('reputation.action', 'throttle', 'less instead of nothing: the cause is found while mail goes on'),
  setting(
    'secrets.refresh',
    '60s',
    'a rotated credential is noticed within a minute, or at once when a relay refuses the old one',
  ),
];
