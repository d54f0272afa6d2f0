import { TIME_MS_MAX } from '../../src/domain/time.ts';
import { DESCRIPTION_LENGTH_MAX, URL_LENGTH_MAX } from '../../src/domain/webhook-endpoint.ts';
import { WEBHOOK_EVENTS } from '../../src/domain/webhook-event.ts';
import type { JsonSchema } from '../../src/http/route.ts';

export const ENDPOINT_PARAMS: JsonSchema = {
  type: 'object',
  required: ['id'],
  properties: { id: { type: 'string', minLength: 1, maxLength: 64, description: 'The endpoint’s id.' } },
};

const GRACE_HOURS_MAX = 24 * 90;

const written = {
  url: {
    type: 'string',
    minLength: 1,
    maxLength: URL_LENGTH_MAX,
    description: 'Where events are posted: HTTPS, to a public address.',
    example: 'https://shop.example/hooks/postlane',
  },
  events: {
    type: 'array',
    maxItems: WEBHOOK_EVENTS.length,
    items: { type: 'string', enum: [...WEBHOOK_EVENTS] },
    description: 'What it is told of. Empty, the default: everything.',
  },
  description: { type: 'string', maxLength: DESCRIPTION_LENGTH_MAX, description: 'What you call it.' },
};

export const CREATE: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['url'],
  properties: written,
};
export const UPDATE: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  minProperties: 1,
  properties: written,
};

export const ROTATE: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    graceHours: {
      type: 'number',
      minimum: 0,
      maximum: GRACE_HOURS_MAX,
      description: 'How long the old secret goes on signing beside the new one. Default 24.',
    },
  },
};

const moment = (description: string): JsonSchema => ({
  description,
  anyOf: [
    { type: 'integer', minimum: 0, maximum: TIME_MS_MAX },
    { type: 'string', format: 'date-time', maxLength: 64 },
  ],
});

export const REPLAY: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['since'],
  properties: {
    since: moment('Beginning of the range: milliseconds since 1970, or RFC 3339.'),
    until: moment('End of the range, which is not in it. Default: now.'),
  },
};

const time = (description: string): JsonSchema => ({ type: ['string', 'null'], format: 'date-time', description });
const count = (description: string): JsonSchema => ({ type: 'integer', minimum: 0, description });

const replay: JsonSchema = {
  type: 'object',
  required: ['id', 'since', 'until', 'askedAt', 'done'],
  properties: {
    id: { type: 'string' },
    since: time('Beginning of its range.'),
    until: time('End of its range.'),
    askedAt: time('When it was asked for.'),
    done: { type: 'boolean', description: 'Everything in its range was delivered, or waits to be tried again.' },
  },
};

const endpoint = {
  id: { type: 'string' },
  url: { type: 'string' },
  description: { type: 'string' },
  events: { type: 'array', items: { type: 'string' } },
  state: {
    type: 'string',
    enum: ['active', 'failing', 'paused'],
    description: '`failing`: attempts fail, and are made ever more seldom. `paused`: none are made; nothing is lost.',
  },
  pause: {
    type: ['object', 'null'],
    description: 'Why it is paused; null where it is not.',
    properties: {
      reason: {
        type: 'string',
        description: '`asked for`, `dead` (it took nothing for a day) or `gone` (it answered 410).',
      },
      since: time('Since when; null where it was asked for.'),
    },
  },
  secrets: {
    type: 'array',
    items: { type: 'object', properties: { until: time('When it stops signing; null: never.') } },
    description: 'The secrets that sign now, newest first.',
  },
  createdAt: time('It is told of what was recorded since.'),
  failures: count('Attempts in a row that failed.'),
  failingSince: time('When the first of them failed.'),
  nextAttemptAt: time('It is left alone until then.'),
  waiting: count('Events that wait to be tried again.'),
  delivered: count('Events that it took.'),
  exhausted: count('Events that were given up after a day.'),
  lost: count('Results that the log no longer had when it was its turn.'),
  replays: { type: 'array', items: replay },
};

export const WEBHOOK: JsonSchema = {
  $id: 'Webhook',
  type: 'object',
  required: Object.keys(endpoint),
  properties: endpoint,
};
export const WEBHOOK_SECRET: JsonSchema = {
  $id: 'WebhookWithSecret',
  type: 'object',
  required: [...Object.keys(endpoint), 'secret'],
  properties: {
    ...endpoint,
    secret: { type: 'string', description: 'Shown this once. Events are signed with it (Standard Webhooks).' },
  },
};
export const WEBHOOK_LIST: JsonSchema = {
  $id: 'WebhookList',
  type: 'object',
  required: ['webhooks'],
  properties: { webhooks: { type: 'array', items: { $ref: 'Webhook' } } },
};
export const REPLAY_ASKED: JsonSchema = { $id: 'WebhookReplay', ...replay };

export const DELIVERIES: JsonSchema = {
  $id: 'WebhookDeliveries',
  type: 'object',
  required: ['attempts', 'waiting', 'nextRetryAt'],
  properties: {
    attempts: {
      type: 'array',
      description: 'The last attempts, newest first: up to twenty that failed and twenty that did not.',
      items: {
        type: 'object',
        required: ['eventId', 'event', 'emailId', 'at', 'attempt', 'taken', 'status', 'failure', 'durationMs'],
        properties: {
          eventId: { type: 'string', description: 'The `webhook-id`: the same at every attempt and replay.' },
          event: { type: 'string' },
          emailId: { type: 'string' },
          at: time('When it began.'),
          attempt: count('The how manieth it was.'),
          taken: { type: 'boolean' },
          status: { type: ['integer', 'null'], description: 'Status of the answer; null where there was none.' },
          failure: { type: ['string', 'null'], description: 'Why it failed; null where it did not.' },
          durationMs: count('How long it took.'),
        },
      },
    },
    waiting: count('Events that wait to be tried again.'),
    nextRetryAt: time('When the next of them is due.'),
  },
};
