/** The names by which brokers, and kafkajs itself, say that another producer has taken the transactional id over. */
const FENCED_TYPES: ReadonlySet<string> = new Set([
  'INVALID_PRODUCER_EPOCH',
  'PRODUCER_FENCED',
  'TRANSACTION_COORDINATOR_FENCED',
]);
/** PRODUCER_FENCED, which kafkajs knows by number only (KIP-588). */
const PRODUCER_FENCED_CODE = 90;
/** An error's causes are followed this far. */
const CAUSES_MAX = 8;

interface KafkaError {
  readonly name?: string;
  readonly type?: string;
  readonly code?: number | string;
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

export const isFenced = (error: unknown): boolean =>
  causedBy(error, ({ type, code }) => (type !== undefined && FENCED_TYPES.has(type)) || code === PRODUCER_FENCED_CODE);

/** The record, not the moment, is what the broker refused: trying again changes nothing. */
export const isRefused = (error: unknown): boolean =>
  causedBy(
    error,
    ({ type }) => type === 'MESSAGE_TOO_LARGE' || type === 'RECORD_LIST_TOO_LARGE' || type === 'INVALID_RECORD',
  );
