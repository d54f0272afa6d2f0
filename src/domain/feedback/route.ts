/** What the reports of a route may speak about. */
export interface FeedbackRoute {
  /** Only mails of this tenant. Null: of any. */
  readonly tenant: string | null;
  /** Only mails of these sources. Empty: of any. */
  readonly sources: readonly string[];
  /** Whether whoever tells has proven to be the one whom the route is for: bodies of webhooks are signed, mails are not. */
  readonly signed: boolean;
  /** What comes by it was said over a link that only we can make: the link itself proves which mail it is about. */
  readonly ours?: true;
}
