import { hash } from 'node:crypto';
import type { EmailJob, NameValue, Payload } from '../contracts/generated.ts';
import {
  hasControlCharacter,
  type Mailbox,
  type NamedMailbox,
  needsSmtputf8,
  parseMailbox,
  parseNamedMailbox,
} from '../domain/address.ts';
import { toBase32 } from '../domain/base32.ts';
import { feedbackIdOf } from '../domain/feedback-id.ts';
import { messageIdInput, messageIdOf } from '../domain/message-id.ts';
import { PROBE_HEADER } from '../domain/placement.ts';
import type { MergeProblem } from '../domain/template.ts';
import type { Millis } from '../domain/time.ts';
import type { FindTemplate, OwnLinks } from '../templates/index.ts';
import { ownValuesOf, renderTemplate } from '../templates/index.ts';
import { contentOf } from './content.ts';
import { dateValue, type HeaderField, headerField, isTooLong, mailboxField, textField } from './header-fields.ts';
import { isAscii, isWithheld, type RewriteFault, rewriteMessage } from './rewrite.ts';
import { templateBody } from './template-body.ts';

/** Why a job cannot become a mail. It is the job's fault: another try would end the same. */
export type ComposeFault =
  | 'no-payload'
  | 'bad-recipient'
  | 'bad-from'
  | 'bad-reply-to'
  | 'bad-subject'
  | 'bad-job-id'
  | 'bad-header'
  | 'bad-unsubscribe-link'
  | 'bad-attachment'
  | 'header-too-long'
  | 'template-unknown'
  | 'template-broken'
  | MergeProblem
  | RewriteFault;

/** A message before it is signed. The same job gives the same bytes, so that a second copy is byte-identical to the first. */
export interface Composed {
  readonly ok: true;
  readonly fields: readonly HeaderField[];
  readonly body: Buffer;
  readonly from: Mailbox;
  readonly to: Mailbox;
  /** With its angle brackets. */
  readonly messageId: string;
  readonly smtputf8: boolean;
  readonly eightBit: boolean;
  /** Hash of the body in relaxed form, in base64, where it is had more cheaply than from the body; null: it is not. */
  readonly bodyHash: (() => string) | null;
}

export interface ComposeOptions {
  /** Last field of Feedback-ID: 5 to 15 characters, always the same. */
  readonly feedbackSenderId: string;
  /** Links that begin with it are ours, so one click is honoured. */
  readonly unsubscribeBaseUrl: string | null;
  /** Looks templates up, and makes the links in them. Left out: jobs that name a template cannot be made into mails. */
  readonly templates?: { readonly find: FindTemplate; readonly links: OwnLinks };
  /** A link of ours for the job, the same for the same job; null where none can be made. Absent: none are made. */
  readonly unsubscribeLinkOf?: (job: EmailJob) => string | null;
}

type Refusal = { readonly ok: false; readonly fault: ComposeFault; readonly detail: string | null };
const refuse = (fault: ComposeFault, detail: string | null = null): Refusal => ({ ok: false, fault, detail });

/** Further fields that a payload may bring. Everything else is ours, or the mail system's. */
const ALLOWED =
  /^(?:x-[a-z0-9-]{1,80}|list-(?:id|help|owner|archive|subscribe)|in-reply-to|references|auto-submitted|precedence|importance|priority|sensitivity|organization|content-language|comments|keywords|thread-(?:topic|index))$/i;
const ONE_CLICK = headerField('List-Unsubscribe-Post', 'List-Unsubscribe=One-Click');
const MIME_VERSION = headerField('MIME-Version', '1.0');
const LINK = /^(?:https?:\/\/|mailto:)[!-;=?-~]+$/i;

/** Makes the message of a job. Date comes from `acceptedAt`, everything else from the job: same job, same bytes. */
export async function compose(job: EmailJob, acceptedAt: Millis, options: ComposeOptions): Promise<Composed | Refusal> {
  if (job.payload === null && job.templateId === null) return refuse('no-payload');
  const to = parseMailbox(job.recipient);
  if (!to.ok) return refuse('bad-recipient');
  if (hasControlCharacter(job.id) || hasControlCharacter(job.tenant)) return refuse('bad-job-id');
  const made = await fromContent(job, to.value, acceptedAt, options);
  return made.ok && made.fields.some(isTooLong) ? refuse('header-too-long') : made;
}

