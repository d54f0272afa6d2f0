/** What applications use: publishing jobs and consuming what became of them. */
export type { PublishProblem } from '../producers/publisher/accept.ts';
export { type CreatePublisherOptions, createPublisher } from '../producers/publisher/create.ts';
export type { JobPublisher, Published, PublisherBounds } from '../producers/publisher/publisher.ts';
export type {
  AnnotationSymbol,
  DeliveryResult,
  EmailJob,
  EmailTypeSymbol,
  EndingSymbol,
  NameValue,
  Payload,
  PrioritySymbol,
  ResultKind,
} from './contracts/generated.ts';
export { type ErrorCode, isPostlaneError, PostlaneError } from './domain/error.ts';
export type {
  AttachmentInput,
  BytesInput,
  EmailJobInput,
  PairsInput,
  PayloadInput,
  TimeInput,
} from './domain/job-input.ts';
export type { EmailType } from './domain/policy.ts';
export {
  type ConsumeResultsOptions,
  consumeResults,
  type ResultHandler,
  type ResultsConsumer,
} from './kafka/results-consumer.ts';
export type { RecordPlace, Undecodable } from './runtime/handler-consumer.ts';
