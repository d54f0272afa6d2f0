import type { Attachment, EmailJob, Payload } from '../../../src/contracts/generated.ts';
import type { ComposeOptions } from '../../../src/smtp/compose.ts';

export const ACCEPTED_AT = Date.UTC(2026, 10, 24, 9, 5, 7);

export const OPTIONS: ComposeOptions = {
  feedbackSenderId: 'postlane',
  unsubscribeBaseUrl: 'https://u.postlane.example/',
};

export const payloadOf = (rest: Partial<Payload> = {}): Payload => ({
  from: 'Shop <hello@shop.example>',
  replyTo: null,
  subject: 'Your order',
  html: null,
  text: 'Hello\n',
  unsubscribeLink: null,
  oneClick: false,
  headers: [],
  attachments: [],
  mime: null,
  ...rest,
});

export const jobOf = (payload: Partial<Payload> | null = {}, rest: Partial<EmailJob> = {}): EmailJob => ({
  id: 'order-1',
  tenant: 'default',
  type: 'transactional',
  priority: 'normal',
  recipient: 'user@google.test',
  payload: payload && payloadOf(payload),
  templateId: null,
  templateVersion: null,
  mergeData: [],
  metadata: [],
  tags: [],
  campaign: null,
  sendAt: null,
  expiresAt: null,
  region: null,
  traceparent: null,
  ...rest,
});

export const attachmentOf = (rest: Partial<Attachment> = {}): Attachment => ({
  filename: 'bill.pdf',
  contentType: 'application/pdf',
  contentId: null,
  content: Buffer.from('%PDF-1.4'),
  ...rest,
});
