// Generated from schemas/*.avsc by `npm run contracts`. Do not edit.

/**
 * A key that recipients are or were hashed by. A row of email.address-keys, keyed by the key's id: a process that
 * is not given a key of the table would not find what is kept under its hashes, and lets nothing through.
 */
export interface AddressKey {
  /** What tells the key from others; nothing about it follows from its id. */
  keyId: string;
  /** When it was first used. Milliseconds since the Unix epoch, UTC. */
  at: number;
}

/** What was allowed and done on one day, and what followed. */
export interface WarmUpDay {
  /** Days since the Unix epoch, UTC. */
  day: number;
  /** Mails that were allowed. */
  volume: number;
  /** Mails that a server took. */
  sent: number;
  /** Bounces. */
  bounced: number;
  /** Complaints. */
  complained: number;
  /** raised, held, halved, idle or decayed. */
  verdict: string;
}

/**
 * How many mails a source that is being warmed up may send to one provider in a day. A row of email.allowances,
 * keyed by subject; no row means the initial volume.
 */
export interface Allowance {
  /** `identity:source:<name>|<provider>`. */
  subject: string;
  /** Day that it holds for, and for those after it until the next row. Days since the Unix epoch, UTC. */
  day: number;
  /** Mails allowed on that day. */
  volume: number;
  /** End of the bucket that it was judged at. Milliseconds since the Unix epoch, UTC. */
  at: number;
  /** Version of the rules that judged. Empty: not known. */
  ruleVersion: string;
  /** The last days, newest first, bounded in number by the fold. */
  days: WarmUpDay[];
}

/** One secret under which a key is valid. Two during a rotation. */
export interface ApiKeySecret {
  /** SHA-256 of the secret's 32 random bytes as they are written in the key. */
  hash: Buffer;
  /** When it stops being valid. Milliseconds since the Unix epoch, UTC. Null: never. */
  until: number | null;
}

/**
 * A key to the HTTP API: whom it stands for and what it may do. A row of email.api-keys, keyed by key id. Secrets
 * are kept as hashes only.
 */
export interface ApiKey {
  /** The part of the key that may be shown: names it in lists, logs and evidence. */
  keyId: string;
  /** Tenant that whoever holds the key acts for. No request can name another. */
  tenant: string;
  /** What the operator calls it. */
  name: string;
  /** What it may do, such as emails:send. A scope that a reader does not know grants nothing there. */
  scopes: string[];
  /** The secrets, newest first. */
  secrets: ApiKeySecret[];
  /** Requests that it may make in any one second. Null: no limit. */
  requestsPerSecond: number | null;
  /** Mails that it may hand in within 24 hours. Null: no limit. */
  mailsPerDay: number | null;
  /** True: valid no longer, whatever its secrets say. */
  revoked: boolean;
  /** When it was made. Milliseconds since the Unix epoch, UTC. */
  at: number;
}

/**
 * A wish that a job be not sent. The value of email.cancellations, keyed by job id. It is looked up before a mail
 * is declared; one that is on its way already is not called back.
 */
export interface Cancellation {
  /** The job's id. */
  jobId: string;
  /** The job's tenant; a cancellation of another tenant does not count. */
  tenant: string;
  /** Who asked for it; the results name it. */
  who: string;
  /** Why; the results name it. */
  why: string;
  /** When it was asked for. Milliseconds since the Unix epoch, UTC. */
  at: number;
}

/**
 * One entry of a list of names and values. A list and not a map, because order and repetition matter, and because a
 * map's keys become property names in some languages.
 */
export interface NameValue {
  /** Name of the entry. */
  name: string;
  /** Value of the entry. */
  value: string;
}

/**
 * A record that cannot be decoded or processed: its original bytes, where it lay, and why it went no further. The
 * value of email.dead-letters, under the original key.
 */
export interface DeadLetter {
  /** Topic that the record was read from. */
  topic: string;
  /** Partition that it was read from. */
  partition: number;
  /** Offset that it was read from. */
  offset: number;
  /** The record's key as it was. Null: it had none. */
  key: Buffer | null;
  /** The record's value as it was. Null: it was a tombstone. */
  value: Buffer | null;
  /** The record's headers, as far as they were text. */
  headers: NameValue[];
  /** Where it failed: decode, step, or the name of the processor's own stage. */
  stage: string;
  /** Why, as a word of a closed list that can be counted and alerted on. */
  reason: string;
  /** Why, for people: at most 500 characters. Null: the reason says it all. */
  detail: string | null;
  /** Processor that gave up on it. */
  processor: string;
  /** Version of that processor. */
  version: string;
  /** The job's id, where it could be read. Null: what cannot be decoded has none. */
  jobId: string | null;
  /** When it failed. Milliseconds since the Unix epoch, UTC. */
  at: number;
}

/**
 * What kind of mail it is. Types never share an ingest topic, a lane or, unless the operator insists, a source.
 * `unknown` is what a reader sees in place of a symbol that is newer than itself; never write it.
 */
export type EmailTypeSymbol = 'unknown' | 'transactional' | 'notification' | 'marketing';

/**
 * `attempt`: a try that did not end the job. `ending`: the one record that ends it. `annotation`: later news about
 * a job that has ended.
 */
export type ResultKind = 'unknown' | 'attempt' | 'ending' | 'annotation';

/**
 * How a job ends. `sent`: the remote server took it, which is not yet `delivered`. `bounced`: refused for good, or
 * attempts used up. `suppressed`: not attempted, the recipient is on the suppression list. `expired`: too old.
 * `cancelled`: on request. `dead_lettered`: cannot be processed. `unknown`: it may or may not have gone out, and
 * policy forbids another try.
 */
export type EndingSymbol = 'unknown' | 'sent' | 'bounced' | 'suppressed' | 'expired' | 'cancelled' | 'dead_lettered';

/**
 * Later news. `delivered`: a provider or a delivery notice says that it reached the mailbox. `bounced_later`: a
 * bounce mail came after acceptance. `complained`: reported as spam. `unsubscribed`: the recipient left. `placed`:
 * seen in a seed mailbox.
 */
export type AnnotationSymbol = 'unknown' | 'delivered' | 'bounced_later' | 'complained' | 'unsubscribed' | 'placed';

/**
 * What became of a job: one record per attempt, exactly one ending, and any number of annotations that later news
 * adds. The value of email.results.*, keyed by job id.
 */
export interface DeliveryResult {
  /** The job's id. */
  jobId: string;
  /** The job's tenant. */
  tenant: string;
  /** The job's type. */
  type: EmailTypeSymbol;
  /** The job's recipient as written. */
  recipient: string;
  /** What this record is. */
  kind: ResultKind;
  /** Set where kind is `ending`, else null. */
  ending: EndingSymbol | null;
  /** Set where kind is `annotation`, else null. */
  annotation: AnnotationSymbol | null;
  /** Number of the attempt, from 1. 0: nothing was attempted. */
  attempt: number;
  /** When it happened. Milliseconds since the Unix epoch, UTC. */
  at: number;
  /** Name of the source that tried. Null: nothing was attempted. */
  source: string | null;
  /** Provider site that was tried. Null: nothing was attempted. */
  site: string | null;
  /** Reply code of the remote server (RFC 5321 section 4.2). Null: there was no reply. */
  smtpCode: number | null;
  /** Enhanced status code of the reply, such as 5.1.1 (RFC 3463). Null: the reply had none. */
  enhancedCode: string | null;
  /** Text of the reply, at most 512 bytes. Null: there was no reply. */
  reply: string | null;
  /** Bounce class that the rules gave the reply, such as invalid-recipient. Null: none applies. */
  class: string | null;
  /**
   * Why, in the pipeline's own words, where no remote server said it: the rule or limit that decided. Null: the
   * reply says it.
   */
  reason: string | null;
  /** Message-ID of the mail (RFC 5322 section 3.6.4). Null: none was composed. */
  messageId: string | null;
  /** True where a copy may have gone out before, because a process died between the message and the reply to it. */
  uncertain: boolean;
  /** The job's campaign. */
  campaign: string | null;
  /** The job's tags. */
  tags: string[];
  /** The job's metadata. */
  metadata: NameValue[];
  /** Of an attempt: not tried again before. Milliseconds since the Unix epoch, UTC. Null: at once, or never. */
  until: number | null;
}

/** One key, or what is decided about one of the configuration. */
export interface DkimKeyRow {
  /** Under which its record stands in the DNS. */
  selector: string;
  /** `rsa-sha256` or `ed25519-sha256`. A reader that does not know it does not sign with it. */
  algorithm: string;
  /** Reference to the private key, such as file:… or vault:…, resolved by whoever signs. */
  privateKey: string;
  /** Text of the TXT record that belongs to the private key. */
  record: string;
  /** When it was made. Milliseconds since the Unix epoch, UTC. */
  at: number;
  /** From when it never signs again, and its record may go. Milliseconds since the Unix epoch, UTC. Null: in use. */
  until: number | null;
}

/**
 * The DKIM keys that operators have made for a sender domain, beside those of the configuration. A row of
 * email.dkim-keys, keyed by domain. Private keys are named, never held.
 */
export interface DkimKeys {
  /** The sender domain, lower case, A-labels. */
  domain: string;
  /** The keys, oldest first. */
  keys: DkimKeyRow[];
  /** When it was decided. Milliseconds since the Unix epoch, UTC. */
  at: number;
}

/**
 * Who runs the mailboxes of a recipient domain, learned from its MX records. A row of email.domains, keyed by
 * domain.
 */
export interface DomainSite {
  /** The domain, in A-labels and lower case (RFC 5890). */
  domain: string;
  /** Provider that runs it: the second half of a lane's name. */
  provider: string;
  /** Site that limits are kept for: the common name of its mail exchangers, or the domain itself. */
  site: string;
  /** When it was looked up. Milliseconds since the Unix epoch, UTC. */
  at: number;
}

/**
 * Order in which a worker serves what waits in its own queues. No promise across partitions. A symbol that is newer
 * than its reader is read as `normal`.
 */
export type PrioritySymbol = 'low' | 'normal' | 'high';

/** One file that goes with the mail. */
export interface Attachment {
  /** Name that the recipient sees; no path (RFC 2183 section 2.3). */
  filename: string;
  /** Media type (RFC 2045 section 5.1). */
  contentType: string;
  /**
   * Content-ID without the angle brackets, for cid: links from the html part (RFC 2392). Null: an ordinary
   * attachment.
   */
  contentId: string | null;
  /** The file's bytes, not base64. */
  content: Buffer;
}

/** The mail itself, either as parts that are composed here, or whole in mime. */
export interface Payload {
  /**
   * The From header: one mailbox, with or without a display name (RFC 5322 section 3.4). Its domain is the one that
   * is signed for. Must be set, except where mime carries it; then it only says under which domain the mail is
   * counted.
   */
  from: string;
  /** The Reply-To header: one mailbox (RFC 5322 section 3.6.2). Null: none. */
  replyTo: string | null;
  /** The Subject header as text; encoded as RFC 2047 asks. No CR or LF. */
  subject: string;
  /** The text/html part. Null: none. */
  html: string | null;
  /** The text/plain part. Null: none. */
  text: string | null;
  /**
   * An https: or mailto: URI for the List-Unsubscribe header (RFC 2369). Null: the pipeline's own link where one is
   * configured, in transactional mail only where oneClick is true. Empty: none.
   */
  unsubscribeLink: string | null;
  /**
   * True: unsubscribeLink takes the POST of RFC 8058, so List-Unsubscribe-Post is added. For a link of the
   * pipeline's own it is always added.
   */
  oneClick: boolean;
  /** Further header fields. Only names on the configured allow-list are taken; a CR or LF refuses the job. */
  headers: NameValue[];
  /** Files, within the limit on the whole job. */
  attachments: Attachment[];
  /**
   * A whole message (RFC 5322) from SMTP submission. Its headers are parsed, checked and written again. Null: the
   * message is composed from the fields above; otherwise those are ignored.
   */
  mime: Buffer | null;
}

/**
 * One mail to one recipient, as an application asks for it. The value of email.ingest.*, and unchanged, byte for
 * byte, of every topic that carries the job on its way. Besides the three required fields it needs either payload
 * or templateId.
 */
