import type { Attachment, EmailJob, NameValue, Payload, PrioritySymbol } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import { type JobProblem, type JobRules, parseJob } from '../../src/domain/job.ts';
import type { EmailType } from '../../src/domain/policy.ts';
import type { Millis } from '../../src/domain/time.ts';
import { emit, type Output } from '../../src/runtime/processor.ts';
import { type ShapeFault, shapeFault } from './shape.ts';

/** Names and values: an object where order does not matter and no name is repeated, else a list. */
export type PairsInput = Readonly<Record<string, string>> | readonly NameValue[];

/** Milliseconds since the Unix epoch, a `Date`, or an ISO 8601 text with its time zone. */
export type TimeInput = number | Date | string;

/** Bytes as they are, or as base64 (RFC 4648 section 4), which is how JSON carries them. */
export type BytesInput = Uint8Array | string;

/** A file that goes with the mail; `Attachment` of the schema. */
export interface AttachmentInput {
  readonly filename: string;
  readonly contentType: string;
  readonly contentId?: string | null;
  readonly content: BytesInput;
}

/** The mail itself; `Payload` of the schema, which says what each field means. */
export interface PayloadInput {
  readonly from?: string;
  readonly replyTo?: string | null;
  readonly subject?: string;
  readonly html?: string | null;
  readonly text?: string | null;
  readonly unsubscribeLink?: string | null;
  readonly oneClick?: boolean;
  readonly headers?: PairsInput;
  readonly attachments?: readonly AttachmentInput[];
  readonly mime?: BytesInput | null;
}

/**
 * A job as an application writes it down: `EmailJob` of the schema, with everything that has a default left out. Besides
 * `type` and `recipient` it needs either `payload` or `templateId`.
 */
export interface EmailJobInput {
  /** Idempotency key. Left out: a new one, so a job that is published twice is sent twice. */
  readonly id?: string;
  readonly tenant?: string;
  readonly type: EmailType;
  readonly priority?: PrioritySymbol;
  readonly recipient: string;
  readonly payload?: PayloadInput | null;
  readonly templateId?: string | null;
  readonly templateVersion?: number | null;
  readonly mergeData?: PairsInput;
  readonly metadata?: PairsInput;
  readonly tags?: readonly string[];
  readonly campaign?: string | null;
  readonly sendAt?: TimeInput | null;
  readonly expiresAt?: TimeInput | null;
  readonly region?: string | null;
  readonly traceparent?: string | null;
}

/** Why a job is not published. A closed list: what the router would refuse, what has no right shape, what is too large. */
export type PublishProblem = JobProblem | ShapeFault['problem'] | 'too-large';

export type Accepted =
  | { readonly ok: true; readonly job: EmailJob; readonly record: Output<EmailJob> }
  | { readonly ok: false; readonly problem: PublishProblem; readonly detail: string };

/** What the shell knows and the input does not say. */
export interface AcceptContext {
  readonly now: Millis;
  /** Makes the id of a job that brings none. */
  readonly newId: () => string;
  readonly rules: JobRules;
}

const TENANT_DEFAULT = 'default';

/**
 * Fills the defaults in and checks the job as the router will, so that whoever wrote it hears of a mistake now and not from
 * a dead letter. Answers the record to append, or the first thing that is wrong. The input may be anything at all.
 */
export function acceptJob(input: unknown, context: AcceptContext): Accepted {
  const fault = shapeFault(input);
  if (fault) return { ok: false, ...fault };
  const job = completed(input as EmailJobInput, context);
  const parsed = parseJob(job, context.now, context.rules);
  if (!parsed.ok) return { ok: false, problem: parsed.problem, detail: parsed.detail };
  return { ok: true, job, record: emit(topics.ingest(parsed.job.type), job.id, job) };
}

/** The job as the schema has it. The input's shape was checked. */
const completed = (input: EmailJobInput, { newId }: AcceptContext): EmailJob => ({
  id: input.id ?? newId(),
  tenant: input.tenant ?? TENANT_DEFAULT,
  type: input.type,
  priority: input.priority ?? 'normal',
  recipient: input.recipient,
  payload: input.payload ? completedPayload(input.payload) : null,
  templateId: input.templateId ?? null,
  templateVersion: input.templateVersion ?? null,
  mergeData: toPairs(input.mergeData),
  metadata: toPairs(input.metadata),
  tags: input.tags ? [...input.tags] : [],
  campaign: input.campaign ?? null,
  sendAt: toMillis(input.sendAt),
  expiresAt: toMillis(input.expiresAt),
  region: input.region ?? null,
  traceparent: input.traceparent ?? null,
});

const completedPayload = (input: PayloadInput): Payload => ({
  from: input.from ?? '',
  replyTo: input.replyTo ?? null,
  subject: input.subject ?? '',
  html: input.html ?? null,
  text: input.text ?? null,
  unsubscribeLink: input.unsubscribeLink ?? null,
  oneClick: input.oneClick ?? false,
  headers: toPairs(input.headers),
  attachments: (input.attachments ?? []).map(completedAttachment),
  mime: input.mime === undefined || input.mime === null ? null : toBuffer(input.mime),
});

const completedAttachment = (input: AttachmentInput): Attachment => ({
  filename: input.filename,
  contentType: input.contentType,
  contentId: input.contentId ?? null,
  content: toBuffer(input.content),
});

function toPairs(pairs: PairsInput | null | undefined): NameValue[] {
  if (pairs === null || pairs === undefined) return [];
  if (isList(pairs)) return pairs.map(({ name, value }) => ({ name, value }));
  return Object.entries(pairs).map(([name, value]) => ({ name, value }));
}

const isList = (pairs: PairsInput): pairs is readonly NameValue[] => Array.isArray(pairs);

function toMillis(time: TimeInput | null | undefined): Millis | null {
  if (time === null || time === undefined) return null;
  if (typeof time === 'number') return time;
  return typeof time === 'string' ? Date.parse(time) : time.getTime();
}

function toBuffer(bytes: BytesInput): Buffer {
  if (typeof bytes === 'string') return Buffer.from(bytes, 'base64');
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Random bytes that one id takes. */
export const ID_RANDOM_BYTES = 10;

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/**
 * A UUID of version 7 (RFC 9562 section 5.7): 48 bits of time, 74 of chance. `random` holds `ID_RANDOM_BYTES`.
 * Ids of about the same time lie side by side, wherever they are sorted.
 */
export function uuidV7(now: Millis, random: Uint8Array): string {
  const hex = (n: number): string => HEX[random[n] as number] as string;
  const time = now.toString(16).padStart(12, '0');
  const version = HEX[0x70 | ((random[0] as number) & 0x0f)];
  const variant = HEX[0x80 | ((random[2] as number) & 0x3f)];
  const node = `${hex(4)}${hex(5)}${hex(6)}${hex(7)}${hex(8)}${hex(9)}`;
  return `${time.slice(0, 8)}-${time.slice(8)}-${version}${hex(1)}-${variant}${hex(3)}-${node}`;
}