function fromContent(
  job: EmailJob,
  to: Mailbox,
  acceptedAt: Millis,
  options: ComposeOptions,
): Composed | Refusal | Promise<Composed | Refusal> {
  if (job.payload === null) return fromTemplate(job, to, acceptedAt, options);
  return job.payload.mime === null
    ? fromParts(job, job.payload, to, acceptedAt, options)
    : fromWhole(job, job.payload.mime, to, acceptedAt, options);
}

async function fromParts(
  job: EmailJob,
  payload: Payload,
  to: Mailbox,
  acceptedAt: Millis,
  options: ComposeOptions,
): Promise<Composed | Refusal> {
  const from = parseNamedMailbox(payload.from);
  if (!from.ok) return refuse('bad-from');
  const replyTo = payload.replyTo === null ? null : parseNamedMailbox(payload.replyTo);
  if (replyTo !== null && !replyTo.ok) return refuse('bad-reply-to');
  if (hasControlCharacter(payload.subject)) return refuse('bad-subject');
  const unsubscribe = unsubscribeFields(job, payload, options);
  if (unsubscribe === null) return refuse('bad-unsubscribe-link');
  if (payload.headers.some(({ value }) => hasControlCharacter(value))) return refuse('bad-header');
  const content = await contentOf(payload, () => boundaryOf(job, payload));
  if (content === null) return refuse('bad-attachment');
  const { subject, headers } = payload;
  const heads = { from: from.value, replyTo: replyTo?.value ?? null, subject, headers, unsubscribe };
  return { ...assembled(job, to, heads, content.fields, acceptedAt, options), body: content.body, bodyHash: null };
}

/** Makes the mail of a template. Its version is the job's, or the newest that has a content. */
function fromTemplate(job: EmailJob, to: Mailbox, acceptedAt: Millis, options: ComposeOptions): Composed | Refusal {
  const { tenant, templateId } = job;
  if (templateId === null || options.templates === undefined) return refuse('template-unknown');
  const { find, links } = options.templates;
  let found = find(tenant, templateId, job.templateVersion);
  // Deleted after the mail was accepted.
  if (found.kind === 'deleted' && found.last !== null) found = find(tenant, templateId, found.last);
  if (found.kind === 'broken') return refuse('template-broken', `${found.fault.field}: ${found.fault.detail}`);
  if (found.kind !== 'found') return refuse('template-unknown');
  const rendered = renderTemplate(found.template, job.mergeData, ownValuesOf(job, links));
  if (!rendered.ok) return refuse(rendered.fault.problem, `${rendered.fault.field}: ${rendered.fault.detail}`);
  const { from, replyTo, subject, headers, unsubscribeLink, oneClick, html, text } = rendered.mail;
  const unsubscribe = unsubscribeFields(job, { unsubscribeLink, oneClick }, options);
  if (unsubscribe === null) return refuse('bad-unsubscribe-link');
  const heads = { from, replyTo, subject, headers, unsubscribe };
  const { fields, body, bodyHash } = templateBody(text, html, JSON.stringify([tenant, templateId, found.version]));
  return { ...assembled(job, to, heads, fields, acceptedAt, options), body, bodyHash };
}

/** What the header says of a mail that was made from parts. */
interface Heads {
  readonly from: NamedMailbox;
  readonly replyTo: NamedMailbox | null;
  readonly subject: string;
  readonly headers: readonly NameValue[];
  readonly unsubscribe: readonly HeaderField[];
}

function assembled(
  job: EmailJob,
  to: Mailbox,
  { from, replyTo, subject, headers, unsubscribe }: Heads,
  contentFields: readonly HeaderField[],
  acceptedAt: Millis,
  options: ComposeOptions,
): Omit<Composed, 'body' | 'bodyHash'> {
  const messageId = messageIdFor(job, from.mailbox.domain);
  return {
    ok: true,
    fields: [
      mailboxField('From', from),
      mailboxField('To', { name: '', mailbox: to }),
      ...(replyTo === null ? [] : [mailboxField('Reply-To', replyTo)]),
      textField('Subject', subject),
      headerField('Date', dateValue(acceptedAt)),
      headerField('Message-ID', messageId),
      MIME_VERSION,
      ...contentFields,
      ...unsubscribe,
      ...identityFields(job, options),
      ...headers
        .filter(({ name }) => ALLOWED.test(name) && (!isWithheld(name) || PROBE.test(name)))
        .map(({ name, value }) => textField(name, value.trim())),
    ],
    from: from.mailbox,
    to,
    messageId,
    smtputf8: [to, from.mailbox, replyTo?.mailbox].some(isInternational),
    eightBit: false,
  };
}

