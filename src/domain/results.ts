import type {
  AnnotationSymbol,
  DeliveryResult,
  EmailTypeSymbol,
  EndingSymbol,
  ReputationSignal,
  SignalKind,
} from '../contracts/generated.ts';
import type { RecipientNames } from './recipient-names.ts';
import { boundText, REPLY_TEXT_BYTES_MAX } from './reply.ts';
import type { Millis } from './time.ts';

/** What a result says about its mail, whatever happened to it. A decoded `EmailJob` is one. */
export interface ResultSubject {
  readonly id: string;
  readonly tenant: string;
  readonly type: EmailTypeSymbol;
  readonly recipient: string;
  readonly campaign: string | null;
  readonly tags: readonly string[];
  readonly metadata: readonly { readonly name: string; readonly value: string }[];
}

/** What is known about an attempt; all that is left out is null. */
export interface AttemptFacts {
  readonly source?: string | null;
  readonly site?: string | null;
  readonly smtpCode?: number | null;
  readonly enhancedCode?: string | null;
  readonly reply?: string | null;
  readonly class?: string | null;
  readonly reason?: string | null;
  readonly messageId?: string | null;
  readonly uncertain?: boolean;
  /** When it is tried again. */
  readonly until?: Millis | null;
}

const bounded = (text: string | null | undefined): string | null =>
  text === null || text === undefined ? null : boundText(text, REPLY_TEXT_BYTES_MAX);

function result(
  job: ResultSubject,
  kind: DeliveryResult['kind'],
  ending: EndingSymbol | null,
  attempt: number,
  at: Millis,
  facts: AttemptFacts,
): DeliveryResult {
  return {
    jobId: job.id,
    tenant: job.tenant,
    type: job.type,
    recipient: job.recipient,
    kind,
    ending,
    annotation: null,
    attempt,
    at,
    source: facts.source ?? null,
    site: facts.site ?? null,
    smtpCode: facts.smtpCode ?? null,
    enhancedCode: facts.enhancedCode ?? null,
    reply: bounded(facts.reply),
    class: facts.class ?? null,
    reason: bounded(facts.reason),
    messageId: facts.messageId ?? null,
    uncertain: facts.uncertain ?? false,
    until: facts.until === undefined || facts.until === null ? null : Math.round(facts.until),
    campaign: job.campaign,
    tags: [...job.tags],
    metadata: [...job.metadata],
  };
}

/** The one ending of a job. `attempt` is the number of attempts that were made; 0 where none was. */
export const ending = (
  job: ResultSubject,
  how: EndingSymbol,
  attempt: number,
  at: Millis,
  facts: AttemptFacts = {},
): DeliveryResult => result(job, 'ending', how, attempt, at, facts);

/** An attempt that was not the end. `attempt` counts from 1. */
export const attempted = (job: ResultSubject, attempt: number, at: Millis, facts: AttemptFacts = {}): DeliveryResult =>
  result(job, 'attempt', null, attempt, at, facts);

/** What is heard of a mail after its ending. */
export const annotated = (
  job: ResultSubject,
  annotation: AnnotationSymbol,
  at: Millis,
  facts: AttemptFacts = {},
): DeliveryResult => ({ ...result(job, 'annotation', null, 0, at, facts), annotation });

/** Where a signal comes from, and what it is about. */
export interface SignalFacts {
  /** Deduplicates it: the same event must always get the same id. */
  readonly eventId: string;
  readonly subject: string;
  readonly kind: Exclude<SignalKind, 'unknown'>;
  readonly at: Millis;
  readonly tenant: string;
  readonly type: EmailTypeSymbol;
  readonly jobId?: string | null;
  readonly source?: string | null;
  readonly provider?: string | null;
  readonly smtpCode?: number | null;
  readonly enhancedCode?: string | null;
  readonly reply?: string | null;
  readonly class?: string | null;
  readonly ruleVersion?: string | null;
  readonly count?: number;
  /** False where nothing binds the report to a mail of ours. */
  readonly authenticated?: boolean;
  /** Of the feedback that told it. */
  readonly route?: string | null;
  readonly who?: string | null;
  readonly why?: string | null;
  /** When an operator's suppression ends by itself. */
  readonly until?: Millis | null;
}

/** One signal for `email.reputation`. Carries the reply, because a replay with other rules has to judge it again. */
export const signal = (facts: SignalFacts): ReputationSignal => ({
  eventId: facts.eventId,
  subject: facts.subject,
  kind: facts.kind,
  at: facts.at,
  tenant: facts.tenant,
  type: facts.type,
  jobId: facts.jobId ?? null,
  source: facts.source ?? null,
  provider: facts.provider ?? null,
  smtpCode: facts.smtpCode ?? null,
  enhancedCode: facts.enhancedCode ?? null,
  reply: bounded(facts.reply),
  class: facts.class ?? null,
  ruleVersion: facts.ruleVersion ?? null,
  count: facts.count ?? 1,
  authenticated: facts.authenticated ?? true,
  route: facts.route ?? null,
  who: facts.who ?? null,
  why: bounded(facts.why),
  until: facts.until ?? null,
});

/**
 * The signal as `email.reputation` keeps it, for as long as the log lives: where recipients are hashed, no text of it holds
 * an address. `facts.subject` is of a name already.
 */
export const keptSignal = (facts: SignalFacts, names: RecipientNames): ReputationSignal =>
  signal(
    names.writes === null
      ? facts
      : {
          ...facts,
          eventId: names.label(facts.eventId),
          jobId: facts.jobId == null ? null : names.label(facts.jobId),
          reply: facts.reply == null ? null : names.text(facts.reply),
          why: facts.why == null ? null : names.text(facts.why),
        },
  );
