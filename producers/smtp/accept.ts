import type { EmailJob } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import { type JobProblem, type JobRules, parseJob } from '../../src/domain/job.ts';
import { completeJob } from '../../src/domain/job-input.ts';
import type { EmailType } from '../../src/domain/policy.ts';
import type { Millis } from '../../src/domain/time.ts';
import { uuidV8 } from '../../src/domain/uuid.ts';
import { emit, type Output } from '../../src/runtime/processor.ts';
import { type Field, readDirectives } from './directives.ts';

/** A mail that was read, checked and written again. */
export interface ReadMail {
  readonly recipients: readonly string[];
  /** All of its fields as they came; those that are ours say how it is to be sent. */
  readonly fields: readonly Field[];
  /** The From field's mailbox. */
  readonly from: string;
  /** The message as the job carries it, without our fields. */
  readonly mime: Buffer;
}

export interface AcceptContext {
  readonly now: Millis;
  /** The caller's: never read from the mail. */
  readonly tenant: string;
  /** Of mails that say nothing about it. */
  readonly typeDefault: EmailType;
  readonly newId: () => string;
  /** 16 bytes that stand for the parts, one after the other. */
  readonly hash: (parts: readonly string[]) => Uint8Array;
  readonly rules: JobRules;
}

/** Why a mail is refused: what an SMTP reply says. */
export interface Refusal {
  readonly code: number;
  readonly text: string;
}

export type Accepted =
  | {
      readonly ok: true;
      /** One per recipient, in their order. */
      readonly records: readonly Output<EmailJob>[];
      readonly ids: readonly string[];
      readonly idempotencyKey: string | null;
    }
  | { readonly ok: false; readonly refusal: Refusal };

/**
 * One job per recipient, all or none. Under an idempotency key the ids follow from tenant, key and recipient alone: the
 * same mail handed in again makes the same jobs, of which the router lets one through, whatever else was forgotten.
 */
export function accept(mail: ReadMail, context: AcceptContext): Accepted {
  const said = readDirectives(mail.fields);
  if ('detail' in said) return refused(550, `5.6.0 ${printable(said.header)}: ${said.detail}`);
  const { tenant, now, rules, newId } = context;
  const { idempotencyKey } = said;
  const records: Output<EmailJob>[] = [];
  for (const recipient of mail.recipients) {
    const id = idempotencyKey === null ? newId() : derivedId(tenant, idempotencyKey, recipient, context.hash);
    const job = completeJob(
      {
        id,
        tenant,
        type: said.type ?? context.typeDefault,
        priority: said.priority ?? 'normal',
        recipient,
        payload: { from: mail.from, mime: mail.mime },
        tags: said.tags,
        campaign: said.campaign,
        metadata: said.metadata,
        sendAt: said.sendAt,
        expiresAt: said.expiresAt,
        region: said.region,
      },
      newId,
    );
    const parsed = parseJob(job, now, rules);
    if (!parsed.ok) return refusedJob(parsed.problem, parsed.detail);
    records.push(emit(topics.ingest(parsed.job.type), job.id, job));
  }
  return { ok: true, records, ids: records.map(({ key }) => key as string), idempotencyKey };
}

/** Lengths come first, so that no two triples are one text. Recipients fold, as a server may see one of them twice. */
const derivedId = (tenant: string, key: string, recipient: string, hash: AcceptContext['hash']): string =>
  uuidV8(hash([`smtp id ${tenant.length} ${key.length} `, tenant, key, recipient.toLowerCase()]));

/** What a mail is remembered under. */
export const answerKey = (tenant: string, key: string): readonly string[] => [
  `smtp key ${tenant.length} `,
  tenant,
  key,
];

const refused = (code: number, text: string): Accepted => ({ ok: false, refusal: { code, text } });

/** Text of a client that goes back to it: without anything that a reply cannot hold. */
const printable = (text: string): string => text.replace(/[^ -~]/g, '?').slice(0, 100);

const HEADERS: Readonly<Record<string, string>> = {
  tags: 'X-Postlane-Tag',
  campaign: 'X-Postlane-Campaign',
  region: 'X-Postlane-Region',
  metadata: 'X-Postlane-Metadata',
};

function refusedJob(problem: JobProblem, detail: string): Accepted {
  const field = HEADERS[detail.split('.', 1)[0] as string] ?? 'the mail';
  switch (problem) {
    case 'recipient-invalid':
      return refused(553, '5.1.3 a recipient is no address');
    case 'send-at-invalid':
      return refused(550, '5.6.0 X-Postlane-Send-At: lies too far ahead');
    case 'expires-at-invalid':
      return refused(550, '5.6.0 X-Postlane-Expires-At: is no point in time');
    case 'other-region':
      return refused(550, `5.6.0 X-Postlane-Region: ${printable(detail)}: hand it in there`);
    case 'too-long':
      return refused(550, `5.6.0 ${field}: is too long`);
    case 'too-many':
      return refused(550, `5.6.0 ${field}: has too many entries`);
    case 'text-forbidden':
      return refused(550, `5.6.0 ${field}: must hold no control character and no line break`);
    default:
      return refused(550, `5.6.0 ${problem}`);
  }
}

/** What is wrong with a message as such, in words for whoever wrote the program that sent it. */
export const MESSAGE_FAULTS: Readonly<Record<string, Refusal>> = {
  'bare-line-break': { code: 554, text: '5.5.2 a line ends with a bare CR or LF: lines must end with CRLF' },
  'line-too-long': { code: 554, text: '5.6.0 a line is longer than 998 octets' },
  nul: { code: 554, text: '5.6.0 the message holds a NUL octet' },
  'bad-header': {
    code: 554,
    text: '5.6.0 the header cannot be read: each line must be a field or continue one, in UTF-8 without control characters',
  },
  'duplicate-header': { code: 554, text: '5.6.0 a field that may stand once stands twice' },
  'header-too-long': { code: 554, text: '5.6.0 a header field has a word of more than 998 octets' },
  'bad-from': { code: 554, text: '5.6.0 From must be one mailbox' },
  'bad-reply-to': { code: 554, text: '5.6.0 Reply-To must hold addresses' },
  'bad-address-list': { code: 554, text: '5.6.0 To and Cc must hold addresses' },
  'bad-unsubscribe-link': {
    code: 554,
    text: '5.6.0 List-Unsubscribe must hold https or mailto links in angle brackets',
  },
  'mime-broken': {
    code: 554,
    text: '5.6.0 the MIME structure is broken: every multipart needs a boundary of its own, and must be closed',
  },
  'mime-too-deep': { code: 554, text: '5.6.0 parts are nested too deeply' },
  'mime-too-many-parts': { code: 554, text: '5.6.0 the message has too many parts' },
  'mime-reference': { code: 554, text: '5.6.0 message/external-body and message/partial are not taken' },
};
