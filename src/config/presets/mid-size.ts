import { COMMON } from './common.ts';
import { type Preset, pool, setting } from './preset.ts';

export const MID_SIZE: Preset = {
  summary: '10 000 to 100 000 mails a day, of all types',
  approach:
    'tiers of queues, and an address of its own for transactional mail: marketing can grow and cannot spoil it. Medium cost.',
  settings: [
    ...COMMON,
    setting(
      'router.queues.transactional.ip_pool',
      'dedicated-transactional',
      'password resets share an address with nothing else',
    ),
    setting(
      'router.queues.notification.ip_pool',
      'shared-notification',
      'apart from marketing, and not worth an address of its own yet',
    ),
    setting('router.queues.marketing.ip_pool', 'shared-marketing', 'where complaints come from, kept apart'),
    ...pool(
      'dedicated-transactional',
      ['transactional-1', 'transactional-shared'],
      'the dedicated address first; the provider’s shared one takes what the warm-up of the other does not allow yet',
    ),
    ...pool('shared-notification', ['notification-1'], 'the provider’s shared addresses are warm'),
    ...pool(
      'shared-marketing',
      ['marketing-1'],
      'the provider’s shared addresses are warm, and marketing alone would not keep a dedicated one so',
    ),
    setting(
      'reputation.warm_up.sources',
      ['transactional-1'],
      'the dedicated address is new; take it out of the list once it is warm',
    ),
    setting(
      'router.queues.marketing.rate_limit',
      1_200,
      'mails a minute and worker: 100 000 take an hour and a half, and no provider sees a spike',
    ),
    setting('worker.in_flight_max', 128, 'what a crash can leave in doubt, enough for some hundred mails a second'),
    setting('topics.partition_factor', 1, 'three partitions serve three workers of each queue'),
    setting('topics.replication_factor', 3, 'an accepted mail survives the loss of a broker'),
    setting('senders.mode', 'strict', 'mail that nobody signed costs the reputation of those who did'),
    setting('reputation.min_volume', 200, 'rates of fewer mails swing too far to act on'),
  ],
};
