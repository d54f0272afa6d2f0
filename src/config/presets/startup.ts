import { COMMON } from './common.ts';
import { type Preset, pool, setting } from './preset.ts';

export const STARTUP: Preset = {
  summary: 'up to 10 000 mails a day',
  approach:
    'one provider’s relay with its shared addresses: little to look after, and a reputation that is there already. Low cost.',
  settings: [
    ...COMMON,
    setting(
      'router.queues.transactional.ip_pool',
      'transactional',
      'a pool for each type from the first day: growing is then a matter of sources',
    ),
    setting(
      'router.queues.notification.ip_pool',
      'notification',
      'apart from marketing, whose complaints it would share',
    ),
    setting(
      'router.queues.marketing.ip_pool',
      'marketing',
      'apart from the others, also where the provider’s addresses are the same',
    ),
    ...pool(
      'transactional',
      ['transactional-1'],
      'one way out; the addresses behind it are the provider’s, who warms and watches them',
    ),
    ...pool(
      'notification',
      ['notification-1'],
      'a connection of its own to the same relay: at most providers a sub-account of its own',
    ),
    ...pool(
      'marketing',
      ['marketing-1'],
      'a connection of its own, so that a campaign waits for its own turn and nobody else does',
    ),
    setting(
      'router.queues.marketing.rate_limit',
      600,
      'mails a minute and worker: a campaign of 10 000 takes a quarter of an hour, and no shared address sees a spike',
    ),
    setting('worker.in_flight_max', 64, 'what a crash can leave in doubt; this volume never needs more at once'),
    setting('topics.partition_factor', 1, 'one worker of each kind is enough, and three partitions serve it'),
    setting('topics.replication_factor', 1, 'one broker; with a managed cluster write 3'),
    setting('senders.mode', 'lenient', 'mail of a domain that is not set up yet goes unsigned, and is counted'),
    setting('reputation.min_volume', 100, 'rates of fewer mails say nothing'),
  ],
};
