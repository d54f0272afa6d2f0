import { EMAIL_TYPES } from '../../src/domain/policy.ts';
import { TRAIL_STATES } from '../../src/domain/trail.ts';
import type { JsonSchema } from '../../src/http/route.ts';

export const ID_PARAMS: JsonSchema = {
  type: 'object',
  required: ['id'],
  properties: { id: { type: 'string', minLength: 1, maxLength: 256, description: 'The mail’s id.' } },
};

export const LIST_QUERY: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    recipient: { type: 'string', minLength: 1, maxLength: 320, description: 'Only mails to this address.' },
    tag: { type: 'string', minLength: 1, maxLength: 256, description: 'Only mails with this tag.' },
    campaign: { type: 'string', minLength: 1, maxLength: 128, description: 'Only mails of this campaign.' },
    state: { type: 'string', enum: [...TRAIL_STATES], description: 'Only mails in this state.' },
    limit: { type: 'integer', minimum: 1, maximum: 100, description: 'Mails of a page at most. Default 25.' },
    cursor: { type: 'string', minLength: 1, maxLength: 64, description: '`next` of the page before.' },
  },
};

const nullable = (type: string, description: string, more: JsonSchema = {}): JsonSchema => ({
  type: [type, 'null'],
  description,
  ...more,
});
const time = (description: string): JsonSchema => nullable('string', description, { format: 'date-time' });

const summary = {
  id: { type: 'string' },
  type: { type: 'string', enum: [...EMAIL_TYPES, 'unknown'] },
  recipient: { type: 'string' },
  state: {
    type: 'string',
    enum: [...TRAIL_STATES],
    description:
      '`accepted` before its first attempt, `deferred` between attempts, else how it ended. `sent`: the remote server took it.',
  },
  acceptedAt: time('When the log took it.'),
  sendAt: time('Not to be sent before.'),
  expiresAt: time('Not to be attempted after.'),
  campaign: nullable('string', 'Its campaign.'),
  tags: { type: 'array', items: { type: 'string' } },
  metadata: { type: 'object', additionalProperties: { type: 'string' } },
  waiting: {
    type: ['object', 'null'],
    description: 'What it waits for; null where it has ended.',
    properties: {
      for: {
        type: 'string',
        enum: ['send-at', 'retry', 'turn'],
        description: '`turn`: to be routed, or its turn in its lane.',
      },
      until: time('Not before.'),
      why: nullable('string', 'What made it wait, such as the server’s reply.'),
    },
  },
  cancellation: nullable('string', 'Whether it was called back.', {
    enum: ['requested', 'cancelled', 'too-late', null],
  }),
} satisfies Record<string, JsonSchema>;

const event: JsonSchema = {
  type: 'object',
  description: 'One thing that happened to the mail.',
  required: ['kind', 'at', 'attempt'],
  properties: {
    kind: { type: 'string', enum: ['attempt', 'ending', 'annotation', 'unknown'] },
    at: { type: 'string', format: 'date-time' },
    attempt: { type: 'integer', description: 'Number of the attempt, from 1. 0: nothing was attempted.' },
    ending: nullable('string', 'How it ended; set where kind is `ending`.'),
    annotation: nullable('string', 'Later news; set where kind is `annotation`.'),
    source: nullable('string', 'Source that tried.'),
    site: nullable('string', 'Provider site that was tried.'),
    smtpCode: nullable('integer', 'Reply code of the remote server.'),
    enhancedCode: nullable('string', 'Enhanced status code of the reply.'),
    reply: nullable('string', 'Text of the reply.'),
    class: nullable('string', 'Bounce class that the rules gave it.'),
    reason: nullable('string', 'Why, where no remote server said it.'),
    messageId: nullable('string', 'Message-ID of the mail.'),
    uncertain: { type: 'boolean', description: 'True where a copy may have gone out before.' },
    until: time('Not tried again before.'),
  },
};

const required = Object.keys(summary);

export const TRAIL: JsonSchema = {
  $id: 'Trail',
  type: 'object',
  required: [...required, 'events', 'eventsLeftOut'],
  properties: {
    ...summary,
    events: { type: 'array', items: event, description: 'In the order in which they happened.' },
    eventsLeftOut: { type: 'integer', description: 'Events in the middle that were too many to keep.' },
  },
};

export const TRAIL_PAGE: JsonSchema = {
  $id: 'TrailPage',
  type: 'object',
  required: ['emails', 'next'],
  properties: {
    emails: { type: 'array', items: { type: 'object', required, properties: summary } },
    next: nullable('string', 'Cursor of the page behind; null: this was the last.'),
  },
};

export const CANCELLED: JsonSchema = {
  $id: 'Cancelled',
  type: 'object',
  required: ['id', 'cancellation'],
  properties: {
    id: { type: 'string' },
    cancellation: { type: 'string', enum: ['requested', 'cancelled'] },
  },
};
