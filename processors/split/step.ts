import type { Feedback, FeedbackEvent, FeedbackKindSymbol } from '../../src/contracts/generated.ts';
import { judgedRefusal } from '../../src/domain/feedback/judge.ts';
import type { Mail } from '../../src/domain/feedback/mail.ts';
import { readFeedbackMail } from '../../src/domain/feedback/read-feedback.ts';
import {
  FEEDBACK_FORMATS,
  type FeedbackFormat,
  type FeedbackKind,
  type ReportedMail,
  type ReportedRecipient,
} from '../../src/domain/feedback/report.ts';
import { tellingWords } from '../../src/domain/feedback/telling-words.ts';
import type { WebhookEvent } from '../../src/domain/feedback/webhooks/event.ts';
import { isWebhookFormat, readWebhookEvents } from '../../src/domain/feedback/webhooks/read-webhook.ts';
import { boundText, REPLY_TEXT_BYTES_MAX } from '../../src/domain/reply.ts';
import { DAY_MS, type Millis } from '../../src/domain/time.ts';
import type { JobReference } from '../../src/domain/verp.ts';

export const NAME = 'split';
export const VERSION = '1';

/** Providers try for days to tell us; what is older than any of them has a clock that is wrong. */
const AGE_MS_MAX = 30 * DAY_MS;
/** RFC 5322 section 2.1.1 bounds a line; identifiers of strangers are cut there. */
const IDENTIFIER_LENGTH_MAX = 998;
const LABEL_LENGTH_MAX = 200;

/** What reading needs and cannot know by itself. */
export interface SplitTools {
  /** Stands for the parts, one after the other. */
  readonly hash: (parts: readonly (string | Uint8Array)[]) => string;
  /** The job that the local part of a return path was signed for; null where we did not write it. */
  readonly verify: (local: string) => JobReference | null;
}

/** Why a raw record cannot be read: a dead letter's reason. */
export type SplitFault = 'unknown-format' | 'empty-body' | 'unreadable-body';

export type SplitResult =
  | { readonly ok: true; readonly events: readonly FeedbackEvent[] }
  | { readonly ok: false; readonly reason: SplitFault; readonly detail: string };

/** One thing that was read, with what tells it apart from the others of its record. */
interface Found {
  readonly recipient: ReportedRecipient;
  readonly mail: ReportedMail;
  readonly identity: readonly (string | Uint8Array)[];
  readonly at: Millis;
  readonly link: WebhookEvent['link'] | null;
}

export const formatOf = (feedback: Feedback): FeedbackFormat | null =>
  FEEDBACK_FORMATS.find((format) => format === feedback.format) ?? null;

export const isMail = (format: FeedbackFormat): boolean => !isWebhookFormat(format);

/** Reads a raw record: an event for each thing that it says about a recipient. `mail` is its body taken apart, where it is one. */
export function splitFeedback(feedback: Feedback, mail: Mail | null, tools: SplitTools): SplitResult {
  const format = formatOf(feedback);
  if (format === null) return { ok: false, reason: 'unknown-format', detail: feedback.format };
  if (feedback.body.length === 0) return { ok: false, reason: 'empty-body', detail: '' };
  const found = isMail(format) ? inMail(feedback, mail, format) : inWebhook(feedback, format);
  if (found === null) return { ok: false, reason: 'unreadable-body', detail: `it is nothing that ${format} sends` };
  // What says nothing about whether mail arrives is in the raw record; nobody acts upon it.
  const telling = found.filter(({ recipient }) => recipient.kind !== 'unknown');
  return { ok: true, events: telling.map((one) => eventFrom(feedback, one, tools)) };
}

function inMail(feedback: Feedback, mail: Mail | null, format: FeedbackFormat): Found[] | null {
  if (mail === null) return null;
  const report = readFeedbackMail(mail, format === 'arf' ? 'arf' : null);
  return report.recipients.map((recipient, index) => ({
    recipient,
    mail: report.mail,
    identity: [feedback.recipient ?? '', '\n', feedback.body, `\n${index}`],
    at: feedback.at,
    link: null,
  }));
}

