import type { Millis } from './time.ts';

/**
 * What travels beside a job's bytes in record headers, so that the bytes themselves pass through router, delay and
 * lanes unchanged. One small codec; every header is optional and defaults to the first attempt's values.
 */
export interface Envelope {
  /** When the pipeline accepted the job: the ingest record's append time. */
  readonly acceptedAt: Millis;
  /** Attempts that were used up (a 4xx or a broken connection); waiting does not count. */
  readonly attempts: number;
  /** How often a crash left a copy of it in doubt. */
  readonly uncertainCount: number;
  /** Source of the last attempt: a greylisted retry must come from the same one. */
  readonly lastSource: string | null;
  /** Not to be tried before; null: at once. */
  readonly notBefore: Millis | null;
  /** How much later than `notBefore` it may come back from the delay ladder. */
  readonly toleranceMs: number;
  /** Round trips lane → ladder → lane so far. */
  readonly postponements: number;
  /** It comes from a worker without a connection to its site: it is not handed over again, whatever the one that has it has. */
  readonly handedOver: boolean;
  /** Type of the job, so that the delay processor need not decode it. */
  readonly type: string;
}

const NAMES = {
  acceptedAt: 'pl-accepted',
  attempts: 'pl-attempts',
  uncertainCount: 'pl-uncertain',
  lastSource: 'pl-source',
  notBefore: 'pl-not-before',
  toleranceMs: 'pl-tolerance',
  postponements: 'pl-postponements',
  handedOver: 'pl-handed-over',
  type: 'pl-type',
} as const;

const count = (text: string | undefined): number => {
  const value = text === undefined ? 0 : Number(text);
  return Number.isSafeInteger(value) && value >= 0 ? value : 0;
};

/** Reads the envelope; `acceptedAt` falls back to the record's own append time. Unreadable values fall back to defaults. */
export function readEnvelope(headers: Readonly<Record<string, string>>, recordAt: Millis): Envelope {
  const notBefore = count(headers[NAMES.notBefore]);
  return {
    acceptedAt: count(headers[NAMES.acceptedAt]) || recordAt,
    attempts: count(headers[NAMES.attempts]),
    uncertainCount: count(headers[NAMES.uncertainCount]),
    lastSource: headers[NAMES.lastSource] ?? null,
    notBefore: notBefore === 0 ? null : notBefore,
    toleranceMs: count(headers[NAMES.toleranceMs]),
    postponements: count(headers[NAMES.postponements]),
    handedOver: headers[NAMES.handedOver] !== undefined,
    type: headers[NAMES.type] ?? '',
  };
}

/** Writes the envelope into headers; defaults are left out. Foreign headers of the record are not carried along. */
export function writeEnvelope(envelope: Envelope): Record<string, string> {
  const headers: Record<string, string> = {
    [NAMES.acceptedAt]: String(envelope.acceptedAt),
    [NAMES.type]: envelope.type,
  };
  if (envelope.attempts > 0) headers[NAMES.attempts] = String(envelope.attempts);
  if (envelope.uncertainCount > 0) headers[NAMES.uncertainCount] = String(envelope.uncertainCount);
  if (envelope.lastSource !== null) headers[NAMES.lastSource] = envelope.lastSource;
  if (envelope.notBefore !== null) headers[NAMES.notBefore] = String(envelope.notBefore);
  if (envelope.toleranceMs > 0) headers[NAMES.toleranceMs] = String(envelope.toleranceMs);
  if (envelope.postponements > 0) headers[NAMES.postponements] = String(envelope.postponements);
  if (envelope.handedOver) headers[NAMES.handedOver] = '1';
  return headers;
}
