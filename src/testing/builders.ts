import type { Attachment, EmailJob, Evidence, NameValue, Payload } from '../contracts/generated.ts';

/** A payload that passes every check; override what a test is about. */
export const aPayload = (over: Partial<Payload> = {}): Payload => ({
  from: 'Shop <news@shop.example>',
  replyTo: null,
  subject: 'Your order',
  html: '<p>Thank you.</p>',
  text: null,
  unsubscribeLink: null,
  oneClick: false,
  headers: [],
  attachments: [],
  mime: null,
  ...over,
});

/** A transactional job that passes every check; override what a test is about. */
export const aJob = (over: Partial<EmailJob> = {}): EmailJob => ({
  id: 'job-1',
  tenant: 'default',
  type: 'transactional',
  priority: 'normal',
  recipient: 'ada@inbox.example',
  payload: aPayload(),
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
  ...over,
});

export const aHeader = (name: string, value: string): NameValue => ({ name, value });

export const anAttachment = (over: Partial<Attachment> = {}): Attachment => ({
  filename: 'invoice.pdf',
  contentType: 'application/pdf',
  contentId: null,
  content: Buffer.from('%PDF-1.7'),
  ...over,
});

/** A manual suppression for everyone, unless told otherwise. */
export const anEvidence = (over: Partial<Evidence> = {}): Evidence => ({
  eventId: 'e1',
  kind: 'suppression_added',
  at: 1,
  class: null,
  ruleVersion: null,
  severity: 'manual',
  binds: true,
  until: null,
  tenant: null,
  type: null,
  who: null,
  why: null,
  ...over,
});