export interface EmailJob {
  /**
   * Idempotency key, chosen by the producer and unique within the tenant: the same id and content is accepted once,
   * the same id with other content is refused. 1 to 256 characters, none of them a control character.
   */
  id: string;
  /** Who the mail is sent for. Job ids are unique per tenant, and quotas are kept per tenant. */
  tenant: string;
  /** Decides the queue, the retry policy and the suppressions that apply. */
  type: EmailTypeSymbol;
  /** Order among the jobs that wait in the same worker. */
  priority: PrioritySymbol;
  /**
   * The one address that the mail goes to, without a display name (RFC 5321 section 4.1.2, Mailbox). A non-ASCII
   * domain may be written as U-labels or A-labels; a non-ASCII local part needs SMTPUTF8 (RFC 6531). At most 254
   * octets.
   */
  recipient: string;
  /** The mail's content. Null: it is made from templateId and mergeData. */
  payload: Payload | null;
  /** Template that makes the content. Null: payload has it. */
  templateId: string | null;
  /** Version of the template. Null: the newest at the time of sending. */
  templateVersion: number | null;
  /** Values for the template's placeholders. */
  mergeData: NameValue[];
  /** The application's own data; returned with every result, never sent. */
  metadata: NameValue[];
  /** Labels to group results by; returned with every result. */
  tags: string[];
  /** Campaign that the mail belongs to: goes into Feedback-ID and results. Null: none. */
  campaign: string | null;
  /** Not to be sent before. Milliseconds since the Unix epoch, UTC; at most 30 days ahead. Null: at once. */
  sendAt: number | null;
  /**
   * Not to be attempted after; the job then ends `expired`. Milliseconds since the Unix epoch, UTC. Null: the
   * queue's maximum age alone.
   */
  expiresAt: number | null;
  /** Region whose sources must send it. Null: any. */
  region: string | null;
  /** Trace context of the request behind it (W3C Trace Context, traceparent). Null: none. */
  traceparent: string | null;
}

/**
 * What came back from outside, as it came: a mail to a return path, the body of a provider's webhook, or what
 * somebody said who followed an unsubscribe link. The value of email.feedback, keyed by route and batch; read by
 * the split, and read anew by a replay with other rules.
 */
export interface Feedback {
  /** Name of the route that it came by: `inbound`, `unsubscribe`, or a webhook's name in the configuration. */
  route: string;
  /**
   * What the body holds: `dsn` (any mail), `arf` (a mail of a feedback loop), `ses`, `sendgrid`, `mailgun`,
   * `postmark` or `generic` (webhooks), `unsubscribe` (what a link of ours says, and what was asked for).
   */
  format: string;
  /** When it came in. Milliseconds since the Unix epoch, UTC. */
  at: number;
  /** The bytes as they came and, of a webhook, as they were signed. */
  body: Buffer;
  /** What its sender, or we by its content, call this delivery: the same one again has the same. */
  batchId: string;
  /** Of a mail: the address of ours that it was sent to (RFC 5321 RCPT TO). Null: no mail. */
  recipient: string | null;
  /** Of a mail: its return path (RFC 5321 MAIL FROM); empty for notices of servers. Null: no mail. */
  sender: string | null;
  /** IP address that it came from. Null: not known. */
  peer: string | null;
}

/**
 * What happened. `bounce`: given up. `delay`: somebody else still tries. `delivered`: or relayed to who sends no
 * reports. `auto_reply`: a machine answered a mail that had arrived.
 */
export type FeedbackKindSymbol = 'unknown' | 'bounce' | 'delay' | 'delivered' | 'complaint' | 'unsubscribe' | 'auto_reply';

/**
 * What one piece of feedback says about one recipient. The value of email.feedback-events, keyed by the job that it
 * is bound to, else by recipient: a report of several recipients, or a body of several events, becomes several of
 * these.
 */
export interface FeedbackEvent {
  /** Identity of the event: the same event told again by the same route has the same one. */
  eventId: string;
  /**
   * When it happened, as far as its sender says so, and never later than it came in. Milliseconds since the Unix
   * epoch, UTC.
   */
  at: number;
  /** What happened. */
  kind: FeedbackKindSymbol;
  /** Route that it came by. */
  route: string;
  /** What it was read from. */
  format: string;
  /** The address that we wrote to, as the report has it. Null: it names none. */
  recipient: string | null;
  /** Tenant of the job that a signed return path names. Null: none. */
  tenant: string | null;
  /** Job that a signed return path names. Null: none. */
  jobId: string | null;
  /**
   * Digest of tenant and job, in hexadecimal digits, where a signed return path has no room for their names. Null:
   * none.
   */
  jobDigest: string | null;
  /** Message-ID of the mail that it is about, without angle brackets. Null: not told. */
  messageId: string | null;
  /** Feedback-ID of the mail that it is about. Null: not told. */
  feedbackId: string | null;
  /** Reply code of the refusing server (RFC 5321 section 4.2). Null: not told. */
  smtpCode: number | null;
  /** Enhanced status code (RFC 3463). Null: not told. */
  enhancedCode: string | null;
  /** At most 512 bytes of the words that tell what it means. Null: there were none. */
  reply: string | null;
  /**
   * Type of the mail that it is about, where an unsubscribe link of ours tells it: that is proof of tenant,
   * recipient and type by itself, for however long the link is kept. Null: no such link.
   */
  mailType: string | null;
  /**
   * Of an unsubscribe: `type` where no mail of that type is wanted any more, `all` where none is but transactional
   * mail. Null: not told, which is `type`.
   */
  unwanted: string | null;
  /** What the complaint or the provider calls it, such as abuse. Null: nothing. */
  label: string | null;
}

/**
 * `waiting`: not seen yet. `inbox`, `spam`, `tab`: where it was seen. `missing`: nowhere, past the deadline.
 * `unseen`: nobody could look in time. `reachable`, `unreachable`: of a mailbox. `unknown` is what a reader sees in
 * place of a symbol that is newer than itself; never write it.
 */
export type PlaceSymbol = 'unknown' | 'waiting' | 'inbox' | 'spam' | 'tab' | 'missing' | 'unseen' | 'reachable' | 'unreachable';

/**
 * What became of a probe in a seed mailbox, or what is wrong with the mailbox. A row of email.placements, keyed by
 * the probe's job id, or by seed:<name> for the mailbox itself.
 */
export interface Placement {
  /** Job id of the probe, or seed:<name>. */
  id: string;
  /** Name of the seed mailbox. */
  seed: string;
  /** Who runs the mailbox. */
  provider: string;
  /** Address of the mailbox. */
  recipient: string;
  /** Type of the probe's job: its results are on that topic. */
  type: string;
  /** Campaign that the probe went out with. Null: on the schedule. */
  campaign: string | null;
  /** Where it is. */
  place: PlaceSymbol;
  /** Name of the folder or tab, or what is wrong with the mailbox. */
  folder: string | null;
  /** From its publication to its arrival in the mailbox, in milliseconds. Null: not seen. */
  delayMs: number | null;
  /** When the probe was published, or the mailbox last looked at. Milliseconds since the Unix epoch, UTC. */
  at: number;
}

/**
 * Which edition of the reputation tables is in force. The only row of email.reputation-editions, keyed by name:
 * everybody who reads the tables follows it, so one record switches them all.
 */
export interface ReputationEditions {
  /** `reputation`. */
  name: string;
  /** When it was decided. Milliseconds since the Unix epoch, UTC. */
  at: number;
  /**
   * Edition in force. 0: the one that has always been; its rows have bare keys, those of edition n begin with
   * `g<n>/`.
   */
  active: number;
  /** What it judges otherwise than the configuration says, as the text of a JSON object. Empty: nothing. */
  activeRules: string;
  /** Edition that is kept up to date as well, to be switched to or back to. -1: none. */
  standby: number;
  /** What that one judges otherwise. */
  standbyRules: string;
  /** The highest edition there has been: numbers are not used twice. */
  last: number;
}

/**
 * What happened. `sent_counted`: mails that a server took, added up. `suppression_added` and `suppression_removed`:
 * by an operator. `erased`: everything known about the subject is to be forgotten. `ticked`: nothing but that time
 * has passed.
 */
export type SignalKind = 'unknown' | 'sent_counted' | 'delivered' | 'bounced' | 'deferred' | 'complained' | 'unsubscribed' | 'suppression_added' | 'suppression_removed' | 'erased' | 'ticked';

/**
 * One thing that happened to one subject. The value of email.reputation, keyed by subject: the log that
 * suppressions and scores are folded from, and can be folded from again with other rules.
 */
export interface ReputationSignal {
  /** Identity of the event: the same event told twice has the same one, and counts once. */
  eventId: string;
  /** What it is about: `recipient:<address>` (address folded to lower case) or `identity:<kind>:<name>|<provider>`. */
  subject: string;
  /** What happened. */
  kind: SignalKind;
  /** When it happened; folds read no later than the record's append time. Milliseconds since the Unix epoch, UTC. */
  at: number;
  /** Tenant whose mail it was; `*`: all, where an operator says so. */
  tenant: string;
  /** Type of the mail; `unknown` where it is about no mail in particular. */
  type: EmailTypeSymbol;
  /** Job that it is about. Null: none, or many. */
  jobId: string | null;
  /** Source that sent. Null: none. */
  source: string | null;
  /** Provider of the recipient's mailbox. Null: not known. */
  provider: string | null;
  /** Reply code of the remote server (RFC 5321 section 4.2). Null: there was no reply. */
  smtpCode: number | null;
  /** Enhanced status code of the reply (RFC 3463). Null: the reply had none. */
  enhancedCode: string | null;
  /** At most 512 bytes of the reply's text: a replay with other rules judges it anew. Null: there was no reply. */
  reply: string | null;
  /** Bounce class that the rules gave it at the time. Null: none. */
  class: string | null;
  /** Version of the rules that gave the class. Null: no class. */
  ruleVersion: string | null;
  /** How many mails it stands for; more than 1 only for `sent_counted`. */
  count: number;
  /** False where nothing binds the report to a mail of ours: it is kept, and counts for nothing by itself. */
  authenticated: boolean;
  /** Route of the feedback that told it: a replay may read that again. Null: not told by feedback. */
  route: string | null;
  /** Operator behind it. Null: the pipeline itself. */
  who: string | null;
  /** The operator's reason. Null: none given. */
  why: string | null;
  /**
   * When an operator's suppression ends by itself. Milliseconds since the Unix epoch, UTC. Null: never; and for
   * every other kind.
   */
  until: number | null;
}

/** What was counted so far in one minute that is not closed. */
export interface OpenBucket {
  /** Minutes since the Unix epoch, UTC. */
  minute: number;
  /** Mails that a server took. */
  sent: number;
  /** Later notices of delivery. */
  delivered: number;
  /** Refusals for good that are held against the sender. */
  bounced: number;
  /** Complaints. */
  complained: number;
  /** Refusals for now. */
  deferred: number;
  /** Hashes of the events counted, in order: an event that comes again is told by them. */
  eventIds: number[];
}

/** What was counted in one minute or one hour that is closed. */
export interface Bucket {
  /** First minute. Minutes since the Unix epoch, UTC. */
  minute: number;
  /** Its length: 1 or 60. */
  minutes: number;
  /** Mails that a server took. */
  sent: number;
  /** Later notices of delivery. */
  delivered: number;
  /** Refusals for good that are held against the sender. */
  bounced: number;
  /** Complaints. */
  complained: number;
  /** Refusals for now. */
  deferred: number;
}

/** A change of a score, with what it was judged by. */
export interface ScoreChange {
  /** End of the bucket that brought it. Milliseconds since the Unix epoch, UTC. */
  at: number;
  /** The score from then on. */
  score: number;
  /** The action from then on. */
  action: string;
  /** Mails of the window that a server took. */
  sent: number;
  /** Bounces of the window. */
  bounced: number;
  /** Complaints of the window. */
  complained: number;
  /** Deferrals of the window. */
  deferred: number;
}

/** Where the warm-up of a source at a provider stands. */
export interface WarmUp {
  /** Day under way. Days since the Unix epoch, UTC. */
  day: number;
  /** Mails allowed on it. */
  volume: number;
  /** Mails of its closed minutes that a server took. */
  sent: number;
  /** Bounces of them. */
  bounced: number;
  /** Complaints of them. */
  complained: number;
  /** Days in a row on which nothing was sent. */
  idleDays: number;
  /** The days before, newest first. */
  days: WarmUpDay[];
}

/**
 * What is folded of the signals about one identity at one provider. A row of email.reputation-state, keyed by
 * subject: scores and allowances follow from it.
 */
