/** The names by which a group coordinator says that who commits is no member of the group's present generation. */
const OUTSIDER_TYPES: ReadonlySet<string> = new Set(['ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID', 'FENCED_INSTANCE_ID']);
/** An error's causes are followed this far. */
const CAUSES_MAX = 8;

interface KafkaError {
  readonly name?: string;
  readonly type?: string;
  readonly code?: number | string;
  readonly retriable?: boolean;
  readonly cause?: unknown;
}

/** Whether the error, or one that caused it, meets the test. */
export function causedBy(error: unknown, test: (error: KafkaError) => boolean): boolean {
  let current = error as KafkaError | null | undefined;
  for (let depth = 0; current && depth < CAUSES_MAX; depth++) {
    if (test(current)) return true;
    current = current.cause as KafkaError | null | undefined;
  }
  return false;
}

/** Whether the group has gone on without us: what we committed as its member was refused. */
export const isOutsider = (error: unknown): boolean =>
  causedBy(error, ({ type }) => type !== undefined && OUTSIDER_TYPES.has(type));

/** The record, not the moment, is what the broker refused: trying again changes nothing. */
export const isRefused = (error: unknown): boolean =>
  causedBy(
    error,
    ({ type }) => type === 'MESSAGE_TOO_LARGE' || type === 'RECORD_LIST_TOO_LARGE' || type === 'INVALID_RECORD',
  );

/** What a broker answers while leaders move or a topic is new: the same question later is answered otherwise. */
export const isPassing = (error: unknown): boolean =>
  causedBy(error, ({ type, retriable }) => retriable === true && type !== undefined && type !== UNKNOWN_TOPIC);

/** Passing where the topic is new, and for good where it is not there: kafkajs itself has asked more than once. */
const UNKNOWN_TOPIC = 'UNKNOWN_TOPIC_OR_PARTITION';
