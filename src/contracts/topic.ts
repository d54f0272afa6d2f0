import type { DelayTier } from '../domain/ladder.ts';
import type { EmailType, Lane } from '../domain/policy.ts';
import type {
  AddressKey,
  Allowance,
  ApiKey,
  Cancellation,
  DeadLetter,
  DeliveryResult,
  DkimKeys,
  DomainSite,
  EmailJob,
  Feedback,
  FeedbackEvent,
  Placement,
  ReputationEditions,
  ReputationSignal,
  ReputationState,
  RouterSeen,
  Score,
  SenderCheck,
  Suppression,
  Template,
  WebhookEndpoint,
  WebhookProgress,
} from './generated.ts';

/** A topic that exists in topics.yaml, and the type of what it carries. There is no other way to name one. */
export interface Topic<V> {
  readonly name: string;
  /** Name of the value's record schema in schemas/. */
  readonly schema: string;
  /** Never set: ties V to the topic for the compiler. */
  readonly _value?: V;
}

const topic = <V>(name: string, schema: string): Topic<V> => ({ name, schema });

export { DELAY_TIERS, type DelayTier } from '../domain/ladder.ts';

export const topics = {
  ingest: (type: EmailType) => topic<EmailJob>(`email.ingest.${type}`, 'EmailJob'),
  routerSeen: (type: EmailType) => topic<RouterSeen>(`email.router-seen.${type}`, 'RouterSeen'),
  due: (type: EmailType) => topic<EmailJob>(`email.due.${type}`, 'EmailJob'),
  send: (lane: Lane) => topic<EmailJob>(`email.send.${lane.queue}.${lane.provider}`, 'EmailJob'),
  delay: (tier: DelayTier) => topic<EmailJob>(`email.delay.${tier}`, 'EmailJob'),
  results: (type: EmailType) => topic<DeliveryResult>(`email.results.${type}`, 'DeliveryResult'),
  apiKeys: topic<ApiKey>('email.api-keys', 'ApiKey'),
  dkimKeys: topic<DkimKeys>('email.dkim-keys', 'DkimKeys'),
  senderChecks: topic<SenderCheck>('email.sender-checks', 'SenderCheck'),
  placements: topic<Placement>('email.placements', 'Placement'),
  webhookEndpoints: topic<WebhookEndpoint>('email.webhook-endpoints', 'WebhookEndpoint'),
  webhookProgress: topic<WebhookProgress>('email.webhook-progress', 'WebhookProgress'),
  cancellations: topic<Cancellation>('email.cancellations', 'Cancellation'),
  feedback: topic<Feedback>('email.feedback', 'Feedback'),
  feedbackEvents: topic<FeedbackEvent>('email.feedback-events', 'FeedbackEvent'),
  feedbackSeen: topic<RouterSeen>('email.feedback-seen', 'RouterSeen'),
  reputation: topic<ReputationSignal>('email.reputation', 'ReputationSignal'),
  suppressions: topic<Suppression>('email.suppressions', 'Suppression'),
  scores: topic<Score>('email.scores', 'Score'),
  allowances: topic<Allowance>('email.allowances', 'Allowance'),
  reputationState: topic<ReputationState>('email.reputation-state', 'ReputationState'),
  reputationEditions: topic<ReputationEditions>('email.reputation-editions', 'ReputationEditions'),
  addressKeys: topic<AddressKey>('email.address-keys', 'AddressKey'),
  domains: topic<DomainSite>('email.domains', 'DomainSite'),
  templates: topic<Template>('email.templates', 'Template'),
  deadLetters: topic<DeadLetter>('email.dead-letters', 'DeadLetter'),
} as const;
