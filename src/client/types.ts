/** What the HTTP API takes and answers, as its OpenAPI document says. */

export type EmailType = 'transactional' | 'notification' | 'marketing';

/** A file that goes with a mail. */
export interface Attachment {
  readonly filename: string;
  readonly contentType: string;
  /** For cid: links from the html part. */
  readonly contentId?: string;
  /** Base64 (RFC 4648 section 4). */
  readonly content: string;
}

/** One mail to one recipient. */
export interface Email {
  readonly type: EmailType;
  readonly recipient: string;
  /** The mail itself; left out where a template makes it. */
  readonly payload?: {
    readonly from: string;
    readonly subject: string;
    readonly html?: string;
    readonly text?: string;
    readonly replyTo?: string;
    readonly unsubscribeLink?: string;
    readonly oneClick?: boolean;
    readonly headers?: Readonly<Record<string, string>>;
    readonly attachments?: readonly Attachment[];
  };
  /** Template that makes the mail, in place of a payload. */
  readonly templateId?: string;
  /** Left out: the newest, at acceptance. */
  readonly templateVersion?: number;
  /** Values for the template's placeholders. */
  readonly mergeData?: Readonly<Record<string, string>>;
  readonly priority?: 'low' | 'normal' | 'high';
  readonly metadata?: Readonly<Record<string, string>>;
  readonly tags?: readonly string[];
  readonly campaign?: string;
  /** Milliseconds since 1970, or RFC 3339. */
  readonly sendAt?: number | string;
  readonly expiresAt?: number | string;
  readonly region?: string;
  readonly traceparent?: string;
}

export interface Accepted {
  readonly id: string;
  readonly state: 'accepted';
}

/** What became of one mail of a batch. */
export type Verdict =
  | Accepted
  | { readonly state: 'refused'; readonly problem: string; readonly field: string; readonly detail: string };

export interface BatchAnswer {
  readonly accepted: number;
  readonly refused: number;
  /** In the order of the request. */
  readonly emails: readonly Verdict[];
}

export type TrailState =
  | 'accepted'
  | 'deferred'
  | 'sent'
  | 'bounced'
  | 'suppressed'
  | 'expired'
  | 'cancelled'
  | 'dead_lettered'
  | 'unknown';

export interface TrailEvent {
  readonly kind: 'attempt' | 'ending' | 'annotation' | 'unknown';
  readonly at: string;
  readonly attempt: number;
  readonly ending: string | null;
  readonly annotation: string | null;
  readonly source: string | null;
  readonly site: string | null;
  readonly smtpCode: number | null;
  readonly enhancedCode: string | null;
  readonly reply: string | null;
  readonly class: string | null;
  readonly reason: string | null;
  readonly messageId: string | null;
  readonly uncertain: boolean;
  readonly until: string | null;
}

/** A mail and where it stands. Times are RFC 3339. */
export interface TrailSummary {
  readonly id: string;
  readonly type: EmailType | 'unknown';
  readonly recipient: string;
  readonly state: TrailState;
  readonly acceptedAt: string | null;
  readonly sendAt: string | null;
  readonly expiresAt: string | null;
  readonly campaign: string | null;
  readonly tags: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly waiting: {
    readonly for: 'send-at' | 'retry' | 'turn';
    readonly until: string | null;
    readonly why: string | null;
  } | null;
  readonly cancellation: 'requested' | 'cancelled' | 'too-late' | null;
}

export interface Trail extends TrailSummary {
  readonly events: readonly TrailEvent[];
  readonly eventsLeftOut: number;
}

export interface EmailFilter {
  readonly recipient?: string;
  readonly tag?: string;
  readonly campaign?: string;
  readonly state?: TrailState;
}

export interface TrailPage {
  readonly emails: readonly TrailSummary[];
  readonly next: string | null;
}

export interface Cancelled {
  readonly id: string;
  readonly cancellation: 'requested' | 'cancelled';
}

export interface Suppression {
  readonly address: string;
  readonly suppressed: boolean;
  readonly entries: readonly {
    readonly list: 'tenant' | 'installation';
    readonly active: boolean;
    readonly severity: string;
    readonly since: string | null;
    readonly until: string | null;
    readonly type: EmailType | 'unknown' | null;
    readonly evidence: readonly {
      readonly kind: string;
      readonly at: string;
      readonly class: string | null;
      readonly who: string | null;
      readonly why: string | null;
    }[];
  }[];
}

/** A problem document (RFC 9457). */
export interface ProblemDocument {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail?: string;
  /** JSON pointer to the field that is wrong. */
  readonly field?: string;
}
