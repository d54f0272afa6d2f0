// Generated from schemas/*.avsc by `npm run contracts`. Do not edit.
export type EmailTypeSymbol = 'unknown' | 'transactional' | 'notification' | 'marketing';
export type PrioritySymbol = 'low' | 'normal' | 'high';
export interface NameValue { name: string; value: string }
export interface Attachment { filename: string; contentType: string; contentId: string | null; content: Buffer }
export interface Payload {
  from: string;
  replyTo: string | null;
  subject: string;
  html: string | null;
  text: string | null;
  unsubscribeLink: string | null;
  oneClick: boolean;
  headers: NameValue[];
  attachments: Attachment[];
  mime: Buffer | null;
}
export interface EmailJob {
  id: string;
  tenant: string;
  type: EmailTypeSymbol;
  priority: PrioritySymbol;
  recipient: string;
  payload: Payload | null;
  templateId: string | null;
  templateVersion: number | null;
  mergeData: NameValue[];
  metadata: NameValue[];
  tags: string[];
  campaign: string | null;
  sendAt: number | null;
  expiresAt: number | null;
  region: string | null;
  traceparent: string | null;
}
export type ResultKind = 'unknown' | 'attempt' | 'ending' | 'annotation';
export type EndingSymbol = 'unknown' | 'sent' | 'bounced' | 'suppressed' | 'expired' | 'cancelled' | 'dead_lettered';
export type AnnotationSymbol = 'unknown' | 'delivered' | 'bounced_later' | 'complained' | 'unsubscribed' | 'placed';
export interface DeliveryResult {
  jobId: string;
  tenant: string;
  type: EmailTypeSymbol;
  recipient: string;
  kind: ResultKind;
  ending: EndingSymbol | null;
  annotation: AnnotationSymbol | null;
  attempt: number;
  at: number;
  source: string | null;
  site: string | null;
  smtpCode: number | null;
  enhancedCode: string | null;
  reply: string | null;
  class: string | null;
  reason: string | null;
  messageId: string | null;
  uncertain: boolean;
  campaign: string | null;
  tags: string[];
  metadata: NameValue[];
}
/** A record of email.router-seen: hashes of 16 bytes each, concatenated: id hash, content hash, id hash, … */
export interface RouterSeen { at: number; hashes: Buffer }
export interface Cancellation { jobId: string; tenant: string; who: string; why: string; at: number }
export type SignalKind =
  | 'unknown' | 'sent_counted' | 'delivered' | 'bounced' | 'deferred' | 'complained' | 'unsubscribed'
  | 'suppression_added' | 'suppression_removed' | 'erased';
/** A record of email.reputation, keyed by subject. */
export interface ReputationSignal {
  eventId: string;
  subject: string;
  kind: SignalKind;
  at: number;
  tenant: string;
  type: EmailTypeSymbol;
  jobId: string | null;
  source: string | null;
  provider: string | null;
  smtpCode: number | null;
  enhancedCode: string | null;
  /** At most 512 bytes. */
  reply: string | null;
  class: string | null;
  ruleVersion: string | null;
  count: number;
  who: string | null;
  why: string | null;
}
export interface Evidence { eventId: string; kind: SignalKind; at: number; class: string | null; ruleVersion: string | null; who: string | null; why: string | null }
export type SuppressionSeverity = 'unknown' | 'manual' | 'complaint' | 'hard_bounce' | 'unsubscribe' | 'soft_bounces';
/** A row of email.suppressions, keyed by subject `recipient:<address>` (address folded to lower case). */
export interface Suppression {
  subject: string;
  active: boolean;
  severity: SuppressionSeverity;
  since: number;
  until: number | null;
  tenant: string | null;
  type: EmailTypeSymbol | null;
  evidence: Evidence[];
}
/** A row of email.scores, keyed by subject `identity:<kind>:<name>|<provider>`. Score in [0, 1]; absent = healthy. */
export interface Score { subject: string; score: number; action: string; at: number; figures: string }
export interface DomainSite { domain: string; provider: string; site: string; at: number }
/** A record of email.dead-letters: the original bytes, and why. */
export interface DeadLetter {
  topic: string;
  partition: number;
  offset: number;
  key: Buffer | null;
  value: Buffer | null;
  headers: NameValue[];
  stage: string;
  reason: string;
  detail: string | null;
  processor: string;
  version: string;
  jobId: string | null;
  at: number;
}
