import type { EmailJob, NameValue, Payload } from '../contracts/generated.ts';
import { addressOf, foldAddress, type Mailbox, parseMailbox, parseNamedMailbox } from './address.ts';
import { EMAIL_TYPES, type EmailType } from './policy.ts';
import { DAY_MS, type Millis } from './time.ts';

/** A job that was checked: the only form in which router and worker act on one. `parseJob` makes it. */
export interface Job {
  readonly id: string;
  readonly tenant: string;
  readonly type: EmailType;
  readonly recipient: Mailbox;
  /** The recipient as an envelope names it; the key of lanes, ladder and due topics. */
  readonly address: string;
  /** The recipient as suppressions know it. */
  readonly folded: string;
  /** Domain of the From header, in lower-case A-labels; null where a template brings it, or a whole message that nobody read. */
  readonly senderDomain: string | null;
  readonly sendAt: Millis | null;
  readonly expiresAt: Millis | null;
  /** Everything else, as it was decoded; every field of it was checked. */
  readonly content: EmailJob;
}

/** Why a job is refused. A closed list: it is counted, and publishers act on it. */
export type JobProblem =
  | 'id-invalid'
  | 'tenant-invalid'
  | 'type-unknown'
  | 'recipient-invalid'
  | 'content-missing'
  | 'content-ambiguous'
  | 'sender-invalid'
  | 'reply-to-invalid'
  | 'text-forbidden' // a control character in something that reaches a header
  | 'header-not-allowed'
  | 'unsubscribe-link-invalid'
  | 'attachment-invalid'
  | 'template-invalid'
  | 'too-long'
  | 'too-many'
  | 'send-at-invalid'
  | 'expires-at-invalid'
  | 'other-region'; // it names another region than the one that it came to

export type JobResult =
  | { readonly ok: true; readonly job: Job }
  | { readonly ok: false; readonly problem: JobProblem; readonly detail: string };

type Refused = { readonly problem: JobProblem; readonly detail: string };
const refused = (problem: JobProblem, detail: string): Refused => ({ problem, detail });

/** What the operator may decide about jobs. */
export interface JobRules {
  /** `sendAt` may lie this far ahead of acceptance. */
  readonly sendAtMaxMs: number;
  /** Header names (lower case) that a job may set besides `X-…`. */
  readonly headerNames: ReadonlySet<string>;
  /** The region that this is; null where there are none, and what a job says about one is only passed on. */
  readonly region: string | null;
}

/** Headers that say something about the mail and nothing about its path, its author or its signatures. */
export const HEADER_NAMES_DEFAULT: ReadonlySet<string> = new Set([
  'auto-submitted',
  'comments',
  'importance',
  'in-reply-to',
  'keywords',
  'list-archive',
  'list-help',
  'list-id',
  'list-owner',
  'list-post',
  'organization',
  'precedence',
  'references',
  'sensitivity',
]);

export const JOB_RULES_DEFAULT: JobRules = {
  sendAtMaxMs: 30 * DAY_MS,
  headerNames: HEADER_NAMES_DEFAULT,
  region: null,
};

const ID_LENGTH_MAX = 256;
const TENANT_LENGTH_MAX = 128;
const SUBJECT_LENGTH_MAX = 2_000;
/** RFC 5322 section 2.1.1 allows a line 998 characters; folding splits values, not words. */
const HEADER_LENGTH_MAX = 998;
const HEADERS_MAX = 50;
const ATTACHMENTS_MAX = 50;
const FILENAME_LENGTH_MAX = 255;
const TAGS_MAX = 50;
const TAG_LENGTH_MAX = 256;
const PAIRS_MAX = 100;
const PAIR_NAME_LENGTH_MAX = 256;
const METADATA_VALUE_LENGTH_MAX = 2_048;
const MERGE_VALUE_LENGTH_MAX = 64 * 1_024;
const LABEL_LENGTH_MAX = 128;
const LINK_LENGTH_MAX = 2_000;