export interface ReputationState {
  /** `identity:<kind>:<name>|<provider>`. */
  subject: string;
  /**
   * The newest event time seen: what is older by more than the lateness bound is closed. Milliseconds since the
   * Unix epoch, UTC.
   */
  at: number;
  /** Every bucket up to this minute is closed. Minutes since the Unix epoch, UTC; -1: none. */
  closedMinute: number;
  /** Buckets that may still change, oldest first. */
  open: OpenBucket[];
  /** Closed buckets of the window, oldest first; full hours are one bucket. */
  closed: Bucket[];
  /** The score as last judged. */
  score: number;
  /** The action as last judged. */
  action: string;
  /** The last changes, newest first. */
  changes: ScoreChange[];
  /** Null: it is not being warmed up. */
  warmUp: WarmUp | null;
}

/**
 * What one transaction of a router, or of a feedback processor, let through. The value of email.router-seen.* and
 * email.feedback-seen, from which their deduplication stores are rebuilt.
 */
export interface RouterSeen {
  /**
   * Append time of the newest input among them: deduplication forgets by it. Milliseconds since the Unix epoch,
   * UTC.
   */
  at: number;
  /**
   * Hashes of 16 bytes each, concatenated in pairs: of (tenant, job id), then of the content, one pair per job; or
   * of what an event means for its mail, then of the event.
   */
  hashes: Buffer;
}

/**
 * How a sending identity is regarded at one provider. A row of email.scores, keyed by subject; no row means
 * healthy.
 */
export interface Score {
  /** `identity:<kind>:<name>|<provider>`. */
  subject: string;
  /** From 0 (spoilt) to 1 (healthy). */
  score: number;
  /**
   * What the rules ask for, such as throttle or pause, from falling below the limit until well above it; `none`:
   * nothing.
   */
  action: string;
  /** End of the newest one-minute bucket that went into it. Milliseconds since the Unix epoch, UTC. */
  at: number;
  /**
   * The counts that it was judged by, as the text of a JSON object; for people, nothing is decided by it. Empty:
   * none.
   */
  figures: string;
  /** Version of the rules that judged. Empty: not known. */
  ruleVersion: string;
  /** The last changes, newest first, bounded in number by the fold. */
  changes: ScoreChange[];
}

/**
 * `passes`: nothing is wrong that makes receivers doubt its mail. `fails`: something is. `unknown`: it was never
 * found out, or a symbol that is newer than the reader.
 */
export type SenderVerdict = 'unknown' | 'passes' | 'fails';

/** One thing that is wrong, or could not be found out. */
export interface SenderFinding {
  /** Its name, such as spf-missing; docs/dns.md lists them. */
  code: string;
  /** `error`, `warning`, `notice` or `unknown`. */
  severity: string;
  /** Name of the record, or the address, that it is about. */
  about: string;
  /** One sentence for people. */
  what: string;
}

/** Since when the DNS shows a key. Keys that it does not show are not here. */
export interface ShownKey {
  /** Under which it stands. */
  selector: string;
  /** Text of the record that belongs to our private key: what is shown is this key and no other. */
  record: string;
  /** When it was first seen without a break since. Milliseconds since the Unix epoch, UTC. */
  since: number;
}

/**
 * What the DNS says about a sender domain, or about the addresses that mail leaves from. A row of
 * email.sender-checks, keyed by subject.
 */
export interface SenderCheck {
  /** The sender domain; `outgoing` for the addresses that mail leaves from. */
  subject: string;
  /** The last verdict that could be reached: a resolver that is silent takes none back. */
  verdict: SenderVerdict;
  /**
   * Since when checks reach no verdict, so that an older one stands. Milliseconds since the Unix epoch, UTC. Null:
   * the last check reached it.
   */
  since: number | null;
  /** Of the last check, the worst first. */
  findings: SenderFinding[];
  /** Keys of email.dkim-keys that the DNS shows. A look-up that failed changes nothing. */
  keys: ShownKey[];
  /** When it was checked last. Milliseconds since the Unix epoch, UTC. */
  at: number;
}

/** The strongest ground, from strong to weak in the order of the symbols after `unknown`. */
export type SuppressionSeverity = 'unknown' | 'manual' | 'complaint' | 'hard_bounce' | 'unsubscribe' | 'soft_bounces';

/** One event that led to it. */
export interface Evidence {
  /** The event's identity in email.reputation. */
  eventId: string;
  /** What happened. */
  kind: SignalKind;
  /** When it happened. Milliseconds since the Unix epoch, UTC. */
  at: number;
  /** Bounce class that the rules gave it. Null: none. */
  class: string | null;
  /** Version of the rules that decided. Null: an operator did. */
  ruleVersion: string | null;
  /** What it is a ground for; `unknown`: none by itself, as a removal. */
  severity: SuppressionSeverity;
  /** False where it takes more of its kind to suppress anybody. */
  binds: boolean;
  /** When it is no ground any more. Milliseconds since the Unix epoch, UTC. Null: never. */
  until: number | null;
  /** Tenant that it holds for. Null: all. */
  tenant: string | null;
  /**
   * Type of mail that it holds for. Null: all; an unsubscription without a type holds for all but transactional
   * mail.
   */
  type: EmailTypeSymbol | null;
  /** Operator behind it. Null: the pipeline itself. */
  who: string | null;
  /** The operator's reason. Null: none given. */
  why: string | null;
}

/**
 * Whether an address may be mailed, and why not. A row of email.suppressions, keyed by subject. A weaker or a later
 * event never erases a stronger one.
 */
export interface Suppression {
  /** `recipient:<address>`, the address folded to lower case. */
  subject: string;
  /** False: lifted; the row stays for its evidence. */
  active: boolean;
  /** The strongest ground for it. */
  severity: SuppressionSeverity;
  /** When it began. Milliseconds since the Unix epoch, UTC. */
  since: number;
  /** When the last ground ends by itself. Milliseconds since the Unix epoch, UTC. Null: never. */
  until: number | null;
  /** Tenant that all grounds hold for. Null: all, or the evidence says which. */
  tenant: string | null;
  /** Type of mail that all grounds hold for. Null: all, or the evidence says which. */
  type: EmailTypeSymbol | null;
  /** The events behind it, strongest first, then what was lifted; bounded in number per severity and scope. */
  evidence: Evidence[];
}

/**
 * One version of a template: what makes the mail of every job that names it. A row of email.templates, keyed by its
 * version and who put it; a version never changes. Of two rows that claim the same version the one that was
 * appended first counts.
 */
export interface Template {
  /** Whose template it is. No job of another tenant can name it. */
  tenant: string;
  /** Name of the template, unique within the tenant. 1 to 128 letters, digits, and . _ / -. */
  templateId: string;
  /** Counts from 1, upwards. */
  version: number;
  /** When it was put. Milliseconds since the Unix epoch, UTC. */
  at: number;
  /** Tells two puts apart that claim the same version; part of the key. */
  putId: string;
  /** Key or person that put it. */
  who: string;
  /**
   * True: from this version on there is no such template. It has no content then. Mails that were accepted with
   * older versions are still made of those.
   */
  deleted: boolean;
  /** The From header: one mailbox. Placeholders may stand in the display name, not in the address. */
  from: string;
  /** The Reply-To header: one mailbox; placeholders may stand anywhere. Null: none. */
  replyTo: string | null;
  /** The Subject header, with placeholders. */
  subject: string;
  /** The text/html part, with placeholders; values are escaped. Null: none. */
  html: string | null;
  /** The text/plain part, with placeholders. Null: derived from html. */
  text: string | null;
  /**
   * URI for List-Unsubscribe and for the placeholder unsubscribe_url; placeholders may stand in it. Null: merge
   * data of that name, or none.
   */
  unsubscribeLink: string | null;
  /** True: unsubscribeLink takes the POST of RFC 8058. */
  oneClick: boolean;
  /** Further header fields; placeholders may stand in their values. The same names are allowed as in a payload. */
  headers: NameValue[];
}

/** One secret that events are signed with. Two during a rotation: both sign. */
export interface WebhookSecret {
  /** The secret, encrypted under the installation's own key (AES-256-GCM, bound to the endpoint id). */
  sealed: Buffer;
  /** When it stops signing. Milliseconds since the Unix epoch, UTC. Null: never. */
  until: number | null;
}

/** A request to deliver once more what was recorded in a range of time. */
export interface WebhookReplay {
  /** Names the request. */
  replayId: string;
  /** Beginning of the range. Milliseconds since the Unix epoch, UTC. */
  since: number;
  /** End of the range, which is not in it. Milliseconds since the Unix epoch, UTC. */
  until: number;
  /** When it was asked for. Milliseconds since the Unix epoch, UTC. */
  at: number;
}

/**
 * Where a customer wants to be told what became of mails. A row of email.webhook-endpoints, keyed by endpoint id; a
 * tombstone where it was deleted.
 */
export interface WebhookEndpoint {
  /** Names it in requests, lists and logs. */
  endpointId: string;
  /** Tenant whose mails it is told of; nobody else's. */
  tenant: string;
  /** Where events are posted. */
  url: string;
  /** What its owner calls it. */
  description: string;
  /** Types of events that it is told of, such as email.bounced. Empty: all. */
  events: string[];
  /** The secrets, newest first. */
  secrets: WebhookSecret[];
  /** True: its owner wants nothing delivered for now. What happens meanwhile is delivered later. */
  paused: boolean;
  /** How often it was resumed. An automatic pause holds for as long as this does not change. */
  resumes: number;
  /** Replays, newest first; only the last few are kept. */
  replays: WebhookReplay[];
  /** When it was made: it is told of what is recorded from then on. Milliseconds since the Unix epoch, UTC. */
  at: number;
}

/** A place in the results: everything before it was delivered, waits, or is not wanted. */
export interface WebhookCursor {
  /** Email type of the results topic. */
  type: string;
  /** Partition of that topic. */
  partition: number;
  /** Offset to go on from. */
  offset: number;
  /** Offset before which to stop. Null: never. */
  end: number | null;
}

/** An event that the endpoint did not take, and that is tried again: where its record lies. */
export interface WebhookWaiting {
  /** Email type of the results topic. */
  type: string;
  /** Partition of that topic. */
  partition: number;
  /** Offset of the record. */
  offset: number;
  /** Attempts that were made. */
  attempts: number;
  /** When it was first tried, or tried anew after a resume. Milliseconds since the Unix epoch, UTC. */
  since: number;
  /** Not tried again before. Milliseconds since the Unix epoch, UTC. */
  until: number;
}

/** How far a replay has come. It is done when it has no cursors. */
export interface WebhookReplayProgress {
  /** The replay. */
  replayId: string;
  /** What of it is left. */
  cursors: WebhookCursor[];
}

/** An automatic pause. */
export interface WebhookPause {
  /** Why: dead (nothing was taken for a day) or gone (it answered 410). */
  reason: string;
  /** How often the endpoint had been resumed by then: the pause ends with the next time. */
  resumes: number;
  /** When it was paused. Milliseconds since the Unix epoch, UTC. */
  at: number;
}

/** One attempt to deliver an event. */
export interface WebhookAttempt {
  /** The event's id, which is the same at every attempt. */
  eventId: string;
  /** Type of the event. */
  event: string;
  /** The mail that it is about. */
  jobId: string;
  /** The how manieth attempt it was. */
  attempt: number;
  /** True: the endpoint took it. */
  taken: boolean;
  /** Status of the answer. Null: there was none. */
  status: number | null;
  /** Why it failed, as a word of a closed list. Null: it did not. */
  failure: string | null;
  /** How long it took. */
  durationMs: number;
  /** When it began. Milliseconds since the Unix epoch, UTC. */
  at: number;
}

/**
 * How far an endpoint has been told, what waits to be tried again, and how it answers. A row of
 * email.webhook-progress, keyed by endpoint id, in the endpoint's own partition.
 */
export interface WebhookProgress {
  /** The endpoint. */
  endpointId: string;
  /** Its tenant. */
  tenant: string;
  /** One per partition of the results. */
  cursors: WebhookCursor[];
  /** What waits to be tried again, oldest first. */
  waiting: WebhookWaiting[];
  /** The endpoint's replays. */
  replays: WebhookReplayProgress[];
  /** Attempts in a row that failed. */
  failures: number;
  /** When the first of them failed. Milliseconds since the Unix epoch, UTC. Null: the last attempt succeeded. */
  since: number | null;
  /** Left alone until then. Milliseconds since the Unix epoch, UTC. Null: it is not. */
  until: number | null;
  /** The last automatic pause. Null: there was none. */
  pause: WebhookPause | null;
  /** The last attempts, newest first: some that failed and some that did not. */
  attempts: WebhookAttempt[];
  /** Events that were taken. */
  delivered: number;
  /** Events that were given up after a day of attempts while others were taken. */
  exhausted: number;
  /** Records that the log no longer had when it was the endpoint's turn. */
  lost: number;
  /** When the row was written. Milliseconds since the Unix epoch, UTC. */
  at: number;
}

