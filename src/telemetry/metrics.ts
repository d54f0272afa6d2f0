/**
 * Every metric there is. Counting under a name that is not here is a bug and crashes, so a graph cannot be silently empty.
 * The help says what it counts and when to worry. Label values come from closed sets or the configuration: never an
 * address, a recipient's domain or an id.
 */
export interface MetricDeclaration {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds, of histograms only. */
  readonly buckets?: readonly number[];
}

const DURATION_BUCKETS_MS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000];
const LEDGER_BUCKETS_BYTES = [16, 64, 256, 512, 1_024, 2_048, 3_072, 4_096];

const counter = (name: string, labels: readonly string[], help: string): MetricDeclaration => ({
  name,
  type: 'counter',
  help,
  labels,
});
const gauge = (name: string, labels: readonly string[], help: string): MetricDeclaration => ({
  name,
  type: 'gauge',
  help,
  labels,
});
const histogram = (
  name: string,
  labels: readonly string[],
  buckets: readonly number[],
  help: string,
): MetricDeclaration => ({ name, type: 'histogram', help, labels, buckets });

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
  counter(
    'postlane_commit_failures_total',
    ['processor'],
    'Transactions whose end is unknown or that were refused; each is tried again from the log. Worry when it keeps growing.',
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

const HTTP = [
  counter(
    'postlane_http_requests_total',
    ['operation', 'status'],
    'Requests to the HTTP API by what was asked and how it was answered. Worry about any 500, and when 503 keeps growing.',
  ),
  histogram(
    'postlane_http_duration_ms',
    ['operation'],
    DURATION_BUCKETS_MS,
    'From the request to the end of its answer. Worry when the 99th percentile of sendEmail passes 100: the broker is slow.',
  ),
  counter(
    'postlane_http_mails_total',
    ['what'],
    'Mails handed in over HTTP: accepted, refused, or repeated under an idempotency key. Worry when refused grows against accepted.',
  ),
  counter(
    'postlane_http_unavailable_total',
    [],
    'Requests that the log did not take in time; each was answered with 503. Worry about any that are not explained by a broker restart.',
  ),
];

const SUBMISSION = [
  counter(
    'postlane_submission_mails_total',
    ['what'],
    'Mails handed in by SMTP: accepted and repeated count recipients; refused, not-kept count mails. Worry about not-kept (the broker is away), and when refused grows against accepted.',
  ),
  counter(
    'postlane_submission_refusals_total',
    ['what'],
    'What SMTP clients were refused before a mail was read. Worry about no-room and too-many-connections; login is somebody with a wrong or revoked key; admission is a key over its rate.',
  ),
];

const FEEDBACK = [
  counter(
    'postlane_inbound_mails_total',
    ['what'],
    'Mails to return paths by what became of them. Worry about not-kept (the broker is away) and no-room; unknown-recipient is mostly spam.',
  ),
  counter(
    'postlane_webhooks_total',
    ['route', 'what'],
    'Calls of providers by how they were judged: taken, repeated, or why they were refused. Worry when a route of yours has more refused than taken: a secret has changed, or somebody forges.',
  ),
  counter(
    'postlane_unsubscribe_total',
    ['what'],
    'Unsubscribe links that were followed: shown, one-click, page:type and page:all (kept), repeated, and what was refused. Worry about not-kept (the broker is away), and where unknown-link passes a few: the key has changed, or links are cut off.',
  ),
];

const NOTIFIER = [
  counter(
    'postlane_notifier_attempts_total',
    ['what'],
    'Attempts to tell an endpoint: taken, or why not. Worry when `forbidden` grows (somebody points endpoints inwards), and when nothing is taken at all.',
  ),
  histogram(
    'postlane_notifier_delay_ms',
    [],
    [...DURATION_BUCKETS_MS, 300_000, 3_600_000, 86_400_000],
    'From an event to its being taken by an endpoint, retries and pauses included. Worry when the median passes 2000.',
  ),
  gauge(
    'postlane_notifier_endpoints',
    ['state'],
    'Endpoints of this process: active, failing, paused. Worry when most fail at once: the way out is shut.',
  ),
  gauge(
    'postlane_notifier_waiting',
    [],
    'Events that an endpoint did not take and that are tried again, at most 2000 per endpoint. Worry when it grows while no endpoint is paused.',
  ),
  gauge(
    'postlane_notifier_under_way',
    [],
    'Deliveries under way. Worry when it stays at notifier.in_flight_max: endpoints wait for each other.',
  ),
  counter(
    'postlane_notifier_exhausted_total',
    [],
    'Events given up after a day of attempts, by endpoints that took others; they can be replayed. Worry when it grows: a customer misses events.',
  ),
  counter(
    'postlane_notifier_lost_total',
    [],
    'Results that the log no longer had when it was an endpoint’s turn: it was paused for longer than results are kept. Worry about any: nobody can replay them.',
  ),
];

const TRACKER = [
  gauge(
    'postlane_trails',
    [],
    'Mails of which this process can tell what became of them. Worry when it shrinks faster than they grow old.',
  ),
];

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

const PROCESS = [
  gauge(
    'postlane_event_loop_delay_ms',
    ['quantile'],
    'How late the event loop ran since the last look. Worry when the 0.99 quantile passes 200: heartbeats and time-outs become unreliable.',
  ),
];

export const METRICS: readonly MetricDeclaration[] = [
  ...PIPELINE,
  ...WORKER,
  ...LIMITS,
  ...SECRETS,
  ...HTTP,
  ...SUBMISSION,
  ...FEEDBACK,
  ...NOTIFIER,
  ...TRACKER,
  ...SENDERS,
  ...PLACEMENT,
  ...PROCESS,
];
