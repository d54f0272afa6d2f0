import { COMMON } from './common.ts';
import { type Preset, pool, setting } from './preset.ts';

const STEADY = 'an address in a pool that is not listed as new is taken for warm';

export const ENTERPRISE: Preset = {
  summary: 'more than 100 000 mails a day',
  approach:
    'pools of dedicated addresses for each type and routing by score: full control over the reputation. High cost.',
  settings: [
    ...COMMON,
    setting('router.queues.transactional.ip_pool', 'dedicated-transactional', 'its reputation depends on nobody else'),
    setting(
      'router.queues.notification.ip_pool',
      'dedicated-notification',
      'enough volume to keep an address of its own warm',
    ),
    setting('router.queues.marketing.ip_pool', 'dedicated-marketing', 'its complaints stay with it'),
    setting(
      'router.queues.marketing-throttled.ip_pool',
      'dedicated-marketing',
      'the same addresses with less volume: bad campaigns must not earn fresh ones',
    ),
    ...pool(
      'dedicated-transactional',
      ['transactional-1', 'transactional-2'],
      'two, so that one may be listed or replaced and nobody waits',
    ),
    ...pool('dedicated-notification', ['notification-1'], 'one address that is used every day keeps its reputation'),
    ...pool(
      'dedicated-marketing',
      ['marketing-1', 'marketing-2', 'marketing-3'],
      'providers limit connections and rates per address: three carry a campaign in time',
    ),
    setting(
      'reputation.warm_up.sources',
      [],
      `${STEADY}; list new ones here, and they get their first hundred mails a day`,
    ),
    setting(
      'router.queues.marketing-throttled.rate_limit',
      60,
      'mails a minute and worker: those with a bad score go slowly enough to be stopped',
    ),
    setting('worker.in_flight_max', 256, 'what a crash can leave in doubt, enough for a thousand mails a second'),
    setting(
      'topics.partition_factor',
      2,
      'twice the members per group; partitions of lanes can grow later, those of tables cannot without a plan',
    ),
    setting('topics.replication_factor', 3, 'an accepted mail survives the loss of a broker'),
    setting('senders.mode', 'strict', 'mail that nobody signed costs the reputation of those who did'),
    setting('reputation.min_volume', 500, 'at this volume smaller samples are noise'),
    setting('reputation.complaint_scope', 'tenant', 'a complaint to one tenant is no wish about the others'),
    setting('api.max_requests', 4_000, 'requests under way at once, before 503: bursts of many applications'),
    setting('api.max_queue', '512MB', 'their bodies together, which lie in memory'),
    setting('inbound.max_connections', 1_000, 'bounces of a campaign come back within minutes'),
  ],
};
