/** What can go wrong that is not mail's own answer. A closed list: a new code is a change of the contract. */
export type ErrorCode =
  | 'CONFIG_INVALID' // facts.problems lists every problem at once
  | 'INFRA_UNAVAILABLE' // something we need to start is missing or did not come up
  | 'KAFKA_COMMIT_UNKNOWN' // a transaction may or may not have landed: drop what is believed, restore
  | 'KAFKA_COMMIT_STRAY' // a position may land at any time, while our generation of the group lasts
  | 'KAFKA_UNAVAILABLE'
  | 'LEDGER_CORRUPT' // committed metadata that this version cannot read
  | 'TASK_MIGRATED' // another owner fenced us: let the partition go, never fence back
  | 'REGISTRY_UNAVAILABLE' // transient: pause, never dead-letter
  | 'RECORD_UNDECODABLE' // permanent: facts.reason says why
  | 'STORE_UNAVAILABLE'
  | 'SECRET_UNAVAILABLE'
  | 'LIMIT_EXCEEDED'
  | 'JOB_REFUSED' // a producer will not take this job: facts.problem is one of a closed list
  | 'STOPPED'
  | 'BUG'; // a broken invariant: crash, wrong state is worse than a restart

export type Facts = Readonly<Record<string, unknown>>;

/** The one error base: a code from the closed list, facts instead of prose, and always the cause. */
export class PostlaneError extends Error {
  readonly code: ErrorCode;
  readonly facts: Facts;
  constructor(code: ErrorCode, facts: Facts = {}, options?: ErrorOptions) {
    super(`${code} ${JSON.stringify(facts)}`, options);
    this.name = 'PostlaneError';
    this.code = code;
    this.facts = facts;
  }
}

export const isPostlaneError = (error: unknown, code?: ErrorCode): error is PostlaneError =>
  error instanceof PostlaneError && (code === undefined || error.code === code);

/** Crashes on a broken invariant. */
export function assert(condition: boolean, what: string, facts: Facts = {}): asserts condition {
  if (!condition) throw new PostlaneError('BUG', { what, ...facts });
}