// biome-ignore lint/suspicious/noControlCharactersInRegex: these characters are what it looks for
const FORBIDDEN = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028\u2029]/;
const HEADER_NAME = /^[A-Za-z0-9][A-Za-z0-9-]{0,75}$/;
/** X-names that the pipeline writes itself. */
const HEADER_NAMES_OWN: ReadonlySet<string> = new Set(['x-entity-ref-id']);
const MEDIA_TYPE =
  /^[A-Za-z0-9!#$&^_.+-]{1,127}\/[A-Za-z0-9!#$&^_.+-]{1,127}(?: *; *[A-Za-z0-9-]{1,40}=(?:"[^"\\]{0,100}"|[^\s"\\;,]{1,100})){0,5}$/;
const CONTENT_ID = /^[^\s<>"\\]{1,250}$/;
const TEMPLATE_ID = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$/;
const LINK = /^(?:https?:\/\/|mailto:)[\x21\x23-\x3b\x3d\x3f-\x5b\x5d\x5f\x61-\x7a\x7e]+$/i;

/** True for a URI that List-Unsubscribe may hold. */
export const isLink = (text: string): boolean => text.length <= LINK_LENGTH_MAX && LINK.test(text);

/** One text that reaches a header or a key: within its length, and without anything that could end a line. */
function text(value: string, field: string, lengthMax: number): Refused | null {
  if (value.length > lengthMax) return refused('too-long', field);
  return FORBIDDEN.test(value) ? refused('text-forbidden', field) : null;
}

/** The first refusal among checks that are made only as far as needed. */
function first<T>(items: readonly T[], check: (item: T) => Refused | null): Refused | null {
  for (const item of items) {
    const found = check(item);
    if (found) return found;
  }
  return null;
}

const pairs = (list: readonly NameValue[], field: string, valueLengthMax: number): Refused | null => {
  if (list.length > PAIRS_MAX) return refused('too-many', field);
  return first(list, ({ name, value }) => {
    const named = text(name, field, PAIR_NAME_LENGTH_MAX);
    return named ?? (value.length > valueLengthMax ? refused('too-long', `${field}.${name}`) : null);
  });
};

/** True where a job or a template may set this header. `headerNames` are in lower case. */
export function isHeaderAllowed(name: string, headerNames: ReadonlySet<string>): boolean {
  const lower = name.toLowerCase();
  const allowed = (lower.startsWith('x-') && !HEADER_NAMES_OWN.has(lower)) || headerNames.has(lower);
  return allowed && HEADER_NAME.test(name);
}

function headers(list: readonly NameValue[], rules: JobRules): Refused | null {
  if (list.length > HEADERS_MAX) return refused('too-many', 'headers');
  return first(list, ({ name, value }) => {
    if (!isHeaderAllowed(name, rules.headerNames)) {
      return refused('header-not-allowed', name.slice(0, LABEL_LENGTH_MAX));
    }
    return text(value, `headers.${name}`, HEADER_LENGTH_MAX);
  });
}

function attachments({ attachments: list }: Payload): Refused | null {
  if (list.length > ATTACHMENTS_MAX) return refused('too-many', 'attachments');
  return first(list, ({ filename, contentType, contentId }) => {
    if (filename === '' || /[/\\]/.test(filename)) return refused('attachment-invalid', 'filename');
    if (!MEDIA_TYPE.test(contentType)) return refused('attachment-invalid', 'contentType');
    if (contentId !== null && !CONTENT_ID.test(contentId)) return refused('attachment-invalid', 'contentId');
    return text(filename, 'filename', FILENAME_LENGTH_MAX) ?? text(contentId ?? '', 'contentId', LABEL_LENGTH_MAX * 2);
  });
}

/** What reaches the mail. A whole message is parsed, checked and written again by the worker; its other fields are ignored. */
function payload(content: Payload, rules: JobRules): Refused | null {
  if (content.mime !== null) return content.mime.length === 0 ? refused('content-missing', 'mime') : null;
  if (content.html === null && content.text === null) return refused('content-missing', 'html and text');
  const link = content.unsubscribeLink;
  // Empty: none is wanted, not even one of ours.
  if (link !== null && link !== '' && !isLink(link)) return refused('unsubscribe-link-invalid', '');
  return (
    text(content.subject, 'subject', SUBJECT_LENGTH_MAX) ??
    text(content.from, 'from', HEADER_LENGTH_MAX) ??
    text(content.replyTo ?? '', 'replyTo', HEADER_LENGTH_MAX) ??
    (content.replyTo !== null && !parseNamedMailbox(content.replyTo).ok ? refused('reply-to-invalid', '') : null) ??
    headers(content.headers, rules) ??
    attachments(content)
  );
}

function times(job: EmailJob, acceptedAt: Millis, rules: JobRules): Refused | null {
  const { sendAt, expiresAt } = job;
  if (sendAt !== null && (!Number.isSafeInteger(sendAt) || sendAt < 0 || sendAt > acceptedAt + rules.sendAtMaxMs)) {
    return refused('send-at-invalid', String(sendAt));
  }
  if (expiresAt !== null && (!Number.isSafeInteger(expiresAt) || expiresAt < 0)) {
    return refused('expires-at-invalid', String(expiresAt));
  }
  return null;
}

function labels(job: EmailJob): Refused | null {
  if (job.tags.length > TAGS_MAX) return refused('too-many', 'tags');
  if (job.templateId !== null && !TEMPLATE_ID.test(job.templateId)) return refused('template-invalid', 'templateId');
  return (
    first(job.tags, (tag) => text(tag, 'tags', TAG_LENGTH_MAX)) ??
    text(job.campaign ?? '', 'campaign', LABEL_LENGTH_MAX) ??
    text(job.region ?? '', 'region', LABEL_LENGTH_MAX) ??
    text(job.traceparent ?? '', 'traceparent', LABEL_LENGTH_MAX) ??
    pairs(job.metadata, 'metadata', METADATA_VALUE_LENGTH_MAX) ??
    pairs(job.mergeData, 'mergeData', MERGE_VALUE_LENGTH_MAX)
  );
}

/** A job that names a region is sent there or nowhere: who takes it elsewhere would have to carry it across. */
function region({ region: wanted }: EmailJob, { region: here }: JobRules): Refused | null {
  if (here === null || wanted === null || wanted === here) return null;
  return refused('other-region', `it is for ${wanted}, and this is ${here}`);
}

/** Can the job be told apart from others? Asked first: without an identity it can neither be deduplicated nor ended. */
export function identityProblem(job: Pick<EmailJob, 'id' | 'tenant'>): Refused | null {
  if (job.id === '' || job.id.length > ID_LENGTH_MAX || FORBIDDEN.test(job.id) || job.id.includes('\t')) {
    return refused('id-invalid', job.id.slice(0, LABEL_LENGTH_MAX));
  }
  if (job.tenant === '' || job.tenant.length > TENANT_LENGTH_MAX || FORBIDDEN.test(job.tenant)) {
    return refused('tenant-invalid', job.tenant.slice(0, LABEL_LENGTH_MAX));
  }
  return null;
}

export const isEmailType = (type: string): type is EmailType => (EMAIL_TYPES as readonly string[]).includes(type);

/** Checks a decoded job whole. `acceptedAt` is the append time of its ingest record. Answers the first thing that is wrong. */
export function parseJob(content: EmailJob, acceptedAt: Millis, rules: JobRules = JOB_RULES_DEFAULT): JobResult {
  const problem = identityProblem(content);
  if (problem) return { ok: false, ...problem };
  const { type } = content;
  if (!isEmailType(type)) return { ok: false, ...refused('type-unknown', type) };
  const recipient = parseMailbox(content.recipient);
  if (!recipient.ok) return { ok: false, ...refused('recipient-invalid', recipient.fault) };
  if (content.payload === null && content.templateId === null) return { ok: false, ...refused('content-missing', '') };
  if (content.payload !== null && content.templateId !== null)
    return { ok: false, ...refused('content-ambiguous', '') };
  const wrong =
    times(content, acceptedAt, rules) ??
    labels(content) ??
    region(content, rules) ??
    (content.payload ? payload(content.payload, rules) : null);
  if (wrong) return { ok: false, ...wrong };
  const from = content.payload && parseNamedMailbox(content.payload.from);
  if (from && !from.ok && content.payload?.mime === null)
    return { ok: false, ...refused('sender-invalid', from.fault) };
  return {
    ok: true,
    job: {
      id: content.id,
      tenant: content.tenant,
      type,
      recipient: recipient.value,
      address: addressOf(recipient.value),
      folded: foldAddress(recipient.value),
      senderDomain: from?.ok ? from.value.mailbox.domain : null,
      sendAt: content.sendAt,
      expiresAt: content.expiresAt,
      content,
    },
  };
}

/**
 * From this time on the job must not be attempted (DESIGN section 2, law 8): its own `expiresAt`, or the queue's maximum
 * age after `sendAt` or acceptance, whichever comes first.
 */
export function expiryOf(job: Pick<Job, 'sendAt' | 'expiresAt'>, acceptedAt: Millis, ageMaxMs: number): Millis {
  const oldest = Math.max(job.sendAt ?? 0, acceptedAt) + ageMaxMs;
  return Math.min(job.expiresAt ?? oldest, oldest);
}