function inWebhook(feedback: Feedback, format: FeedbackFormat): Found[] | null {
  const events = readWebhookEvents(textOf(feedback.body), format);
  if (events === null) return null;
  return events.map(({ recipient, mail, id, at, link }) => {
    const about = [recipient.kind, recipient.address ?? '', mail.messageId ?? ''];
    const named = id === '' ? ['', String(at ?? ''), recipient.enhancedCode ?? '', recipient.text] : [id];
    return {
      recipient,
      mail,
      identity: [JSON.stringify([...about, ...named])],
      at: Math.max(feedback.at - AGE_MS_MAX, Math.min(at ?? feedback.at, feedback.at)),
      link: link ?? null,
    };
  });
}

const decoder = new TextDecoder('utf-8', { fatal: false });
const textOf = (bytes: Uint8Array): string => decoder.decode(bytes);

const SYMBOLS: Readonly<Record<FeedbackKind, FeedbackKindSymbol>> = {
  bounce: 'bounce',
  delay: 'delay',
  delivered: 'delivered',
  complaint: 'complaint',
  unsubscribe: 'unsubscribe',
  'auto-reply': 'auto_reply',
  unknown: 'unknown',
};

function eventFrom(
  feedback: Feedback,
  { recipient, mail, identity, at, link }: Found,
  tools: SplitTools,
): FeedbackEvent {
  const { route, format } = feedback;
  const job = jobOf(feedback.recipient, tools) ?? jobOf(mail.returnPath, tools);
  return {
    eventId: tools.hash([JSON.stringify([route, format]), '\n', ...identity]),
    at,
    kind: SYMBOLS[recipient.kind],
    route,
    format,
    recipient: link?.recipient ?? recipient.address,
    tenant: link?.tenant ?? (job?.kind === 'job' ? job.tenant : null),
    jobId: link?.jobId ?? (job?.kind === 'job' ? job.jobId : null),
    jobDigest: job?.kind === 'digest' ? hexOf(job.digest) : null,
    messageId: bounded(mail.messageId, IDENTIFIER_LENGTH_MAX),
    feedbackId: bounded(mail.feedbackId, IDENTIFIER_LENGTH_MAX),
    mailType: link?.type ?? null,
    unwanted: link?.unwanted ?? null,
    label: bounded(recipient.label, LABEL_LENGTH_MAX),
    ...wordsOf(recipient),
  };
}

/** The token in a return path of ours proves which mail it was made for: wherever it comes from, only we can write one. */
const jobOf = (address: string | null, tools: SplitTools): JobReference | null =>
  address === null ? null : tools.verify(address.slice(0, address.lastIndexOf('@')));

const bounded = (text: string | null, lengthMax: number): string | null =>
  text === null ? null : text.slice(0, lengthMax).toWellFormed();

const hexOf = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** A refusal as it was judged, so that whoever judges it by the same rules comes to the same verdict. */
function wordsOf(recipient: ReportedRecipient): Pick<FeedbackEvent, 'smtpCode' | 'enhancedCode' | 'reply'> {
  if (recipient.kind !== 'bounce' && recipient.kind !== 'delay') {
    const reply = boundText(recipient.text.toWellFormed(), REPLY_TEXT_BYTES_MAX) || null;
    return { smtpCode: recipient.smtpCode, enhancedCode: recipient.enhancedCode, reply };
  }
  const judged = judgedRefusal(recipient);
  const { smtpCode, enhancedCode } = judged.refusal;
  return { smtpCode, enhancedCode, reply: tellingWords(judged) || null };
}

/** By what an event is keyed: the job that is proven, else whom it is about. */
export const keyOf = ({ jobId, jobDigest, recipient, eventId }: FeedbackEvent): string =>
  jobId ?? jobDigest ?? recipient?.toLowerCase() ?? eventId;
