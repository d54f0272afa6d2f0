import type { Caller } from '../../src/domain/api-key.ts';
import { type HttpRequest, linksBy, problemReply, type Route, reply } from '../../src/http/route.ts';
import type { MailFault, Verdict } from './accept.ts';
import type { Intake } from './intake.ts';
import { BATCH, BATCH_MAX, BATCH_SHOWN, IDEMPOTENCY_HEADER } from './schemas.ts';
import { submit } from './submit.ts';

/** Base64 and escapes make a body longer than the job that it becomes. */
const BODY_PER_JOB = 1.5;
const BODY_BASE_BYTES = 64 * 1_024;

export interface EmailBounds {
  /** Of one encoded job. */
  readonly jobBytesMax: number;
  /** Of the body of a batch. */
  readonly batchBytesMax: number;
}

const keyOf = (request: HttpRequest<Caller>): string | null => request.header('idempotency-key') ?? null;
const repeatedHeader = (repeated: boolean): Readonly<Record<string, string>> =>
  repeated ? { 'idempotent-replayed': 'true' } : {};

const told = ({ problem, field, detail }: MailFault) => ({ problem, field, detail });

const shown = (verdict: Verdict) =>
  verdict.ok ? { id: verdict.job.id, state: 'accepted' } : { state: 'refused', ...told(verdict.fault) };

/** Handing mails in. */
export function emailRoutes(intake: Intake, bounds: EmailBounds): readonly Route<Caller>[] {
  const count = (verdicts: readonly Verdict[], repeated: boolean): { accepted: number; refused: number } => {
    const accepted = verdicts.filter(({ ok }) => ok).length;
    const refused = verdicts.length - accepted;
    const tell = (what: string, by: number) =>
      by > 0 && intake.telemetry.count('postlane_http_mails_total', { what }, by);
    tell(repeated ? 'repeated' : 'accepted', accepted);
    tell('refused', refused);
    return { accepted, refused };
  };
  const replayed = {
    'Idempotent-Replayed': { type: 'string', description: '`true` where the request had been answered before.' },
  };
  const single: Route<Caller> = {
    method: 'POST',
    path: '/v1/emails',
    operationId: 'sendEmail',
    summary: 'Hand in a mail',
    description:
      'Answers 202 when the log has the mail on all in-sync replicas: from then on it cannot be lost, and ends exactly once.',
    tag: 'emails',
    scope: 'emails:send',
    headers: IDEMPOTENCY_HEADER,
    body: {
      contentType: 'application/json',
      schema: { $ref: 'Email' },
      bytesMax: Math.ceil(bounds.jobBytesMax * BODY_PER_JOB) + BODY_BASE_BYTES,
    },
    responses: {
      202: {
        description: 'The mail is accepted.',
        schema: { $ref: 'Accepted' },
        headers: replayed,
        links: linksBy('id', '$response.body#/id', 'getEmail', 'cancelEmail'),
      },
    },
    problems: ['idempotency-key-in-flight', 'idempotency-key-reused', 'quota-exceeded', 'unavailable'],
    async handle(request) {
      const submitted = await submit(intake, request.caller, [request.body], keyOf(request));
      if (submitted.kind === 'refused') return submitted.reply;
      const { verdicts, repeated } = submitted;
      count(verdicts, repeated);
      const verdict = verdicts[0] as Verdict;
      if (!verdict.ok) {
        const { problem, field, detail } = verdict.fault;
        return problemReply('invalid-field', { field, detail, problem });
      }
      return reply(202, shown(verdict), repeatedHeader(repeated));
    },
  };
  const batch: Route<Caller> = {
    method: 'POST',
    path: '/v1/emails/batch',
    operationId: 'sendEmails',
    summary: `Hand in up to ${BATCH_MAX} mails`,
    description:
      'Every mail gets a verdict of its own, in the order of the request. Answers 202 when the log has all accepted ones on ' +
      'all in-sync replicas, and 422 where none is valid.',
    tag: 'emails',
    scope: 'emails:send',
    headers: IDEMPOTENCY_HEADER,
    body: { contentType: 'application/json', schema: BATCH, shown: BATCH_SHOWN, bytesMax: bounds.batchBytesMax },
    responses: {
      202: { description: 'At least one mail is accepted.', schema: { $ref: 'BatchAnswer' }, headers: replayed },
    },
    problems: ['batch-refused', 'idempotency-key-in-flight', 'idempotency-key-reused', 'quota-exceeded', 'unavailable'],
    async handle(request) {
      const { emails } = request.body as { readonly emails: readonly unknown[] };
      const submitted = await submit(intake, request.caller, emails, keyOf(request));
      if (submitted.kind === 'refused') return submitted.reply;
      const { verdicts, repeated } = submitted;
      const counts = count(verdicts, repeated);
      const answer = { ...counts, emails: verdicts.map(shown) };
      if (counts.accepted === 0) return problemReply('batch-refused', answer);
      return reply(202, answer, repeatedHeader(repeated));
    },
  };
  return [single, batch];
}
