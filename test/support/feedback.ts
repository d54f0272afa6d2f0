import { hash } from 'node:crypto';
import { FEEDBACK_WINDOW_MS, feedbackDefinition } from '../../processors/feedback/index.ts';
import { splitDefinition } from '../../processors/split/index.ts';
import type { SplitTools } from '../../processors/split/step.ts';
import type { DeliveryResult, EmailJob, Feedback } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import { parseMailbox } from '../../src/domain/address.ts';
import type { FeedbackRoute } from '../../src/domain/feedback/route.ts';
import { PLAIN_NAMES, type RecipientNames } from '../../src/domain/recipient-names.ts';
import { ending } from '../../src/domain/results.ts';
import { foldedAddress, type SentMail, sentMailOf } from '../../src/domain/sent-mail.ts';
import { digestInput } from '../../src/domain/verp.ts';
import { readMail } from '../../src/mime/read-mail.ts';
import type { Codec } from '../../src/runtime/codec.ts';
import { restoreSeen } from '../../src/runtime/seen-port.ts';
import type { SentMails } from '../../src/runtime/sent-mails-port.ts';
import { VerpSigner } from '../../src/smtp/verp-signer.ts';
import { aJob } from '../../src/testing/builders.ts';
import { MemorySeenStore } from '../../src/testing/memory-seen-store.ts';

export const NOW = 1_750_000_000_000;
export const RETURN_PATH_DOMAIN = 'bounces.shop.example';

/** Our own key for return paths, and one that a forger would have to guess. */
export const signer = new VerpSigner([Buffer.from('a key of ours for return paths')]);
export const forger = new VerpSigner([Buffer.from('some key that is none of ours.')]);

/** The return path of a job, as the worker writes it. */
export function returnPathOf(jobId: string, tenant = 'default', by = signer): string {
  const { local, domain } = by.returnPath(tenant, jobId, RETURN_PATH_DOMAIN);
  return `${local}@${domain}`;
}

export const splitTools: SplitTools = {
  hash: (parts) => hash('sha256', Buffer.concat(parts.map((part) => Buffer.from(part as string))), 'base64url'),
  verify: (local) => (parseMailbox(`${local}@x.example`).ok ? signer.verify(local) : null),
};

export const defineSplit = () => splitDefinition({ ...splitTools, readMail });

/** A raw record: a mail to a return path, unless told otherwise. */
export const aFeedback = (over: Partial<Feedback> = {}): Feedback => ({
  route: 'inbound',
  format: 'dsn',
  at: NOW,
  body: Buffer.from(aBounceMail()),
  batchId: 'batch-1',
  recipient: returnPathOf('job-1'),
  sender: '',
  peer: '192.0.2.7',
  ...over,
});

export interface BounceFacts {
  readonly recipient?: string;
  readonly status?: string;
  readonly action?: string;
  readonly diagnostic?: string;
  readonly messageId?: string;
  /** Further header fields of the mail that is returned. */
  readonly original?: readonly string[];
}

/** A report by RFC 3464, about one recipient. */
export function aBounceMail(facts: BounceFacts = {}): string {
  const {
    recipient = 'ada@inbox.example',
    status = '5.1.1',
    action = 'failed',
    diagnostic = 'smtp; 550 5.1.1 <ada@inbox.example>: user unknown',
    messageId = '<job-1@shop.example>',
    original = [],
  } = facts;
  return [
    'From: Mail Delivery System <mailer-daemon@mx.inbox.example>',
    'To: <b@bounces.shop.example>',
    'Subject: Undelivered Mail Returned to Sender',
    'Auto-Submitted: auto-replied',
    'MIME-Version: 1.0',
    'Content-Type: multipart/report; report-type=delivery-status; boundary="=-1"',
    '',
    '--=-1',
    'Content-Type: text/plain; charset=us-ascii',
    '',
    'Your message could not be delivered.',
    '',
    '--=-1',
    'Content-Type: message/delivery-status',
    '',
    'Reporting-MTA: dns; mx.inbox.example',
    '',
    `Final-Recipient: rfc822; ${recipient}`,
    `Action: ${action}`,
    `Status: ${status}`,
    `Diagnostic-Code: ${diagnostic}`,
    '',
    '--=-1',
    'Content-Type: text/rfc822-headers',
    '',
    'From: Shop <news@shop.example>',
    `To: ${recipient}`,
    'Subject: Your order',
    `Message-ID: ${messageId}`,
    ...original,
    '',
    '--=-1--',
    '',
  ].join('\r\n');
}

