/** What a piece of feedback is. */
export const FEEDBACK_KINDS = [
  'bounce', // at least one recipient was given up
  'delay', // still tried, by somebody else
  'delivered', // or relayed to a system that sends no reports
  'complaint', // a person called it spam
  'unsubscribe',
  'auto-reply', // out of office, receipts, challenges: a mail came in reply, and nothing bounced
  'unknown',
] as const;
export type FeedbackKind = (typeof FEEDBACK_KINDS)[number];

/**
 * Which body a file or a route holds. `dsn` and `arf` are mails; the others are JSON of a provider's webhook, or of our own
 * unsubscribe links.
 */
export const FEEDBACK_FORMATS = [
  'dsn',
  'arf',
  'ses',
  'sendgrid',
  'mailgun',
  'postmark',
  'generic',
  'unsubscribe',
] as const;
export type FeedbackFormat = (typeof FEEDBACK_FORMATS)[number];

/** What a report says about one recipient, before any rule has judged it. */
export interface ReportedRecipient {
  /** The address that we wrote to, as far as the report says so; null where it names none. */
  readonly address: string | null;
  readonly kind: FeedbackKind;
  /** 200 … 599. */
  readonly smtpCode: number | null;
  readonly enhancedCode: string | null;
  /** The words of the server that refused; '' where there are none. */
  readonly text: string;
  /** Words about it that are not the refusing server's, nearest first: the rules see them where its own say nothing. */
  readonly contexts: readonly string[];
  /** What the provider's event or the complaint calls it, such as `abuse`; null where that says nothing more. */
  readonly label: string | null;
}

/** What a report says about the mail that it is about: what it can be bound by. */
export interface ReportedMail {
  /** The address that it was sent from on the wire: of ours, it carries a signed token. */
  readonly returnPath: string | null;
  readonly messageId: string | null;
  readonly feedbackId: string | null;
}

export interface Report {
  readonly kind: FeedbackKind;
  readonly recipients: readonly ReportedRecipient[];
  readonly mail: ReportedMail;
}

export const NO_MAIL: ReportedMail = { returnPath: null, messageId: null, feedbackId: null };

/** Recipients of one report that are read. */
export const RECIPIENTS_MAX = 200;

export const recipientOf = (
  kind: FeedbackKind,
  address: string | null,
  known: Partial<Omit<ReportedRecipient, 'kind' | 'address'>> = {},
): ReportedRecipient => ({
  address,
  kind,
  smtpCode: null,
  enhancedCode: null,
  text: '',
  contexts: [],
  label: null,
  ...known,
});

/** Strongest first: what a report of several outcomes is called by. */
const BY_WEIGHT: readonly FeedbackKind[] = [
  'complaint',
  'bounce',
  'unsubscribe',
  'delay',
  'delivered',
  'auto-reply',
  'unknown',
];

export const kindOf = (recipients: readonly ReportedRecipient[]): FeedbackKind =>
  BY_WEIGHT.find((kind) => recipients.some((recipient) => recipient.kind === kind)) ?? 'unknown';