/** Name of a record schema in schemas/. */
export type SchemaName =
  | 'AddressKey'
  | 'Allowance'
  | 'ApiKey'
  | 'Cancellation'
  | 'DeadLetter'
  | 'DeliveryResult'
  | 'DkimKeys'
  | 'DomainSite'
  | 'EmailJob'
  | 'Feedback'
  | 'FeedbackEvent'
  | 'Placement'
  | 'ReputationEditions'
  | 'ReputationSignal'
  | 'ReputationState'
  | 'RouterSeen'
  | 'Score'
  | 'SenderCheck'
  | 'Suppression'
  | 'Template'
  | 'WebhookEndpoint'
  | 'WebhookProgress';

/** The schemas as they are registered: the JSON text of each file in schemas/, without its white space. */
export const schemas: Readonly<Record<SchemaName, string>> = {
  AddressKey:
    "{\"type\":\"record\",\"name\":\"AddressKey\",\"namespace\":\"postlane\",\"doc\":\"A key that recipients are or were hashed by. A row of email.address-keys, keyed by the key's id: a process that is not given a key of the table would not find what is kept under its hashes, and lets nothing through.\",\"fields\":[{\"name\":\"keyId\",\"type\":\"string\",\"doc\":\"What tells the key from others; nothing about it follows from its id.\"},{\"name\":\"at\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"When it was first used. Milliseconds since the Unix epoch, UTC.\"}]}",
  Allowance:
    "{\"type\":\"record\",\"name\":\"Allowance\",\"namespace\":\"postlane\",\"doc\":\"How many mails a source that is being warmed up may send to one provider in a day. A row of email.allowances, keyed by subject; no row means the initial volume.\",\"fields\":[{\"name\":\"subject\",\"type\":\"string\",\"doc\":\"`identity:source:<name>|<provider>`.\"},{\"name\":\"day\",\"type\":\"int\",\"default\":0,\"doc\":\"Day that it holds for, and for those after it until the next row. Days since the Unix epoch, UTC.\"},{\"name\":\"volume\",\"type\":\"int\",\"default\":0,\"doc\":\"Mails allowed on that day.\"},{\"name\":\"at\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"End of the bucket that it was judged at. Milliseconds since the Unix epoch, UTC.\"},{\"name\":\"ruleVersion\",\"type\":\"string\",\"default\":\"\",\"doc\":\"Version of the rules that judged. Empty: not known.\"},{\"name\":\"days\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"WarmUpDay\",\"doc\":\"What was allowed and done on one day, and what followed.\",\"fields\":[{\"name\":\"day\",\"type\":\"int\",\"doc\":\"Days since the Unix epoch, UTC.\"},{\"name\":\"volume\",\"type\":\"int\",\"default\":0,\"doc\":\"Mails that were allowed.\"},{\"name\":\"sent\",\"type\":\"int\",\"default\":0,\"doc\":\"Mails that a server took.\"},{\"name\":\"bounced\",\"type\":\"int\",\"default\":0,\"doc\":\"Bounces.\"},{\"name\":\"complained\",\"type\":\"int\",\"default\":0,\"doc\":\"Complaints.\"},{\"name\":\"verdict\",\"type\":\"string\",\"default\":\"\",\"doc\":\"raised, held, halved, idle or decayed.\"}]}},\"default\":[],\"doc\":\"The last days, newest first, bounded in number by the fold.\"}]}",
  ApiKey:
    "{\"type\":\"record\",\"name\":\"ApiKey\",\"namespace\":\"postlane\",\"doc\":\"A key to the HTTP API: whom it stands for and what it may do. A row of email.api-keys, keyed by key id. Secrets are kept as hashes only.\",\"fields\":[{\"name\":\"keyId\",\"type\":\"string\",\"doc\":\"The part of the key that may be shown: names it in lists, logs and evidence.\"},{\"name\":\"tenant\",\"type\":\"string\",\"default\":\"default\",\"doc\":\"Tenant that whoever holds the key acts for. No request can name another.\"},{\"name\":\"name\",\"type\":\"string\",\"default\":\"\",\"doc\":\"What the operator calls it.\"},{\"name\":\"scopes\",\"type\":{\"type\":\"array\",\"items\":\"string\"},\"default\":[],\"doc\":\"What it may do, such as emails:send. A scope that a reader does not know grants nothing there.\"},{\"name\":\"secrets\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"ApiKeySecret\",\"doc\":\"One secret under which a key is valid. Two during a rotation.\",\"fields\":[{\"name\":\"hash\",\"type\":\"bytes\",\"doc\":\"SHA-256 of the secret's 32 random bytes as they are written in the key.\"},{\"name\":\"until\",\"type\":[\"null\",{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}],\"default\":null,\"doc\":\"When it stops being valid. Milliseconds since the Unix epoch, UTC. Null: never.\"}]}},\"default\":[],\"doc\":\"The secrets, newest first.\"},{\"name\":\"requestsPerSecond\",\"type\":[\"null\",\"int\"],\"default\":null,\"doc\":\"Requests that it may make in any one second. Null: no limit.\"},{\"name\":\"mailsPerDay\",\"type\":[\"null\",\"int\"],\"default\":null,\"doc\":\"Mails that it may hand in within 24 hours. Null: no limit.\"},{\"name\":\"revoked\",\"type\":\"boolean\",\"default\":false,\"doc\":\"True: valid no longer, whatever its secrets say.\"},{\"name\":\"at\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"When it was made. Milliseconds since the Unix epoch, UTC.\"}]}",
  Cancellation:
    "{\"type\":\"record\",\"name\":\"Cancellation\",\"namespace\":\"postlane\",\"doc\":\"A wish that a job be not sent. The value of email.cancellations, keyed by job id. It is looked up before a mail is declared; one that is on its way already is not called back.\",\"fields\":[{\"name\":\"jobId\",\"type\":\"string\",\"doc\":\"The job's id.\"},{\"name\":\"tenant\",\"type\":\"string\",\"default\":\"default\",\"doc\":\"The job's tenant; a cancellation of another tenant does not count.\"},{\"name\":\"who\",\"type\":\"string\",\"default\":\"\",\"doc\":\"Who asked for it; the results name it.\"},{\"name\":\"why\",\"type\":\"string\",\"default\":\"\",\"doc\":\"Why; the results name it.\"},{\"name\":\"at\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"When it was asked for. Milliseconds since the Unix epoch, UTC.\"}]}",
  DeadLetter:
    "{\"type\":\"record\",\"name\":\"DeadLetter\",\"namespace\":\"postlane\",\"doc\":\"A record that cannot be decoded or processed: its original bytes, where it lay, and why it went no further. The value of email.dead-letters, under the original key.\",\"fields\":[{\"name\":\"topic\",\"type\":\"string\",\"doc\":\"Topic that the record was read from.\"},{\"name\":\"partition\",\"type\":\"int\",\"doc\":\"Partition that it was read from.\"},{\"name\":\"offset\",\"type\":\"long\",\"doc\":\"Offset that it was read from.\"},{\"name\":\"key\",\"type\":[\"null\",\"bytes\"],\"default\":null,\"doc\":\"The record's key as it was. Null: it had none.\"},{\"name\":\"value\",\"type\":[\"null\",\"bytes\"],\"default\":null,\"doc\":\"The record's value as it was. Null: it was a tombstone.\"},{\"name\":\"headers\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"NameValue\",\"doc\":\"One entry of a list of names and values. A list and not a map, because order and repetition matter, and because a map's keys become property names in some languages.\",\"fields\":[{\"name\":\"name\",\"type\":\"string\",\"doc\":\"Name of the entry.\"},{\"name\":\"value\",\"type\":\"string\",\"doc\":\"Value of the entry.\"}]}},\"default\":[],\"doc\":\"The record's headers, as far as they were text.\"},{\"name\":\"stage\",\"type\":\"string\",\"default\":\"\",\"doc\":\"Where it failed: decode, step, or the name of the processor's own stage.\"},{\"name\":\"reason\",\"type\":\"string\",\"doc\":\"Why, as a word of a closed list that can be counted and alerted on.\"},{\"name\":\"detail\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"Why, for people: at most 500 characters. Null: the reason says it all.\"},{\"name\":\"processor\",\"type\":\"string\",\"default\":\"\",\"doc\":\"Processor that gave up on it.\"},{\"name\":\"version\",\"type\":\"string\",\"default\":\"\",\"doc\":\"Version of that processor.\"},{\"name\":\"jobId\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"The job's id, where it could be read. Null: what cannot be decoded has none.\"},{\"name\":\"at\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"When it failed. Milliseconds since the Unix epoch, UTC.\"}]}",
  DeliveryResult:
    "{\"type\":\"record\",\"name\":\"DeliveryResult\",\"namespace\":\"postlane\",\"doc\":\"What became of a job: one record per attempt, exactly one ending, and any number of annotations that later news adds. The value of email.results.*, keyed by job id.\",\"fields\":[{\"name\":\"jobId\",\"type\":\"string\",\"doc\":\"The job's id.\"},{\"name\":\"tenant\",\"type\":\"string\",\"default\":\"default\",\"doc\":\"The job's tenant.\"},{\"name\":\"type\",\"type\":{\"type\":\"enum\",\"name\":\"EmailTypeSymbol\",\"doc\":\"What kind of mail it is. Types never share an ingest topic, a lane or, unless the operator insists, a source. `unknown` is what a reader sees in place of a symbol that is newer than itself; never write it.\",\"symbols\":[\"unknown\",\"transactional\",\"notification\",\"marketing\"],\"default\":\"unknown\"},\"default\":\"unknown\",\"doc\":\"The job's type.\"},{\"name\":\"recipient\",\"type\":\"string\",\"doc\":\"The job's recipient as written.\"},{\"name\":\"kind\",\"type\":{\"type\":\"enum\",\"name\":\"ResultKind\",\"doc\":\"`attempt`: a try that did not end the job. `ending`: the one record that ends it. `annotation`: later news about a job that has ended.\",\"symbols\":[\"unknown\",\"attempt\",\"ending\",\"annotation\"],\"default\":\"unknown\"},\"doc\":\"What this record is.\"},{\"name\":\"ending\",\"type\":[\"null\",{\"type\":\"enum\",\"name\":\"EndingSymbol\",\"doc\":\"How a job ends. `sent`: the remote server took it, which is not yet `delivered`. `bounced`: refused for good, or attempts used up. `suppressed`: not attempted, the recipient is on the suppression list. `expired`: too old. `cancelled`: on request. `dead_lettered`: cannot be processed. `unknown`: it may or may not have gone out, and policy forbids another try.\",\"symbols\":[\"unknown\",\"sent\",\"bounced\",\"suppressed\",\"expired\",\"cancelled\",\"dead_lettered\"],\"default\":\"unknown\"}],\"default\":null,\"doc\":\"Set where kind is `ending`, else null.\"},{\"name\":\"annotation\",\"type\":[\"null\",{\"type\":\"enum\",\"name\":\"AnnotationSymbol\",\"doc\":\"Later news. `delivered`: a provider or a delivery notice says that it reached the mailbox. `bounced_later`: a bounce mail came after acceptance. `complained`: reported as spam. `unsubscribed`: the recipient left. `placed`: seen in a seed mailbox.\",\"symbols\":[\"unknown\",\"delivered\",\"bounced_later\",\"complained\",\"unsubscribed\",\"placed\"],\"default\":\"unknown\"}],\"default\":null,\"doc\":\"Set where kind is `annotation`, else null.\"},{\"name\":\"attempt\",\"type\":\"int\",\"default\":0,\"doc\":\"Number of the attempt, from 1. 0: nothing was attempted.\"},{\"name\":\"at\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"When it happened. Milliseconds since the Unix epoch, UTC.\"},{\"name\":\"source\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"Name of the source that tried. Null: nothing was attempted.\"},{\"name\":\"site\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"Provider site that was tried. Null: nothing was attempted.\"},{\"name\":\"smtpCode\",\"type\":[\"null\",\"int\"],\"default\":null,\"doc\":\"Reply code of the remote server (RFC 5321 section 4.2). Null: there was no reply.\"},{\"name\":\"enhancedCode\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"Enhanced status code of the reply, such as 5.1.1 (RFC 3463). Null: the reply had none.\"},{\"name\":\"reply\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"Text of the reply, at most 512 bytes. Null: there was no reply.\"},{\"name\":\"class\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"Bounce class that the rules gave the reply, such as invalid-recipient. Null: none applies.\"},{\"name\":\"reason\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"Why, in the pipeline's own words, where no remote server said it: the rule or limit that decided. Null: the reply says it.\"},{\"name\":\"messageId\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"Message-ID of the mail (RFC 5322 section 3.6.4). Null: none was composed.\"},{\"name\":\"uncertain\",\"type\":\"boolean\",\"default\":false,\"doc\":\"True where a copy may have gone out before, because a process died between the message and the reply to it.\"},{\"name\":\"campaign\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"The job's campaign.\"},{\"name\":\"tags\",\"type\":{\"type\":\"array\",\"items\":\"string\"},\"default\":[],\"doc\":\"The job's tags.\"},{\"name\":\"metadata\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"NameValue\",\"doc\":\"One entry of a list of names and values. A list and not a map, because order and repetition matter, and because a map's keys become property names in some languages.\",\"fields\":[{\"name\":\"name\",\"type\":\"string\",\"doc\":\"Name of the entry.\"},{\"name\":\"value\",\"type\":\"string\",\"doc\":\"Value of the entry.\"}]}},\"default\":[],\"doc\":\"The job's metadata.\"},{\"name\":\"until\",\"type\":[\"null\",{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}],\"default\":null,\"doc\":\"Of an attempt: not tried again before. Milliseconds since the Unix epoch, UTC. Null: at once, or never.\"}]}",
  DkimKeys:
    "{\"type\":\"record\",\"name\":\"DkimKeys\",\"namespace\":\"postlane\",\"doc\":\"The DKIM keys that operators have made for a sender domain, beside those of the configuration. A row of email.dkim-keys, keyed by domain. Private keys are named, never held.\",\"fields\":[{\"name\":\"domain\",\"type\":\"string\",\"doc\":\"The sender domain, lower case, A-labels.\"},{\"name\":\"keys\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"DkimKeyRow\",\"doc\":\"One key, or what is decided about one of the configuration.\",\"fields\":[{\"name\":\"selector\",\"type\":\"string\",\"doc\":\"Under which its record stands in the DNS.\"},{\"name\":\"algorithm\",\"type\":\"string\",\"doc\":\"`rsa-sha256` or `ed25519-sha256`. A reader that does not know it does not sign with it.\"},{\"name\":\"privateKey\",\"type\":\"string\",\"doc\":\"Reference to the private key, such as file:… or vault:…, resolved by whoever signs.\"},{\"name\":\"record\",\"type\":\"string\",\"doc\":\"Text of the TXT record that belongs to the private key.\"},{\"name\":\"at\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"When it was made. Milliseconds since the Unix epoch, UTC.\"},{\"name\":\"until\",\"type\":[\"null\",{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}],\"default\":null,\"doc\":\"From when it never signs again, and its record may go. Milliseconds since the Unix epoch, UTC. Null: in use.\"}]}},\"default\":[],\"doc\":\"The keys, oldest first.\"},{\"name\":\"at\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"When it was decided. Milliseconds since the Unix epoch, UTC.\"}]}",
  DomainSite:
    "{\"type\":\"record\",\"name\":\"DomainSite\",\"namespace\":\"postlane\",\"doc\":\"Who runs the mailboxes of a recipient domain, learned from its MX records. A row of email.domains, keyed by domain.\",\"fields\":[{\"name\":\"domain\",\"type\":\"string\",\"doc\":\"The domain, in A-labels and lower case (RFC 5890).\"},{\"name\":\"provider\",\"type\":\"string\",\"default\":\"other\",\"doc\":\"Provider that runs it: the second half of a lane's name.\"},{\"name\":\"site\",\"type\":\"string\",\"default\":\"\",\"doc\":\"Site that limits are kept for: the common name of its mail exchangers, or the domain itself.\"},{\"name\":\"at\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"When it was looked up. Milliseconds since the Unix epoch, UTC.\"}]}",
  EmailJob:
    "{\"type\":\"record\",\"name\":\"EmailJob\",\"namespace\":\"postlane\",\"doc\":\"One mail to one recipient, as an application asks for it. The value of email.ingest.*, and unchanged, byte for byte, of every topic that carries the job on its way. Besides the three required fields it needs either payload or templateId.\",\"fields\":[{\"name\":\"id\",\"type\":\"string\",\"doc\":\"Idempotency key, chosen by the producer and unique within the tenant: the same id and content is accepted once, the same id with other content is refused. 1 to 256 characters, none of them a control character.\"},{\"name\":\"tenant\",\"type\":\"string\",\"default\":\"default\",\"doc\":\"Who the mail is sent for. Job ids are unique per tenant, and quotas are kept per tenant.\"},{\"name\":\"type\",\"type\":{\"type\":\"enum\",\"name\":\"EmailTypeSymbol\",\"doc\":\"What kind of mail it is. Types never share an ingest topic, a lane or, unless the operator insists, a source. `unknown` is what a reader sees in place of a symbol that is newer than itself; never write it.\",\"symbols\":[\"unknown\",\"transactional\",\"notification\",\"marketing\"],\"default\":\"unknown\"},\"doc\":\"Decides the queue, the retry policy and the suppressions that apply.\"},{\"name\":\"priority\",\"type\":{\"type\":\"enum\",\"name\":\"PrioritySymbol\",\"doc\":\"Order in which a worker serves what waits in its own queues. No promise across partitions. A symbol that is newer than its reader is read as `normal`.\",\"symbols\":[\"low\",\"normal\",\"high\"],\"default\":\"normal\"},\"default\":\"normal\",\"doc\":\"Order among the jobs that wait in the same worker.\"},{\"name\":\"recipient\",\"type\":\"string\",\"doc\":\"The one address that the mail goes to, without a display name (RFC 5321 section 4.1.2, Mailbox). A non-ASCII domain may be written as U-labels or A-labels; a non-ASCII local part needs SMTPUTF8 (RFC 6531). At most 254 octets.\"},{\"name\":\"payload\",\"type\":[\"null\",{\"type\":\"record\",\"name\":\"Payload\",\"doc\":\"The mail itself, either as parts that are composed here, or whole in mime.\",\"fields\":[{\"name\":\"from\",\"type\":\"string\",\"default\":\"\",\"doc\":\"The From header: one mailbox, with or without a display name (RFC 5322 section 3.4). Its domain is the one that is signed for. Must be set, except where mime carries it; then it only says under which domain the mail is counted.\"},{\"name\":\"replyTo\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"The Reply-To header: one mailbox (RFC 5322 section 3.6.2). Null: none.\"},{\"name\":\"subject\",\"type\":\"string\",\"default\":\"\",\"doc\":\"The Subject header as text; encoded as RFC 2047 asks. No CR or LF.\"},{\"name\":\"html\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"The text/html part. Null: none.\"},{\"name\":\"text\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"The text/plain part. Null: none.\"},{\"name\":\"unsubscribeLink\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"An https: or mailto: URI for the List-Unsubscribe header (RFC 2369). Null: the pipeline's own link where one is configured, in transactional mail only where oneClick is true. Empty: none.\"},{\"name\":\"oneClick\",\"type\":\"boolean\",\"default\":false,\"doc\":\"True: unsubscribeLink takes the POST of RFC 8058, so List-Unsubscribe-Post is added. For a link of the pipeline's own it is always added.\"},{\"name\":\"headers\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"NameValue\",\"doc\":\"One entry of a list of names and values. A list and not a map, because order and repetition matter, and because a map's keys become property names in some languages.\",\"fields\":[{\"name\":\"name\",\"type\":\"string\",\"doc\":\"Name of the entry.\"},{\"name\":\"value\",\"type\":\"string\",\"doc\":\"Value of the entry.\"}]}},\"default\":[],\"doc\":\"Further header fields. Only names on the configured allow-list are taken; a CR or LF refuses the job.\"},{\"name\":\"attachments\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"Attachment\",\"doc\":\"One file that goes with the mail.\",\"fields\":[{\"name\":\"filename\",\"type\":\"string\",\"doc\":\"Name that the recipient sees; no path (RFC 2183 section 2.3).\"},{\"name\":\"contentType\",\"type\":\"string\",\"default\":\"application/octet-stream\",\"doc\":\"Media type (RFC 2045 section 5.1).\"},{\"name\":\"contentId\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"Content-ID without the angle brackets, for cid: links from the html part (RFC 2392). Null: an ordinary attachment.\"},{\"name\":\"content\",\"type\":\"bytes\",\"doc\":\"The file's bytes, not base64.\"}]}},\"default\":[],\"doc\":\"Files, within the limit on the whole job.\"},{\"name\":\"mime\",\"type\":[\"null\",\"bytes\"],\"default\":null,\"doc\":\"A whole message (RFC 5322) from SMTP submission. Its headers are parsed, checked and written again. Null: the message is composed from the fields above; otherwise those are ignored.\"}]}],\"default\":null,\"doc\":\"The mail's content. Null: it is made from templateId and mergeData.\"},{\"name\":\"templateId\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"Template that makes the content. Null: payload has it.\"},{\"name\":\"templateVersion\",\"type\":[\"null\",\"int\"],\"default\":null,\"doc\":\"Version of the template. Null: the newest at the time of sending.\"},{\"name\":\"mergeData\",\"type\":{\"type\":\"array\",\"items\":\"NameValue\"},\"default\":[],\"doc\":\"Values for the template's placeholders.\"},{\"name\":\"metadata\",\"type\":{\"type\":\"array\",\"items\":\"NameValue\"},\"default\":[],\"doc\":\"The application's own data; returned with every result, never sent.\"},{\"name\":\"tags\",\"type\":{\"type\":\"array\",\"items\":\"string\"},\"default\":[],\"doc\":\"Labels to group results by; returned with every result.\"},{\"name\":\"campaign\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"Campaign that the mail belongs to: goes into Feedback-ID and results. Null: none.\"},{\"name\":\"sendAt\",\"type\":[\"null\",{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}],\"default\":null,\"doc\":\"Not to be sent before. Milliseconds since the Unix epoch, UTC; at most 30 days ahead. Null: at once.\"},{\"name\":\"expiresAt\",\"type\":[\"null\",{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}],\"default\":null,\"doc\":\"Not to be attempted after; the job then ends `expired`. Milliseconds since the Unix epoch, UTC. Null: the queue's maximum age alone.\"},{\"name\":\"region\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"Region whose sources must send it. Null: any.\"},{\"name\":\"traceparent\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"Trace context of the request behind it (W3C Trace Context, traceparent). Null: none.\"}]}",
  Feedback:
    "{\"type\":\"record\",\"name\":\"Feedback\",\"namespace\":\"postlane\",\"doc\":\"What came back from outside, as it came: a mail to a return path, the body of a provider's webhook, or what somebody said who followed an unsubscribe link. The value of email.feedback, keyed by route and batch; read by the split, and read anew by a replay with other rules.\",\"fields\":[{\"name\":\"route\",\"type\":\"string\",\"doc\":\"Name of the route that it came by: `inbound`, `unsubscribe`, or a webhook's name in the configuration.\"},{\"name\":\"format\",\"type\":\"string\",\"doc\":\"What the body holds: `dsn` (any mail), `arf` (a mail of a feedback loop), `ses`, `sendgrid`, `mailgun`, `postmark` or `generic` (webhooks), `unsubscribe` (what a link of ours says, and what was asked for).\"},{\"name\":\"at\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"When it came in. Milliseconds since the Unix epoch, UTC.\"},{\"name\":\"body\",\"type\":\"bytes\",\"doc\":\"The bytes as they came and, of a webhook, as they were signed.\"},{\"name\":\"batchId\",\"type\":\"string\",\"default\":\"\",\"doc\":\"What its sender, or we by its content, call this delivery: the same one again has the same.\"},{\"name\":\"recipient\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"Of a mail: the address of ours that it was sent to (RFC 5321 RCPT TO). Null: no mail.\"},{\"name\":\"sender\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"Of a mail: its return path (RFC 5321 MAIL FROM); empty for notices of servers. Null: no mail.\"},{\"name\":\"peer\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"IP address that it came from. Null: not known.\"}]}",
  FeedbackEvent:
    "{\"type\":\"record\",\"name\":\"FeedbackEvent\",\"namespace\":\"postlane\",\"doc\":\"What one piece of feedback says about one recipient. The value of email.feedback-events, keyed by the job that it is bound to, else by recipient: a report of several recipients, or a body of several events, becomes several of these.\",\"fields\":[{\"name\":\"eventId\",\"type\":\"string\",\"doc\":\"Identity of the event: the same event told again by the same route has the same one.\"},{\"name\":\"at\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"When it happened, as far as its sender says so, and never later than it came in. Milliseconds since the Unix epoch, UTC.\"},{\"name\":\"kind\",\"type\":{\"type\":\"enum\",\"name\":\"FeedbackKindSymbol\",\"doc\":\"What happened. `bounce`: given up. `delay`: somebody else still tries. `delivered`: or relayed to who sends no reports. `auto_reply`: a machine answered a mail that had arrived.\",\"symbols\":[\"unknown\",\"bounce\",\"delay\",\"delivered\",\"complaint\",\"unsubscribe\",\"auto_reply\"],\"default\":\"unknown\"},\"doc\":\"What happened.\"},{\"name\":\"route\",\"type\":\"string\",\"default\":\"\",\"doc\":\"Route that it came by.\"},{\"name\":\"format\",\"type\":\"string\",\"default\":\"\",\"doc\":\"What it was read from.\"},{\"name\":\"recipient\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"The address that we wrote to, as the report has it. Null: it names none.\"},{\"name\":\"tenant\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"Tenant of the job that a signed return path names. Null: none.\"},{\"name\":\"jobId\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"Job that a signed return path names. Null: none.\"},{\"name\":\"jobDigest\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"Digest of tenant and job, in hexadecimal digits, where a signed return path has no room for their names. Null: none.\"},{\"name\":\"messageId\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"Message-ID of the mail that it is about, without angle brackets. Null: not told.\"},{\"name\":\"feedbackId\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"Feedback-ID of the mail that it is about. Null: not told.\"},{\"name\":\"smtpCode\",\"type\":[\"null\",\"int\"],\"default\":null,\"doc\":\"Reply code of the refusing server (RFC 5321 section 4.2). Null: not told.\"},{\"name\":\"enhancedCode\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"Enhanced status code (RFC 3463). Null: not told.\"},{\"name\":\"reply\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"At most 512 bytes of the words that tell what it means. Null: there were none.\"},{\"name\":\"mailType\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"Type of the mail that it is about, where an unsubscribe link of ours tells it: that is proof of tenant, recipient and type by itself, for however long the link is kept. Null: no such link.\"},{\"name\":\"unwanted\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"Of an unsubscribe: `type` where no mail of that type is wanted any more, `all` where none is but transactional mail. Null: not told, which is `type`.\"},{\"name\":\"label\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"What the complaint or the provider calls it, such as abuse. Null: nothing.\"}]}",
  Placement:
    "{\"type\":\"record\",\"name\":\"Placement\",\"namespace\":\"postlane\",\"doc\":\"What became of a probe in a seed mailbox, or what is wrong with the mailbox. A row of email.placements, keyed by the probe's job id, or by seed:<name> for the mailbox itself.\",\"fields\":[{\"name\":\"id\",\"type\":\"string\",\"doc\":\"Job id of the probe, or seed:<name>.\"},{\"name\":\"seed\",\"type\":\"string\",\"doc\":\"Name of the seed mailbox.\"},{\"name\":\"provider\",\"type\":\"string\",\"default\":\"other\",\"doc\":\"Who runs the mailbox.\"},{\"name\":\"recipient\",\"type\":\"string\",\"default\":\"\",\"doc\":\"Address of the mailbox.\"},{\"name\":\"type\",\"type\":\"string\",\"default\":\"\",\"doc\":\"Type of the probe's job: its results are on that topic.\"},{\"name\":\"campaign\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"Campaign that the probe went out with. Null: on the schedule.\"},{\"name\":\"place\",\"type\":{\"type\":\"enum\",\"name\":\"PlaceSymbol\",\"doc\":\"`waiting`: not seen yet. `inbox`, `spam`, `tab`: where it was seen. `missing`: nowhere, past the deadline. `unseen`: nobody could look in time. `reachable`, `unreachable`: of a mailbox. `unknown` is what a reader sees in place of a symbol that is newer than itself; never write it.\",\"symbols\":[\"unknown\",\"waiting\",\"inbox\",\"spam\",\"tab\",\"missing\",\"unseen\",\"reachable\",\"unreachable\"],\"default\":\"unknown\"},\"default\":\"unknown\",\"doc\":\"Where it is.\"},{\"name\":\"folder\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"Name of the folder or tab, or what is wrong with the mailbox.\"},{\"name\":\"delayMs\",\"type\":[\"null\",\"long\"],\"default\":null,\"doc\":\"From its publication to its arrival in the mailbox, in milliseconds. Null: not seen.\"},{\"name\":\"at\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"When the probe was published, or the mailbox last looked at. Milliseconds since the Unix epoch, UTC.\"}]}",
  ReputationEditions:
    "{\"type\":\"record\",\"name\":\"ReputationEditions\",\"namespace\":\"postlane\",\"doc\":\"Which edition of the reputation tables is in force. The only row of email.reputation-editions, keyed by name: everybody who reads the tables follows it, so one record switches them all.\",\"fields\":[{\"name\":\"name\",\"type\":\"string\",\"doc\":\"`reputation`.\"},{\"name\":\"at\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"When it was decided. Milliseconds since the Unix epoch, UTC.\"},{\"name\":\"active\",\"type\":\"int\",\"default\":0,\"doc\":\"Edition in force. 0: the one that has always been; its rows have bare keys, those of edition n begin with `g<n>/`.\"},{\"name\":\"activeRules\",\"type\":\"string\",\"default\":\"\",\"doc\":\"What it judges otherwise than the configuration says, as the text of a JSON object. Empty: nothing.\"},{\"name\":\"standby\",\"type\":\"int\",\"default\":-1,\"doc\":\"Edition that is kept up to date as well, to be switched to or back to. -1: none.\"},{\"name\":\"standbyRules\",\"type\":\"string\",\"default\":\"\",\"doc\":\"What that one judges otherwise.\"},{\"name\":\"last\",\"type\":\"int\",\"default\":0,\"doc\":\"The highest edition there has been: numbers are not used twice.\"}]}",
  ReputationSignal:
    "{\"type\":\"record\",\"name\":\"ReputationSignal\",\"namespace\":\"postlane\",\"doc\":\"One thing that happened to one subject. The value of email.reputation, keyed by subject: the log that suppressions and scores are folded from, and can be folded from again with other rules.\",\"fields\":[{\"name\":\"eventId\",\"type\":\"string\",\"doc\":\"Identity of the event: the same event told twice has the same one, and counts once.\"},{\"name\":\"subject\",\"type\":\"string\",\"doc\":\"What it is about: `recipient:<address>` (address folded to lower case) or `identity:<kind>:<name>|<provider>`.\"},{\"name\":\"kind\",\"type\":{\"type\":\"enum\",\"name\":\"SignalKind\",\"doc\":\"What happened. `sent_counted`: mails that a server took, added up. `suppression_added` and `suppression_removed`: by an operator. `erased`: everything known about the subject is to be forgotten. `ticked`: nothing but that time has passed.\",\"symbols\":[\"unknown\",\"sent_counted\",\"delivered\",\"bounced\",\"deferred\",\"complained\",\"unsubscribed\",\"suppression_added\",\"suppression_removed\",\"erased\",\"ticked\"],\"default\":\"unknown\"},\"doc\":\"What happened.\"},{\"name\":\"at\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"When it happened; folds read no later than the record's append time. Milliseconds since the Unix epoch, UTC.\"},{\"name\":\"tenant\",\"type\":\"string\",\"default\":\"default\",\"doc\":\"Tenant whose mail it was; `*`: all, where an operator says so.\"},{\"name\":\"type\",\"type\":{\"type\":\"enum\",\"name\":\"EmailTypeSymbol\",\"doc\":\"What kind of mail it is. Types never share an ingest topic, a lane or, unless the operator insists, a source. `unknown` is what a reader sees in place of a symbol that is newer than itself; never write it.\",\"symbols\":[\"unknown\",\"transactional\",\"notification\",\"marketing\"],\"default\":\"unknown\"},\"default\":\"unknown\",\"doc\":\"Type of the mail; `unknown` where it is about no mail in particular.\"},{\"name\":\"jobId\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"Job that it is about. Null: none, or many.\"},{\"name\":\"source\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"Source that sent. Null: none.\"},{\"name\":\"provider\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"Provider of the recipient's mailbox. Null: not known.\"},{\"name\":\"smtpCode\",\"type\":[\"null\",\"int\"],\"default\":null,\"doc\":\"Reply code of the remote server (RFC 5321 section 4.2). Null: there was no reply.\"},{\"name\":\"enhancedCode\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"Enhanced status code of the reply (RFC 3463). Null: the reply had none.\"},{\"name\":\"reply\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"At most 512 bytes of the reply's text: a replay with other rules judges it anew. Null: there was no reply.\"},{\"name\":\"class\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"Bounce class that the rules gave it at the time. Null: none.\"},{\"name\":\"ruleVersion\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"Version of the rules that gave the class. Null: no class.\"},{\"name\":\"count\",\"type\":\"int\",\"default\":1,\"doc\":\"How many mails it stands for; more than 1 only for `sent_counted`.\"},{\"name\":\"authenticated\",\"type\":\"boolean\",\"default\":true,\"doc\":\"False where nothing binds the report to a mail of ours: it is kept, and counts for nothing by itself.\"},{\"name\":\"route\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"Route of the feedback that told it: a replay may read that again. Null: not told by feedback.\"},{\"name\":\"who\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"Operator behind it. Null: the pipeline itself.\"},{\"name\":\"why\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"The operator's reason. Null: none given.\"},{\"name\":\"until\",\"type\":[\"null\",{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}],\"default\":null,\"doc\":\"When an operator's suppression ends by itself. Milliseconds since the Unix epoch, UTC. Null: never; and for every other kind.\"}]}",
  ReputationState:
    "{\"type\":\"record\",\"name\":\"ReputationState\",\"namespace\":\"postlane\",\"doc\":\"What is folded of the signals about one identity at one provider. A row of email.reputation-state, keyed by subject: scores and allowances follow from it.\",\"fields\":[{\"name\":\"subject\",\"type\":\"string\",\"doc\":\"`identity:<kind>:<name>|<provider>`.\"},{\"name\":\"at\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"The newest event time seen: what is older by more than the lateness bound is closed. Milliseconds since the Unix epoch, UTC.\"},{\"name\":\"closedMinute\",\"type\":\"int\",\"default\":-1,\"doc\":\"Every bucket up to this minute is closed. Minutes since the Unix epoch, UTC; -1: none.\"},{\"name\":\"open\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"OpenBucket\",\"doc\":\"What was counted so far in one minute that is not closed.\",\"fields\":[{\"name\":\"minute\",\"type\":\"int\",\"doc\":\"Minutes since the Unix epoch, UTC.\"},{\"name\":\"sent\",\"type\":\"int\",\"default\":0,\"doc\":\"Mails that a server took.\"},{\"name\":\"delivered\",\"type\":\"int\",\"default\":0,\"doc\":\"Later notices of delivery.\"},{\"name\":\"bounced\",\"type\":\"int\",\"default\":0,\"doc\":\"Refusals for good that are held against the sender.\"},{\"name\":\"complained\",\"type\":\"int\",\"default\":0,\"doc\":\"Complaints.\"},{\"name\":\"deferred\",\"type\":\"int\",\"default\":0,\"doc\":\"Refusals for now.\"},{\"name\":\"eventIds\",\"type\":{\"type\":\"array\",\"items\":\"long\"},\"default\":[],\"doc\":\"Hashes of the events counted, in order: an event that comes again is told by them.\"}]}},\"default\":[],\"doc\":\"Buckets that may still change, oldest first.\"},{\"name\":\"closed\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"Bucket\",\"doc\":\"What was counted in one minute or one hour that is closed.\",\"fields\":[{\"name\":\"minute\",\"type\":\"int\",\"doc\":\"First minute. Minutes since the Unix epoch, UTC.\"},{\"name\":\"minutes\",\"type\":\"int\",\"default\":1,\"doc\":\"Its length: 1 or 60.\"},{\"name\":\"sent\",\"type\":\"int\",\"default\":0,\"doc\":\"Mails that a server took.\"},{\"name\":\"delivered\",\"type\":\"int\",\"default\":0,\"doc\":\"Later notices of delivery.\"},{\"name\":\"bounced\",\"type\":\"int\",\"default\":0,\"doc\":\"Refusals for good that are held against the sender.\"},{\"name\":\"complained\",\"type\":\"int\",\"default\":0,\"doc\":\"Complaints.\"},{\"name\":\"deferred\",\"type\":\"int\",\"default\":0,\"doc\":\"Refusals for now.\"}]}},\"default\":[],\"doc\":\"Closed buckets of the window, oldest first; full hours are one bucket.\"},{\"name\":\"score\",\"type\":\"double\",\"default\":1,\"doc\":\"The score as last judged.\"},{\"name\":\"action\",\"type\":\"string\",\"default\":\"none\",\"doc\":\"The action as last judged.\"},{\"name\":\"changes\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"ScoreChange\",\"doc\":\"A change of a score, with what it was judged by.\",\"fields\":[{\"name\":\"at\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"End of the bucket that brought it. Milliseconds since the Unix epoch, UTC.\"},{\"name\":\"score\",\"type\":\"double\",\"default\":1,\"doc\":\"The score from then on.\"},{\"name\":\"action\",\"type\":\"string\",\"default\":\"none\",\"doc\":\"The action from then on.\"},{\"name\":\"sent\",\"type\":\"int\",\"default\":0,\"doc\":\"Mails of the window that a server took.\"},{\"name\":\"bounced\",\"type\":\"int\",\"default\":0,\"doc\":\"Bounces of the window.\"},{\"name\":\"complained\",\"type\":\"int\",\"default\":0,\"doc\":\"Complaints of the window.\"},{\"name\":\"deferred\",\"type\":\"int\",\"default\":0,\"doc\":\"Deferrals of the window.\"}]}},\"default\":[],\"doc\":\"The last changes, newest first.\"},{\"name\":\"warmUp\",\"type\":[\"null\",{\"type\":\"record\",\"name\":\"WarmUp\",\"doc\":\"Where the warm-up of a source at a provider stands.\",\"fields\":[{\"name\":\"day\",\"type\":\"int\",\"doc\":\"Day under way. Days since the Unix epoch, UTC.\"},{\"name\":\"volume\",\"type\":\"int\",\"default\":0,\"doc\":\"Mails allowed on it.\"},{\"name\":\"sent\",\"type\":\"int\",\"default\":0,\"doc\":\"Mails of its closed minutes that a server took.\"},{\"name\":\"bounced\",\"type\":\"int\",\"default\":0,\"doc\":\"Bounces of them.\"},{\"name\":\"complained\",\"type\":\"int\",\"default\":0,\"doc\":\"Complaints of them.\"},{\"name\":\"idleDays\",\"type\":\"int\",\"default\":0,\"doc\":\"Days in a row on which nothing was sent.\"},{\"name\":\"days\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"WarmUpDay\",\"doc\":\"What was allowed and done on one day, and what followed.\",\"fields\":[{\"name\":\"day\",\"type\":\"int\",\"doc\":\"Days since the Unix epoch, UTC.\"},{\"name\":\"volume\",\"type\":\"int\",\"default\":0,\"doc\":\"Mails that were allowed.\"},{\"name\":\"sent\",\"type\":\"int\",\"default\":0,\"doc\":\"Mails that a server took.\"},{\"name\":\"bounced\",\"type\":\"int\",\"default\":0,\"doc\":\"Bounces.\"},{\"name\":\"complained\",\"type\":\"int\",\"default\":0,\"doc\":\"Complaints.\"},{\"name\":\"verdict\",\"type\":\"string\",\"default\":\"\",\"doc\":\"raised, held, halved, idle or decayed.\"}]}},\"default\":[],\"doc\":\"The days before, newest first.\"}]}],\"default\":null,\"doc\":\"Null: it is not being warmed up.\"}]}",
  RouterSeen:
    "{\"type\":\"record\",\"name\":\"RouterSeen\",\"namespace\":\"postlane\",\"doc\":\"What one transaction of a router, or of a feedback processor, let through. The value of email.router-seen.* and email.feedback-seen, from which their deduplication stores are rebuilt.\",\"fields\":[{\"name\":\"at\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"Append time of the newest input among them: deduplication forgets by it. Milliseconds since the Unix epoch, UTC.\"},{\"name\":\"hashes\",\"type\":\"bytes\",\"doc\":\"Hashes of 16 bytes each, concatenated in pairs: of (tenant, job id), then of the content, one pair per job; or of what an event means for its mail, then of the event.\"}]}",
  Score:
    "{\"type\":\"record\",\"name\":\"Score\",\"namespace\":\"postlane\",\"doc\":\"How a sending identity is regarded at one provider. A row of email.scores, keyed by subject; no row means healthy.\",\"fields\":[{\"name\":\"subject\",\"type\":\"string\",\"doc\":\"`identity:<kind>:<name>|<provider>`.\"},{\"name\":\"score\",\"type\":\"double\",\"default\":1,\"doc\":\"From 0 (spoilt) to 1 (healthy).\"},{\"name\":\"action\",\"type\":\"string\",\"default\":\"none\",\"doc\":\"What the rules ask for, such as throttle or pause, from falling below the limit until well above it; `none`: nothing.\"},{\"name\":\"at\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"End of the newest one-minute bucket that went into it. Milliseconds since the Unix epoch, UTC.\"},{\"name\":\"figures\",\"type\":\"string\",\"default\":\"\",\"doc\":\"The counts that it was judged by, as the text of a JSON object; for people, nothing is decided by it. Empty: none.\"},{\"name\":\"ruleVersion\",\"type\":\"string\",\"default\":\"\",\"doc\":\"Version of the rules that judged. Empty: not known.\"},{\"name\":\"changes\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"ScoreChange\",\"doc\":\"A change of a score, with what it was judged by.\",\"fields\":[{\"name\":\"at\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"End of the bucket that brought it. Milliseconds since the Unix epoch, UTC.\"},{\"name\":\"score\",\"type\":\"double\",\"default\":1,\"doc\":\"The score from then on.\"},{\"name\":\"action\",\"type\":\"string\",\"default\":\"none\",\"doc\":\"The action from then on.\"},{\"name\":\"sent\",\"type\":\"int\",\"default\":0,\"doc\":\"Mails of the window that a server took.\"},{\"name\":\"bounced\",\"type\":\"int\",\"default\":0,\"doc\":\"Bounces of the window.\"},{\"name\":\"complained\",\"type\":\"int\",\"default\":0,\"doc\":\"Complaints of the window.\"},{\"name\":\"deferred\",\"type\":\"int\",\"default\":0,\"doc\":\"Deferrals of the window.\"}]}},\"default\":[],\"doc\":\"The last changes, newest first, bounded in number by the fold.\"}]}",
  SenderCheck:
    "{\"type\":\"record\",\"name\":\"SenderCheck\",\"namespace\":\"postlane\",\"doc\":\"What the DNS says about a sender domain, or about the addresses that mail leaves from. A row of email.sender-checks, keyed by subject.\",\"fields\":[{\"name\":\"subject\",\"type\":\"string\",\"doc\":\"The sender domain; `outgoing` for the addresses that mail leaves from.\"},{\"name\":\"verdict\",\"type\":{\"type\":\"enum\",\"name\":\"SenderVerdict\",\"doc\":\"`passes`: nothing is wrong that makes receivers doubt its mail. `fails`: something is. `unknown`: it was never found out, or a symbol that is newer than the reader.\",\"symbols\":[\"unknown\",\"passes\",\"fails\"],\"default\":\"unknown\"},\"default\":\"unknown\",\"doc\":\"The last verdict that could be reached: a resolver that is silent takes none back.\"},{\"name\":\"since\",\"type\":[\"null\",{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}],\"default\":null,\"doc\":\"Since when checks reach no verdict, so that an older one stands. Milliseconds since the Unix epoch, UTC. Null: the last check reached it.\"},{\"name\":\"findings\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"SenderFinding\",\"doc\":\"One thing that is wrong, or could not be found out.\",\"fields\":[{\"name\":\"code\",\"type\":\"string\",\"doc\":\"Its name, such as spf-missing; docs/dns.md lists them.\"},{\"name\":\"severity\",\"type\":\"string\",\"doc\":\"`error`, `warning`, `notice` or `unknown`.\"},{\"name\":\"about\",\"type\":\"string\",\"doc\":\"Name of the record, or the address, that it is about.\"},{\"name\":\"what\",\"type\":\"string\",\"doc\":\"One sentence for people.\"}]}},\"default\":[],\"doc\":\"Of the last check, the worst first.\"},{\"name\":\"keys\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"ShownKey\",\"doc\":\"Since when the DNS shows a key. Keys that it does not show are not here.\",\"fields\":[{\"name\":\"selector\",\"type\":\"string\",\"doc\":\"Under which it stands.\"},{\"name\":\"record\",\"type\":\"string\",\"doc\":\"Text of the record that belongs to our private key: what is shown is this key and no other.\"},{\"name\":\"since\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"When it was first seen without a break since. Milliseconds since the Unix epoch, UTC.\"}]}},\"default\":[],\"doc\":\"Keys of email.dkim-keys that the DNS shows. A look-up that failed changes nothing.\"},{\"name\":\"at\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"When it was checked last. Milliseconds since the Unix epoch, UTC.\"}]}",
  Suppression:
    "{\"type\":\"record\",\"name\":\"Suppression\",\"namespace\":\"postlane\",\"doc\":\"Whether an address may be mailed, and why not. A row of email.suppressions, keyed by subject. A weaker or a later event never erases a stronger one.\",\"fields\":[{\"name\":\"subject\",\"type\":\"string\",\"doc\":\"`recipient:<address>`, the address folded to lower case.\"},{\"name\":\"active\",\"type\":\"boolean\",\"default\":true,\"doc\":\"False: lifted; the row stays for its evidence.\"},{\"name\":\"severity\",\"type\":{\"type\":\"enum\",\"name\":\"SuppressionSeverity\",\"doc\":\"The strongest ground, from strong to weak in the order of the symbols after `unknown`.\",\"symbols\":[\"unknown\",\"manual\",\"complaint\",\"hard_bounce\",\"unsubscribe\",\"soft_bounces\"],\"default\":\"unknown\"},\"default\":\"unknown\",\"doc\":\"The strongest ground for it.\"},{\"name\":\"since\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"When it began. Milliseconds since the Unix epoch, UTC.\"},{\"name\":\"until\",\"type\":[\"null\",{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}],\"default\":null,\"doc\":\"When the last ground ends by itself. Milliseconds since the Unix epoch, UTC. Null: never.\"},{\"name\":\"tenant\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"Tenant that all grounds hold for. Null: all, or the evidence says which.\"},{\"name\":\"type\",\"type\":[\"null\",{\"type\":\"enum\",\"name\":\"EmailTypeSymbol\",\"doc\":\"What kind of mail it is. Types never share an ingest topic, a lane or, unless the operator insists, a source. `unknown` is what a reader sees in place of a symbol that is newer than itself; never write it.\",\"symbols\":[\"unknown\",\"transactional\",\"notification\",\"marketing\"],\"default\":\"unknown\"}],\"default\":null,\"doc\":\"Type of mail that all grounds hold for. Null: all, or the evidence says which.\"},{\"name\":\"evidence\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"Evidence\",\"doc\":\"One event that led to it.\",\"fields\":[{\"name\":\"eventId\",\"type\":\"string\",\"doc\":\"The event's identity in email.reputation.\"},{\"name\":\"kind\",\"type\":{\"type\":\"enum\",\"name\":\"SignalKind\",\"doc\":\"What happened. `sent_counted`: mails that a server took, added up. `suppression_added` and `suppression_removed`: by an operator. `erased`: everything known about the subject is to be forgotten. `ticked`: nothing but that time has passed.\",\"symbols\":[\"unknown\",\"sent_counted\",\"delivered\",\"bounced\",\"deferred\",\"complained\",\"unsubscribed\",\"suppression_added\",\"suppression_removed\",\"erased\",\"ticked\"],\"default\":\"unknown\"},\"default\":\"unknown\",\"doc\":\"What happened.\"},{\"name\":\"at\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"When it happened. Milliseconds since the Unix epoch, UTC.\"},{\"name\":\"class\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"Bounce class that the rules gave it. Null: none.\"},{\"name\":\"ruleVersion\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"Version of the rules that decided. Null: an operator did.\"},{\"name\":\"severity\",\"type\":\"SuppressionSeverity\",\"default\":\"unknown\",\"doc\":\"What it is a ground for; `unknown`: none by itself, as a removal.\"},{\"name\":\"binds\",\"type\":\"boolean\",\"default\":true,\"doc\":\"False where it takes more of its kind to suppress anybody.\"},{\"name\":\"until\",\"type\":[\"null\",{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}],\"default\":null,\"doc\":\"When it is no ground any more. Milliseconds since the Unix epoch, UTC. Null: never.\"},{\"name\":\"tenant\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"Tenant that it holds for. Null: all.\"},{\"name\":\"type\",\"type\":[\"null\",\"EmailTypeSymbol\"],\"default\":null,\"doc\":\"Type of mail that it holds for. Null: all; an unsubscription without a type holds for all but transactional mail.\"},{\"name\":\"who\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"Operator behind it. Null: the pipeline itself.\"},{\"name\":\"why\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"The operator's reason. Null: none given.\"}]}},\"default\":[],\"doc\":\"The events behind it, strongest first, then what was lifted; bounded in number per severity and scope.\"}]}",
  Template:
    "{\"type\":\"record\",\"name\":\"Template\",\"namespace\":\"postlane\",\"doc\":\"One version of a template: what makes the mail of every job that names it. A row of email.templates, keyed by its version and who put it; a version never changes. Of two rows that claim the same version the one that was appended first counts.\",\"fields\":[{\"name\":\"tenant\",\"type\":\"string\",\"default\":\"default\",\"doc\":\"Whose template it is. No job of another tenant can name it.\"},{\"name\":\"templateId\",\"type\":\"string\",\"doc\":\"Name of the template, unique within the tenant. 1 to 128 letters, digits, and . _ / -.\"},{\"name\":\"version\",\"type\":\"int\",\"doc\":\"Counts from 1, upwards.\"},{\"name\":\"at\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"When it was put. Milliseconds since the Unix epoch, UTC.\"},{\"name\":\"putId\",\"type\":\"string\",\"default\":\"\",\"doc\":\"Tells two puts apart that claim the same version; part of the key.\"},{\"name\":\"who\",\"type\":\"string\",\"default\":\"\",\"doc\":\"Key or person that put it.\"},{\"name\":\"deleted\",\"type\":\"boolean\",\"default\":false,\"doc\":\"True: from this version on there is no such template. It has no content then. Mails that were accepted with older versions are still made of those.\"},{\"name\":\"from\",\"type\":\"string\",\"default\":\"\",\"doc\":\"The From header: one mailbox. Placeholders may stand in the display name, not in the address.\"},{\"name\":\"replyTo\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"The Reply-To header: one mailbox; placeholders may stand anywhere. Null: none.\"},{\"name\":\"subject\",\"type\":\"string\",\"default\":\"\",\"doc\":\"The Subject header, with placeholders.\"},{\"name\":\"html\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"The text/html part, with placeholders; values are escaped. Null: none.\"},{\"name\":\"text\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"The text/plain part, with placeholders. Null: derived from html.\"},{\"name\":\"unsubscribeLink\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"URI for List-Unsubscribe and for the placeholder unsubscribe_url; placeholders may stand in it. Null: merge data of that name, or none.\"},{\"name\":\"oneClick\",\"type\":\"boolean\",\"default\":false,\"doc\":\"True: unsubscribeLink takes the POST of RFC 8058.\"},{\"name\":\"headers\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"NameValue\",\"doc\":\"One entry of a list of names and values. A list and not a map, because order and repetition matter, and because a map's keys become property names in some languages.\",\"fields\":[{\"name\":\"name\",\"type\":\"string\",\"doc\":\"Name of the entry.\"},{\"name\":\"value\",\"type\":\"string\",\"doc\":\"Value of the entry.\"}]}},\"default\":[],\"doc\":\"Further header fields; placeholders may stand in their values. The same names are allowed as in a payload.\"}]}",
  WebhookEndpoint:
    "{\"type\":\"record\",\"name\":\"WebhookEndpoint\",\"namespace\":\"postlane\",\"doc\":\"Where a customer wants to be told what became of mails. A row of email.webhook-endpoints, keyed by endpoint id; a tombstone where it was deleted.\",\"fields\":[{\"name\":\"endpointId\",\"type\":\"string\",\"doc\":\"Names it in requests, lists and logs.\"},{\"name\":\"tenant\",\"type\":\"string\",\"default\":\"default\",\"doc\":\"Tenant whose mails it is told of; nobody else's.\"},{\"name\":\"url\",\"type\":\"string\",\"doc\":\"Where events are posted.\"},{\"name\":\"description\",\"type\":\"string\",\"default\":\"\",\"doc\":\"What its owner calls it.\"},{\"name\":\"events\",\"type\":{\"type\":\"array\",\"items\":\"string\"},\"default\":[],\"doc\":\"Types of events that it is told of, such as email.bounced. Empty: all.\"},{\"name\":\"secrets\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"WebhookSecret\",\"doc\":\"One secret that events are signed with. Two during a rotation: both sign.\",\"fields\":[{\"name\":\"sealed\",\"type\":\"bytes\",\"doc\":\"The secret, encrypted under the installation's own key (AES-256-GCM, bound to the endpoint id).\"},{\"name\":\"until\",\"type\":[\"null\",{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}],\"default\":null,\"doc\":\"When it stops signing. Milliseconds since the Unix epoch, UTC. Null: never.\"}]}},\"default\":[],\"doc\":\"The secrets, newest first.\"},{\"name\":\"paused\",\"type\":\"boolean\",\"default\":false,\"doc\":\"True: its owner wants nothing delivered for now. What happens meanwhile is delivered later.\"},{\"name\":\"resumes\",\"type\":\"int\",\"default\":0,\"doc\":\"How often it was resumed. An automatic pause holds for as long as this does not change.\"},{\"name\":\"replays\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"WebhookReplay\",\"doc\":\"A request to deliver once more what was recorded in a range of time.\",\"fields\":[{\"name\":\"replayId\",\"type\":\"string\",\"doc\":\"Names the request.\"},{\"name\":\"since\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"Beginning of the range. Milliseconds since the Unix epoch, UTC.\"},{\"name\":\"until\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"End of the range, which is not in it. Milliseconds since the Unix epoch, UTC.\"},{\"name\":\"at\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"When it was asked for. Milliseconds since the Unix epoch, UTC.\"}]}},\"default\":[],\"doc\":\"Replays, newest first; only the last few are kept.\"},{\"name\":\"at\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"When it was made: it is told of what is recorded from then on. Milliseconds since the Unix epoch, UTC.\"}]}",
  WebhookProgress:
    "{\"type\":\"record\",\"name\":\"WebhookProgress\",\"namespace\":\"postlane\",\"doc\":\"How far an endpoint has been told, what waits to be tried again, and how it answers. A row of email.webhook-progress, keyed by endpoint id, in the endpoint's own partition.\",\"fields\":[{\"name\":\"endpointId\",\"type\":\"string\",\"doc\":\"The endpoint.\"},{\"name\":\"tenant\",\"type\":\"string\",\"default\":\"default\",\"doc\":\"Its tenant.\"},{\"name\":\"cursors\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"WebhookCursor\",\"doc\":\"A place in the results: everything before it was delivered, waits, or is not wanted.\",\"fields\":[{\"name\":\"type\",\"type\":\"string\",\"doc\":\"Email type of the results topic.\"},{\"name\":\"partition\",\"type\":\"int\",\"doc\":\"Partition of that topic.\"},{\"name\":\"offset\",\"type\":\"long\",\"doc\":\"Offset to go on from.\"},{\"name\":\"end\",\"type\":[\"null\",\"long\"],\"default\":null,\"doc\":\"Offset before which to stop. Null: never.\"}]}},\"default\":[],\"doc\":\"One per partition of the results.\"},{\"name\":\"waiting\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"WebhookWaiting\",\"doc\":\"An event that the endpoint did not take, and that is tried again: where its record lies.\",\"fields\":[{\"name\":\"type\",\"type\":\"string\",\"doc\":\"Email type of the results topic.\"},{\"name\":\"partition\",\"type\":\"int\",\"doc\":\"Partition of that topic.\"},{\"name\":\"offset\",\"type\":\"long\",\"doc\":\"Offset of the record.\"},{\"name\":\"attempts\",\"type\":\"int\",\"default\":0,\"doc\":\"Attempts that were made.\"},{\"name\":\"since\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"When it was first tried, or tried anew after a resume. Milliseconds since the Unix epoch, UTC.\"},{\"name\":\"until\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"Not tried again before. Milliseconds since the Unix epoch, UTC.\"}]}},\"default\":[],\"doc\":\"What waits to be tried again, oldest first.\"},{\"name\":\"replays\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"WebhookReplayProgress\",\"doc\":\"How far a replay has come. It is done when it has no cursors.\",\"fields\":[{\"name\":\"replayId\",\"type\":\"string\",\"doc\":\"The replay.\"},{\"name\":\"cursors\",\"type\":{\"type\":\"array\",\"items\":\"WebhookCursor\"},\"default\":[],\"doc\":\"What of it is left.\"}]}},\"default\":[],\"doc\":\"The endpoint's replays.\"},{\"name\":\"failures\",\"type\":\"int\",\"default\":0,\"doc\":\"Attempts in a row that failed.\"},{\"name\":\"since\",\"type\":[\"null\",{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}],\"default\":null,\"doc\":\"When the first of them failed. Milliseconds since the Unix epoch, UTC. Null: the last attempt succeeded.\"},{\"name\":\"until\",\"type\":[\"null\",{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}],\"default\":null,\"doc\":\"Left alone until then. Milliseconds since the Unix epoch, UTC. Null: it is not.\"},{\"name\":\"pause\",\"type\":[\"null\",{\"type\":\"record\",\"name\":\"WebhookPause\",\"doc\":\"An automatic pause.\",\"fields\":[{\"name\":\"reason\",\"type\":\"string\",\"doc\":\"Why: dead (nothing was taken for a day) or gone (it answered 410).\"},{\"name\":\"resumes\",\"type\":\"int\",\"default\":0,\"doc\":\"How often the endpoint had been resumed by then: the pause ends with the next time.\"},{\"name\":\"at\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"When it was paused. Milliseconds since the Unix epoch, UTC.\"}]}],\"default\":null,\"doc\":\"The last automatic pause. Null: there was none.\"},{\"name\":\"attempts\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"WebhookAttempt\",\"doc\":\"One attempt to deliver an event.\",\"fields\":[{\"name\":\"eventId\",\"type\":\"string\",\"doc\":\"The event's id, which is the same at every attempt.\"},{\"name\":\"event\",\"type\":\"string\",\"default\":\"\",\"doc\":\"Type of the event.\"},{\"name\":\"jobId\",\"type\":\"string\",\"default\":\"\",\"doc\":\"The mail that it is about.\"},{\"name\":\"attempt\",\"type\":\"int\",\"default\":1,\"doc\":\"The how manieth attempt it was.\"},{\"name\":\"taken\",\"type\":\"boolean\",\"default\":false,\"doc\":\"True: the endpoint took it.\"},{\"name\":\"status\",\"type\":[\"null\",\"int\"],\"default\":null,\"doc\":\"Status of the answer. Null: there was none.\"},{\"name\":\"failure\",\"type\":[\"null\",\"string\"],\"default\":null,\"doc\":\"Why it failed, as a word of a closed list. Null: it did not.\"},{\"name\":\"durationMs\",\"type\":\"int\",\"default\":0,\"doc\":\"How long it took.\"},{\"name\":\"at\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"When it began. Milliseconds since the Unix epoch, UTC.\"}]}},\"default\":[],\"doc\":\"The last attempts, newest first: some that failed and some that did not.\"},{\"name\":\"delivered\",\"type\":\"long\",\"default\":0,\"doc\":\"Events that were taken.\"},{\"name\":\"exhausted\",\"type\":\"long\",\"default\":0,\"doc\":\"Events that were given up after a day of attempts while others were taken.\"},{\"name\":\"lost\",\"type\":\"long\",\"default\":0,\"doc\":\"Records that the log no longer had when it was the endpoint's turn.\"},{\"name\":\"at\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},\"doc\":\"When the row was written. Milliseconds since the Unix epoch, UTC.\"}]}",
};