/** A complaint by RFC 5965. */
export function aComplaintMail(original: readonly string[] = [], report: readonly string[] = []): string {
  return [
    'From: <feedback@loop.example>',
    'To: <fbl@shop.example>',
    'Subject: FW: Your order',
    'MIME-Version: 1.0',
    'Content-Type: multipart/report; report-type=feedback-report; boundary="=-2"',
    '',
    '--=-2',
    'Content-Type: text/plain',
    '',
    'This is an email abuse report.',
    '',
    '--=-2',
    'Content-Type: message/feedback-report',
    '',
    'Feedback-Type: abuse',
    'User-Agent: Loop/1.0',
    'Version: 1',
    ...report,
    '',
    '--=-2',
    'Content-Type: message/rfc822',
    '',
    'From: Shop <news@shop.example>',
    'Subject: Your order',
    ...original,
    '',
    'Hello',
    '',
    '--=-2--',
    '',
  ].join('\r\n');
}

/** What a worker writes when a server has taken a mail. */
export const sentResult = (
  over: Partial<EmailJob> = {},
  facts: { source?: string; messageId?: string } = {},
): DeliveryResult => {
  const job = aJob(over);
  const messageId = facts.messageId ?? `<${job.id}@shop.example>`;
  return ending(job, 'sent', 1, NOW - 60_000, { source: facts.source ?? 'relay-1', site: 'other', messageId });
};

/** The mails that we have sent, in memory. */
export class MemorySentMails implements SentMails {
  readonly mails: SentMail[] = [];
  /** How far behind it is. */
  lagMs = 0;

  add(result: DeliveryResult): void {
    const mail = sentMailOf(result, (tenant, jobId) =>
      hash('sha256', digestInput(tenant, jobId), 'buffer').subarray(0, 16).toString('hex'),
    );
    if (mail !== null) this.mails.unshift(mail);
  }
  byJob(tenant: string, jobId: string) {
    return this.mails.find((mail) => mail.tenant === tenant && mail.jobId === jobId) ?? null;
  }
  byDigest(digest: string) {
    return this.mails.find((mail) => mail.digest === digest) ?? null;
  }
  byMessageId(messageId: string) {
    return this.mails.find((mail) => mail.messageId === messageId) ?? null;
  }
  to(folded: string) {
    return this.mails.filter(({ recipient }) => foldedAddress(recipient) === folded);
  }
  currentAt(now: number) {
    return now - this.lagMs;
  }
}

export const SENDER_ID = 'postlane';

const OWN_ROUTES: Readonly<Record<string, FeedbackRoute>> = {
  inbound: { tenant: null, sources: [], signed: false },
  unsubscribe: { tenant: null, sources: [], signed: true, ours: true },
};

/** A feedback processor over these mails and routes; its store is made anew by every incarnation. */
export const defineFeedback =
  (
    mails: SentMails,
    codec: Codec,
    routes: Readonly<Record<string, FeedbackRoute>> = {},
    names: RecipientNames = PLAIN_NAMES,
  ) =>
  () =>
    feedbackDefinition({
      mails,
      names,
      rules: {
        routeOf: (name) => OWN_ROUTES[name] ?? routes[name],
        feedbackSenderId: SENDER_ID,
      },
      providerOf: (domain) => (domain === 'google.test' ? 'google' : 'other'),
      hash: (text) => hash('sha256', text, 'buffer').subarray(0, 16),
      async openSeen(partition, restore, nextOffset) {
        const store = new MemorySeenStore();
        const from = { restore, nextOffset, windowMs: FEEDBACK_WINDOW_MS, codec };
        await restoreSeen(store, topics.feedbackSeen, partition, from);
        return store;
      },
    });
