import { hash } from 'node:crypto';
import { splitDefinition } from '../../processors/split/index.ts';
import type { SplitTools } from '../../processors/split/step.ts';
import type { Feedback } from '../../src/contracts/generated.ts';
import { parseMailbox } from '../../src/domain/address.ts';
import { readMail } from '../../src/mime/read-mail.ts';
import { VerpSigner } from '../../src/smtp/verp-signer.ts';

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
