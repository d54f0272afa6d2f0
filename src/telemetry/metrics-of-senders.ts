import { counter, gauge, histogram, type MetricDeclaration } from './metric.ts';

const SENDERS = [
  gauge(
    'postlane_sender_verdict',
    ['subject', 'verdict'],
    '1 for what the last DNS check said of a sender domain, or of the addresses that mail leaves from: passes, fails or unknown. Worry about any fails.',
  ),
  gauge(
    'postlane_dns_findings',
    ['subject', 'severity'],
    'What the last DNS check found. Worry about any error; `postlane dns check` says what to publish.',
  ),
  gauge(
    'postlane_dns_checked_at_seconds',
    ['subject'],
    'When it was checked last, in seconds since the Unix epoch. Worry when it is older than two dns.interval.',
  ),
  gauge(
    'postlane_dkim_keys',
    ['sender', 'state'],
    'Keys of a sender domain by where they stand. Worry when waiting stays above 0: the record was not published.',
  ),
  counter(
    'postlane_dkim_key_failures_total',
    ['sender'],
    'New keys that could not be used, so that the old one goes on. Worry about any: the secret is missing or holds another key.',
  ),
];

const PLACEMENT = [
  counter(
    'postlane_placement_probes_total',
    ['provider', 'place'],
    'Probes by where they were found in seed mailboxes. Worry when spam or missing grow against inbox.',
  ),
  gauge(
    'postlane_placement_ratio',
    ['provider', 'place'],
    'Share of the probes of the last placement.window that were found there. Worry when inbox and tab together fall.',
  ),
  histogram(
    'postlane_placement_delay_ms',
    ['provider'],
    [1_000, 5_000, 15_000, 60_000, 300_000, 900_000, 3_600_000, 14_400_000],
    'From the publication of a probe to its arrival in the mailbox. Worry when the median passes some minutes.',
  ),
  gauge(
    'postlane_placement_alert',
    ['provider'],
    '1 while less mail arrives in the inbox than placement.alert_below, or than before by placement.alert_fall. Worry about any.',
  ),
  gauge(
    'postlane_seed_reachable',
    ['seed'],
    '1 where a seed mailbox could be looked into. Worry about any 0: what lies in it is not known.',
  ),
];

/** How senders stand: what the DNS says of them, and where their mail arrives. */
export const SENDER_METRICS: readonly MetricDeclaration[] = [...SENDERS, ...PLACEMENT];
