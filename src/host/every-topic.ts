import { DELAY_TIERS, type Topic, topics } from '../contracts/topic.ts';
import { EMAIL_TYPES, PROVIDERS, QUEUES } from '../domain/policy.ts';

/** Every topic of the pipeline, as a value. */
export const everyTopic = (): readonly Topic<unknown>[] => [
  ...EMAIL_TYPES.flatMap((type) => [
    topics.ingest(type),
    topics.routerSeen(type),
    topics.due(type),
    topics.results(type),
  ]),
  ...QUEUES.flatMap((queue) => PROVIDERS.map((provider) => topics.send({ queue, provider }))),
  ...DELAY_TIERS.map((tier) => topics.delay(tier)),
  topics.apiKeys,
  topics.dkimKeys,
  topics.senderChecks,
  topics.placements,
  topics.webhookEndpoints,
  topics.webhookProgress,
  topics.cancellations,
  topics.feedback,
  topics.feedbackEvents,
  topics.feedbackSeen,
  topics.reputation,
  topics.suppressions,
  topics.scores,
  topics.allowances,
  topics.reputationState,
  topics.reputationEditions,
  topics.addressKeys,
  topics.domains,
  topics.templates,
  topics.deadLetters,
];
