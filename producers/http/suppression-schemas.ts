import { EMAIL_TYPES } from '../../src/domain/policy.ts';
import type { JsonSchema } from '../../src/http/route.ts';

export const ADDRESSES_MAX = 1_000;

export const ADDRESS_PARAMS: JsonSchema = {
  type: 'object',
  required: ['address'],
  properties: { address: { type: 'string', minLength: 1, maxLength: 320, description: 'Address of a recipient.' } },
};

const why: JsonSchema = { type: 'string', maxLength: 500, description: 'Reason, kept with the evidence.' };

export const WHY_QUERY: JsonSchema = { type: 'object', additionalProperties: false, properties: { why } };

export const PAGE_QUERY: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    limit: { type: 'integer', minimum: 1, maximum: 1_000, description: 'Addresses of a page at most. Default 100.' },
    cursor: { type: 'string', minLength: 1, maxLength: 1_024, description: '`next` of the page before.' },
  },
};

export const ADD: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['addresses'],
  properties: {
    addresses: {
      type: 'array',
      minItems: 1,
      maxItems: ADDRESSES_MAX,
      items: { type: 'string', maxLength: 320, example: 'ada@inbox.example' },
    },
    why,
  },
};

const nullableTime: JsonSchema = { type: ['string', 'null'], format: 'date-time' };

const entry: JsonSchema = {
  type: 'object',
  required: ['list', 'active', 'severity', 'since', 'until', 'type', 'evidence'],
  properties: {
    list: { type: 'string', enum: ['tenant', 'installation'], description: 'Whose list it is on.' },
    active: { type: 'boolean', description: 'Whether it keeps mail from the address.' },
    severity: { type: 'string', description: 'The strongest ground for it.' },
    since: nullableTime,
    until: nullableTime,
    type: {
      type: ['string', 'null'],
      enum: [...EMAIL_TYPES, 'unknown', null],
      description: 'Type of mail that it holds for; null: all.',
    },
    evidence: {
      type: 'array',
      description: 'The events behind it, strongest first; of the installation’s list only for keys that may read it.',
      items: {
        type: 'object',
        properties: {
          kind: { type: 'string' },
          at: { type: 'string', format: 'date-time' },
          class: { type: ['string', 'null'] },
          who: { type: ['string', 'null'] },
          why: { type: ['string', 'null'] },
        },
      },
    },
  },
};

export const SUPPRESSION: JsonSchema = {
  $id: 'Suppression',
  type: 'object',
  required: ['address', 'suppressed', 'entries'],
  properties: {
    address: {
      type: 'string',
      description: 'In lower case. In lists, `h1:…` where recipients are kept as keyed hashes.',
    },
    suppressed: { type: 'boolean', description: 'Whether mail of some type is kept from the address.' },
    entries: { type: 'array', items: entry },
  },
};

export const SUPPRESSION_PAGE: JsonSchema = {
  $id: 'SuppressionPage',
  type: 'object',
  required: ['suppressions', 'next'],
  properties: {
    suppressions: { type: 'array', items: { $ref: 'Suppression' } },
    next: { type: ['string', 'null'], description: 'Cursor of the page behind; null: this was the last.' },
  },
};

export const CHANGED: JsonSchema = {
  $id: 'SuppressionsChanged',
  type: 'object',
  required: ['recorded'],
  properties: { recorded: { type: 'integer', description: 'Addresses whose change is in the log.' } },
};

export const IMPORTED: JsonSchema = {
  $id: 'SuppressionsImported',
  type: 'object',
  required: ['recorded', 'refused', 'errors'],
  properties: {
    recorded: { type: 'integer' },
    refused: { type: 'integer' },
    errors: {
      type: 'array',
      description: 'The first hundred lines that were refused.',
      items: { type: 'object', properties: { line: { type: 'integer' }, detail: { type: 'string' } } },
    },
  },
};

export const CSV_IN: JsonSchema = {
  type: 'string',
  description:
    'A list with a line of column names, as Amazon SES, SendGrid, Mailgun, Postmark or an export of ours has it; or one address per line, and a reason behind it if you like.',
};
export const CSV_OUT: JsonSchema = {
  type: 'string',
  description: 'Lines of address, severity, since, until, tenant, type, reason.',
};
