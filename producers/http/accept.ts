import type { EmailJob } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import { type JobProblem, type JobRules, parseJob } from '../../src/domain/job.ts';
import { completeJob, type EmailJobInput } from '../../src/domain/job-input.ts';
import type { TemplatedFault, TemplatedVerdict } from '../../src/domain/template.ts';
import type { Millis } from '../../src/domain/time.ts';
import { uuidV8 } from '../../src/domain/uuid.ts';
import { emit, type Output } from '../../src/runtime/processor.ts';
import { mergeDetailOf, mergeFieldOf, pointer } from './pointer.ts';

/** Where a mail is not as it must be. */
export interface MailFault {
  /** A `JobProblem`, a `TemplatedFault`’s, `shape`, or `too-large`: programs act on it. */
  readonly problem: JobProblem | TemplatedFault['problem'] | 'shape' | 'too-large';
  /** JSON pointer (RFC 6901) into the mail. */
  readonly field: string;
  readonly detail: string;
}

/** What becomes of one mail of a request. */
export type Verdict =
  | { readonly ok: true; readonly job: EmailJob; readonly record: Output<EmailJob> }
  | { readonly ok: false; readonly fault: MailFault };

export interface AcceptContext {
  readonly now: Millis;
  /** The caller's: never read from the request. */
  readonly tenant: string;
  /** What the caller calls the request, so that its repetition is known; null: nothing. */
  readonly idempotencyKey: string | null;
  readonly newId: () => string;
  /** 16 bytes that stand for the parts, one after the other. */
  readonly hash: (parts: readonly string[]) => Uint8Array;
  /** Judges a mail by its schema: the field that is wrong, or null. */
  readonly shapeFault: (mail: unknown) => { readonly field: string; readonly detail: string } | null;
  readonly rules: JobRules;
  /** Judges a job that names a template. */
  readonly templated: (job: EmailJob) => TemplatedVerdict;
}

/**
 * Judges the mails of a request, each for itself, and makes their records. Under an idempotency key the ids follow from
 * tenant, key and place alone: the same request makes the same jobs, of which the router lets one through, whatever else
 * was forgotten in between.
 */
export function acceptMails(mails: readonly unknown[], context: AcceptContext): readonly Verdict[] {
  return mails.map((mail, place) => acceptMail(mail, place, context));
}

function acceptMail(mail: unknown, place: number, context: AcceptContext): Verdict {
  const shape = context.shapeFault(mail);
  if (shape) return { ok: false, fault: { problem: 'shape', ...shape } };
  const { tenant, idempotencyKey, now, rules } = context;
  const input: EmailJobInput = {
    ...(mail as EmailJobInput),
    tenant,
    id: idempotencyKey === null ? context.newId() : derivedId(tenant, idempotencyKey, place, context.hash),
  };
  const job = completeJob(input, context.newId);
  const parsed = parseJob(job, now, rules);
  if (!parsed.ok) return { ok: false, fault: faultOf(parsed.problem, parsed.detail) };
  const accepted = job.templateId === null ? { ok: true as const, job } : withVersion(job, context);
  if (!accepted.ok) return accepted;
  return { ...accepted, record: emit(topics.ingest(parsed.job.type), job.id, accepted.job) };
}

/** A job that names a template is accepted with the version that it was judged by: a later one changes nothing for it. */
function withVersion(
  job: EmailJob,
  { templated }: AcceptContext,
): { readonly ok: true; readonly job: EmailJob } | { readonly ok: false; readonly fault: MailFault } {
  const verdict = templated(job);
  if (verdict.ok) return { ok: true, job: { ...job, templateVersion: verdict.version } };
  const { fault } = verdict;
  return { ok: false, fault: { problem: fault.problem, field: mergeFieldOf(fault), detail: mergeDetailOf(fault) } };
}

/** The id of the mail at a place of a request. Lengths come first, so that no two pairs of tenant and key are one text. */
const derivedId = (tenant: string, key: string, place: number, hash: AcceptContext['hash']): string =>
  uuidV8(hash([`id ${tenant.length} ${key.length} ${place} `, tenant, key]));

/** What a request is remembered under. */
export const answerKey = (tenant: string, key: string): readonly string[] => [`key ${tenant.length} `, tenant, key];

const OF_PAYLOAD: ReadonlySet<string> = new Set(['from', 'replyTo', 'subject', 'html', 'text', 'headers']);
const OF_ATTACHMENTS: ReadonlySet<string> = new Set(['filename', 'contentType', 'contentId', 'attachments']);

/** Where the job's own check, which knows no JSON, found something wrong. */
function faultOf(problem: JobProblem, detail: string): MailFault {
  const field = fieldOf(problem, detail);
  // Which region this is, is said; no other detail is for whoever asks.
  const told = problem === 'other-region' ? `${detail}: hand it in there` : DETAILS[problem];
  return { problem, field, detail: told ?? problem };
}

function fieldOf(problem: JobProblem, detail: string): string {
  switch (problem) {
    case 'recipient-invalid':
      return '/recipient';
    case 'type-unknown':
      return '/type';
    case 'sender-invalid':
      return '/payload/from';
    case 'reply-to-invalid':
      return '/payload/replyTo';
    case 'unsubscribe-link-invalid':
      return '/payload/unsubscribeLink';
    case 'header-not-allowed':
      return `/payload/headers/${pointer(detail)}`;
    case 'attachment-invalid':
      return '/payload/attachments';
    case 'send-at-invalid':
      return '/sendAt';
    case 'expires-at-invalid':
      return '/expiresAt';
    case 'template-invalid':
      return '/templateId';
    case 'other-region':
      return '/region';
    case 'content-missing':
    case 'content-ambiguous':
      return '/payload';
    default:
      return named(detail);
  }
}

/** `headers.X-Thing`, `metadata.order`, `subject`: a name of the job, and what is inside of it. */
function named(detail: string): string {
  const dot = detail.indexOf('.');
  const name = dot < 0 ? detail : detail.slice(0, dot);
  const inner = dot < 0 ? '' : `/${pointer(detail.slice(dot + 1))}`;
  if (OF_ATTACHMENTS.has(name)) return '/payload/attachments';
  return OF_PAYLOAD.has(name) ? `/payload/${name}${inner}` : `/${name}${inner}`;
}

const DETAILS: Partial<Readonly<Record<JobProblem, string>>> = {
  'recipient-invalid': 'must be one address, without a display name',
  'sender-invalid': 'must be one mailbox, with or without a display name',
  'reply-to-invalid': 'must be one mailbox, with or without a display name',
  'content-missing': 'must have html, text, or both',
  'content-ambiguous': 'must not be there beside a template: only one of both can make the mail',
  'template-invalid': 'is no name of a template',
  'text-forbidden': 'must hold no control character and no line break',
  'header-not-allowed': 'this header may not be set',
  'unsubscribe-link-invalid': 'must be an https or mailto URI',
  'attachment-invalid': 'must have a plain file name, a media type and, if any, a plain content id',
  'too-long': 'is too long',
  'too-many': 'has too many entries',
  'send-at-invalid': 'lies too far ahead',
  'expires-at-invalid': 'is no point in time',
};

/** The bytes by which two requests are told apart, as text: what was accepted, and what was refused for which reason. */
export const fingerprintParts = (verdicts: readonly Verdict[], encoded: readonly (Uint8Array | null)[]) =>
  verdicts.map((verdict, n) =>
    verdict.ok ? (encoded[n] ?? '') : `refused ${verdict.fault.problem} ${verdict.fault.field}`,
  );
