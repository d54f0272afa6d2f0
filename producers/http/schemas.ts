import { EMAIL_TYPES } from '../../src/domain/policy.ts';
import { TIME_MS_MAX } from '../../src/domain/time.ts';
import { FREE_NAMES, type JsonSchema } from '../../src/http/route.ts';
import { has, MERGE_DATA, VERSION } from './template-schemas.ts';

const time = (description: string): JsonSchema => ({
  description,
  anyOf: [
    { type: 'integer', minimum: 0, maximum: TIME_MS_MAX },
    { type: 'string', format: 'date-time', maxLength: 64 },
  ],
});

const text = (lengthMax: number, description: string): JsonSchema => ({
  type: 'string',
  maxLength: lengthMax,
  description,
});

const pairs = (valueLengthMax: number, countMax: number, description: string): JsonSchema => ({
  type: 'object',
  maxProperties: countMax,
  propertyNames: FREE_NAMES,
  additionalProperties: { type: 'string', maxLength: valueLengthMax },
  description,
});

const attachment: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['filename', 'contentType', 'content'],
  properties: {
    filename: text(255, 'Name that the recipient sees; no path.'),
    contentType: text(512, 'Media type (RFC 2045 section 5.1).'),
    contentId: text(250, 'Content-ID without the angle brackets, for cid: links from the html part.'),
    content: {
      type: 'string',
      pattern: '^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$',
      contentEncoding: 'base64',
      description: 'The file’s bytes as base64 (RFC 4648 section 4). Nothing is fetched or read from anywhere.',
    },
  },
};

const payload: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['from', 'subject'],
  properties: {
    from: {
      ...text(998, 'The From header: one mailbox, with or without a display name.'),
      example: 'The Shop <orders@shop.example>',
    },
    replyTo: text(998, 'The Reply-To header: one mailbox.'),
    subject: { ...text(2_000, 'The Subject header as text. No line break.'), example: 'Your order 4711' },
    html: { type: 'string', description: 'The text/html part.' },
    text: { type: 'string', description: 'The text/plain part.', example: 'Thank you.' },
    unsubscribeLink: text(2_000, 'An https: or mailto: URI for the List-Unsubscribe header (RFC 2369).'),
    oneClick: { type: 'boolean', description: 'True: unsubscribeLink takes the POST of RFC 8058.' },
    headers: pairs(998, 50, 'Further header fields; names on the allow-list, and X-….'),
    attachments: {
      type: 'array',
      maxItems: 50,
      items: attachment,
      description: 'Files, within the limit on the whole mail.',
    },
  },
};

/** One mail to one recipient, as a caller writes it down. Its tenant is the key's, and its id comes with the answer. */
export const EMAIL: JsonSchema = {
  $id: 'Email',
  type: 'object',
  description: 'One mail to one recipient.',
  additionalProperties: false,
  required: ['type', 'recipient'],
  anyOf: [has('payload'), has('templateId')],
  properties: {
    type: {
      type: 'string',
      enum: [...EMAIL_TYPES],
      description: 'Decides the queue, the retry policy and the suppressions that apply.',
    },
    priority: {
      type: 'string',
      enum: ['low', 'normal', 'high'],
      description: 'Order among mails that wait in the same worker.',
    },
    recipient: {
      ...text(320, 'The one address that the mail goes to, without a display name.'),
      example: 'ada@inbox.example',
    },
    payload,
    templateId: {
      ...text(128, 'Template that makes the mail, in place of a payload.'),
      pattern: '^[A-Za-z0-9][A-Za-z0-9._/-]*$',
      example: 'newsletter-2026-11',
    },
    templateVersion: { ...VERSION, description: 'Version of the template. Left out: the newest, at acceptance.' },
    mergeData: MERGE_DATA,
    metadata: pairs(2_048, 100, 'Your own data; returned with every result, never sent.'),
    tags: {
      type: 'array',
      maxItems: 50,
      items: { type: 'string', minLength: 1, maxLength: 256 },
      description: 'Labels to group results by.',
    },
    campaign: text(128, 'Campaign that the mail belongs to.'),
    sendAt: time('Not to be sent before: milliseconds since 1970 or RFC 3339; at most 30 days ahead.'),
    expiresAt: time('Not to be attempted after: milliseconds since 1970 or RFC 3339.'),
    region: text(128, 'Region whose sources must send it.'),
    traceparent: text(128, 'Trace context of the request behind it (W3C Trace Context).'),
  },
};

/** What is shown of it: what the job itself is judged by, which says more clearly what is wrong, is said too. */
export const EMAIL_SHOWN: JsonSchema = {
  ...Object.fromEntries(Object.entries(EMAIL).filter(([name]) => name !== 'anyOf')),
  oneOf: EMAIL.anyOf,
  properties: {
    ...(EMAIL.properties as Readonly<Record<string, JsonSchema>>),
    payload: { ...payload, anyOf: [has('html'), has('text')] },
  },
};

const ID: JsonSchema = {
  type: 'string',
  description: 'The mail’s id.',
  example: '018f4e0e-0000-7000-8000-000000000000',
};

export const ACCEPTED: JsonSchema = {
  $id: 'Accepted',
  type: 'object',
  required: ['id', 'state'],
  properties: { id: ID, state: { type: 'string', enum: ['accepted'] } },
};

export const VERDICT: JsonSchema = {
  $id: 'Verdict',
  type: 'object',
  description:
    'What became of one mail of a batch, in the order of the request: accepted with an id, or refused with a reason.',
  required: ['state'],
  properties: {
    state: { type: 'string', enum: ['accepted', 'refused'] },
    id: ID,
    problem: { type: 'string', description: 'Why it was refused: what programs act on.' },
    field: { type: 'string', description: 'JSON pointer to the field of this mail that is wrong.' },
    detail: { type: 'string' },
  },
};

export const BATCH_MAX = 1_000;

/** What is checked of a batch as a whole; its mails are judged one by one. */
export const BATCH: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['emails'],
  properties: { emails: { type: 'array', minItems: 1, maxItems: BATCH_MAX, items: {} } },
};

export const BATCH_SHOWN: JsonSchema = {
  ...BATCH,
  properties: { emails: { type: 'array', minItems: 1, maxItems: BATCH_MAX, items: { $ref: 'Email' } } },
};

export const BATCH_ANSWER: JsonSchema = {
  $id: 'BatchAnswer',
  type: 'object',
  required: ['accepted', 'refused', 'emails'],
  properties: {
    accepted: { type: 'integer' },
    refused: { type: 'integer' },
    emails: { type: 'array', items: { $ref: 'Verdict' } },
  },
};

/** A name that the caller gives a request, so that repeating it does nothing twice. */
export const IDEMPOTENCY_HEADER: JsonSchema = {
  type: 'object',
  properties: {
    'idempotency-key': {
      type: 'string',
      minLength: 1,
      maxLength: 256,
      pattern: '^[\\x20-\\x7e]+$',
      description:
        'Names the request, so that it can be repeated safely: the same key and content get the same answer, and send nothing ' +
        'twice. Remembered for 24 hours; the ids of the mails follow from it, so that nothing is sent twice within seven days ' +
        'even where it is forgotten.',
    },
  },
};