/** By which a probe is known in its seed mailbox; other fields of that prefix say things to us alone. */
const PROBE = new RegExp(`^${PROBE_HEADER}$`, 'i');

const isInternational = (mailbox: Mailbox | undefined): boolean => mailbox !== undefined && needsSmtputf8(mailbox);

function fromWhole(
  job: EmailJob,
  mime: Buffer,
  to: Mailbox,
  acceptedAt: Millis,
  options: ComposeOptions,
): Composed | Refusal {
  const written = rewriteMessage(mime);
  if (!written.ok) return refuse(written.fault);
  const { from, body, unsubscribeLink, takesPost } = written;
  const isOurs = unsubscribeLink !== null && isOurLink(unsubscribeLink, options);
  const messageId = messageIdFor(job, from.domain);
  const [fromField, ...others] = written.fields;
  const fields = [
    fromField as HeaderField,
    headerField('Date', dateValue(acceptedAt)),
    headerField('Message-ID', messageId),
    MIME_VERSION,
    ...others,
    ...(isOurs && !takesPost ? [ONE_CLICK] : []),
    ...(unsubscribeLink === null && !takesPost ? ownUnsubscribe(job, false, options) : []),
    ...identityFields(job, options),
  ];
  return {
    ok: true,
    fields,
    body,
    from,
    to,
    messageId,
    smtputf8: isInternational(to) || fields.some(({ line }) => !isAscii(line)),
    eightBit: !isAscii(body.toString('latin1')),
    bodyHash: null,
  };
}

const isOurLink = (link: string, { unsubscribeBaseUrl }: ComposeOptions): boolean =>
  unsubscribeBaseUrl !== null && link.startsWith(unsubscribeBaseUrl);

/** RFC 2369, and RFC 8058 where a POST is honoured: by us, or by who gave the link. Null: it is no link. */
function unsubscribeFields(
  job: EmailJob,
  payload: Pick<Payload, 'unsubscribeLink' | 'oneClick'>,
  options: ComposeOptions,
): readonly HeaderField[] | null {
  const link = payload.unsubscribeLink;
  if (link === null) return ownUnsubscribe(job, payload.oneClick, options);
  if (link === '') return [];
  if (!LINK.test(link)) return null;
  const list = headerField('List-Unsubscribe', `<${link}>`);
  const takesPost = isOurLink(link, options) || (payload.oneClick && /^https:/i.test(link));
  return takesPost ? [list, ONE_CLICK] : [list];
}

/** Our own link, where the job brings none. Nobody unsubscribes from password resets, unless the application says so. */
function ownUnsubscribe(job: EmailJob, isAskedFor: boolean, options: ComposeOptions): readonly HeaderField[] {
  if (job.type === 'transactional' && !isAskedFor) return [];
  const link = options.unsubscribeLinkOf?.(job) ?? null;
  return link === null ? [] : [headerField('List-Unsubscribe', `<${link}>`), ONE_CLICK];
}

/** X-Entity-Ref-ID keeps mail clients from threading different mails of one subject; Feedback-ID is Gmail's key for complaints. */
const identityFields = (job: EmailJob, { feedbackSenderId }: ComposeOptions): readonly HeaderField[] => [
  textField('X-Entity-Ref-ID', job.id),
  headerField('Feedback-ID', feedbackIdOf(job, feedbackSenderId)),
];

const digestOf = (input: string): string => toBase32(hash('sha256', input, 'buffer'));

const messageIdFor = (job: EmailJob, domain: string): string =>
  messageIdOf(digestOf(messageIdInput(job.tenant, job.id)), domain);

/** Hashes what stands between the boundaries too: nobody can put a boundary into a part that decides what it is. */
const boundaryOf = (job: EmailJob, payload: Payload): string =>
  `=_${digestOf(`boundary\u0000${job.tenant}\u0000${job.id}\u0000${payload.text}\u0000${payload.html}`).slice(0, 32)}`;
