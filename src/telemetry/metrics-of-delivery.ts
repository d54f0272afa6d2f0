import {
  counter,
  DURATION_BUCKETS_MS,
  gauge,
  histogram,
  LEDGER_BUCKETS_BYTES,
  type MetricDeclaration,
} from './metric.ts';

const PIPELINE = [
  counter(
    'postlane_records_in_total',
    ['processor'],
    'Records taken in and committed. Worry when it stands still while the lag of the group grows.',
  ),
  counter(
    'postlane_records_out_total',
    ['processor'],
    'Records written in committed transactions. Worry when it stands still and records_in does not.',
  ),
  counter(
    'postlane_decisions_total',
    ['processor', 'decision'],
    'What a processor decided, per committed record: the router by lane or refusal. Worry when refusals grow against the rest.',
  ),
  counter(
    'postlane_gate_waits_total',
    ['processor'],
    'Times that a partition was held back: the ladder until its next record is due, the router while its views are not current. Worry when the router has any for longer than a minute.',
  ),
  histogram(
    'postlane_commit_duration_ms',
    ['processor'],
    DURATION_BUCKETS_MS,
    'From the fold to the committed transaction. Worry when the 99th percentile passes a second: the broker is slow or short of disk.',
  ),
  histogram(
    'postlane_transaction_duration_ms',
    ['group'],
    DURATION_BUCKETS_MS,
    'One transaction, which the tasks of a group in a process share. Worry when the 99th percentile passes a second.',
  ),
  histogram(
    'postlane_declaration_duration_ms',
    ['group'],
    DURATION_BUCKETS_MS,
    'Declaring mails that are about to be attempted, for all tasks of a group in a process: one request. Worry when the 99th percentile passes 500 ms.',
  ),
  counter(
    'postlane_commit_failures_total',
    ['processor'],
    'Transactions and declarations whose end is unknown or that were refused; each is tried again from the log. Worry when it keeps growing.',
  ),
  counter(
    'postlane_dead_letters_total',
    ['processor', 'reason'],
    'Records that could not be read or processed. Worry about any: `postlane dead-letters list` shows them.',
  ),
  counter(
    'postlane_tasks_opened_total',
    ['processor'],
    'Partitions taken over. Worry when it grows without a deployment: members are being thrown out of their group.',
  ),
  counter(
    'postlane_tasks_migrated_total',
    ['processor'],
    'Partitions lost to another owner while we believed to own them. Worry when it grows without a deployment.',
  ),
  counter(
    'postlane_consumer_crashes_total',
    ['group', 'restarts'],
    'Crashes of the consumer. Worry about restarts="false": that process ends and must be started anew.',
  ),
  counter(
    'postlane_offsets_out_of_range_total',
    ['topic'],
    'Positions that the log no longer holds. Worry about any: records may have been deleted unread.',
  ),
  counter(
    'postlane_view_restarts_total',
    ['topic'],
    'Local views that had to be read again from the beginning. Worry when it keeps growing.',
  ),
  counter(
    'postlane_view_rows_skipped_total',
    ['topic', 'reason'],
    'Rows of a table that a view could not read. Worry about any: the view does not know what they say.',
  ),
  gauge(
    'postlane_view_staleness_ms',
    ['topic'],
    'Time since a local view last knew itself to be current. Worry above 10000: marketing mail is then held back.',
  ),
];

