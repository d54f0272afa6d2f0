import type { Attachment, EmailJob, NameValue, Payload, PrioritySymbol } from '../contracts/generated.ts';
import type { EmailType } from './policy.ts';
import type { Millis } from './time.ts';

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

const TENANT_DEFAULT = 'default';

/** The job as the schema has it, with its defaults. The input's shape was checked; `newId` makes the id of one without. */
export const completeJob = (input: EmailJobInput, newId: () => string): EmailJob => ({
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