const WORKER = [
  counter(
    'postlane_units_total',
    ['queue', 'provider', 'what'],
    'What became of the units of a lane: sent, deferred, bounced and so on. Worry when bounced or deferred grow against sent.',
  ),
  gauge(
    'postlane_units_in_flight',
    ['queue'],
    'Mails declared and not yet settled. Worry when it stays at worker.in_flight_max: sites are slow.',
  ),
  gauge(
    'postlane_units_queued',
    ['queue', 'provider'],
    'Mails waiting in the site queues of this process. Worry when it stays at worker.all_queues.max_mails.',
  ),
  gauge(
    'postlane_lanes_paused',
    ['queue'],
    'Lanes of which nothing is read because every source is spent for the provider. Worry when a lane stays paused for hours.',
  ),
  gauge(
    'postlane_circuits_open',
    ['source', 'provider'],
    'Sites that are left alone after repeated failures. Worry when a provider stays open for many resets.',
  ),
  counter(
    'postlane_mx_lookups_total',
    ['outcome'],
    'Look-ups of mail exchangers, by how they ended: found, null-mx, no-such-domain, unknown. Worry when unknown grows: the name servers do not answer.',
  ),
  counter(
    'postlane_broken_tls_total',
    ['source'],
    'Mail exchangers whose STARTTLS failed and that are talked to in clear for three days. Worry when it grows by many at once: somebody may be stripping it.',
  ),
  counter(
    'postlane_site_conditions_total',
    ['source', 'provider', 'rule'],
    'Times that a site asked a source for less, by the shaping rule that its reply fired. Worry when a source has many at one provider: its name is going bad there.',
  ),
  counter(
    'postlane_uncertain_units_total',
    ['processor'],
    'Mails of a crashed predecessor of which a copy may have gone out; each is named in the results. Worry when it grows without a crash.',
  ),
  histogram(
    'postlane_ledger_bytes',
    ['processor'],
    LEDGER_BUCKETS_BYTES,
    'Length of the committed ledger. Worry above 3000: the lane declares nothing until it shrinks.',
  ),
  counter(
    'postlane_unsigned_mails_total',
    ['queue'],
    'Mails sent without a DKIM signature, since their domain has no key. Worry about any in production.',
  ),
];

const LIMITS = [
  gauge(
    'postlane_limiter_mode',
    ['mode'],
    '1 for where limits are counted: redis, or share where each worker keeps to its part. Worry when share stays 1 although Redis is configured.',
  ),
  counter(
    'postlane_limiter_mode_changes_total',
    ['mode'],
    'Changes to that mode. Worry when it keeps growing: every change may cost one burst.',
  ),
];

const SECRETS = [
  counter(
    'postlane_secret_reads_total',
    ['scheme', 'what'],
    'Reads of secrets by where they are kept: read for the first time, unchanged, changed, failed. Worry when failed keeps growing: the store is away, and a rotation would not be noticed.',
  ),
  gauge(
    'postlane_secrets_stale',
    ['scheme'],
    'Secrets that could not be read the last time; their last good value is used. Worry when it stays above 0.',
  ),
  counter(
    'postlane_secret_changes_total',
    ['what', 'outcome'],
    'Keys made of changed secrets: taken or rejected. Worry about any that was rejected: the old key is still used.',
  ),
  gauge(
    'postlane_secret_rejected',
    ['what'],
    '1 while a new secret is no good for what it is for and the one before is used. Worry about any: a rotation went wrong.',
  ),
  counter(
    'postlane_log_ins_total',
    ['source', 'outcome'],
    'Log-ins at relays: accepted, refused, or accepted with the last good credential after the newest was refused (fallback). Worry about any fallback, and when refused grows without a rotation.',
  ),
  gauge(
    'postlane_credential_refused',
    ['source'],
    '1 while the relay refuses the newest credential of a source. Worry about any: the source lives on the last good one, or sends nothing.',
  ),
  counter(
    'postlane_vault_tokens_total',
    ['what'],
    'Our token at Vault: renewed, or failed to be. Worry when failed keeps growing: after its end no secret can be read there.',
  ),
];

const PROCESS = [
  gauge(
    'postlane_event_loop_delay_ms',
    ['quantile'],
    'How late the event loop ran since the last look. Worry when the 0.99 quantile passes 200: heartbeats and time-outs become unreliable.',
  ),
];

/** From ingest to the mail server: what every processor counts, and what sending does. */
export const DELIVERY_METRICS: readonly MetricDeclaration[] = [
  ...PIPELINE,
  ...WORKER,
  ...LIMITS,
  ...SECRETS,
  ...PROCESS,
];
