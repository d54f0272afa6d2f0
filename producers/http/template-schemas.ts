import { FIELD_LENGTH_MAX, HTML_LENGTH_MAX, TEMPLATE_HEADERS_MAX, TEXT_LENGTH_MAX } from '../../src/domain/template.ts';
import { FREE_NAMES, type JsonSchema, linksBy, type RouteResponse } from '../../src/http/route.ts';

const text = (lengthMax: number, description: string): JsonSchema => ({
  type: 'string',
  maxLength: lengthMax,
  description,
});
const nullable = (lengthMax: number, description: string): JsonSchema => ({
  type: ['string', 'null'],
  maxLength: lengthMax,
  description,
});

/** What an object must have, said beside the other things that it may have. */
export const has = (name: string): JsonSchema => ({ type: 'object', required: [name], properties: { [name]: {} } });

const ID: JsonSchema = {
  type: 'string',
  minLength: 1,
  maxLength: 128,
  pattern: '^[A-Za-z0-9][A-Za-z0-9._/-]*$',
  description: 'Name of the template: letters, digits, and . _ / -, a slash written as %2F.',
  example: 'newsletter-2026-11',
};
const VERSION_MAX = 2 ** 31 - 1;
export const VERSION: JsonSchema = { type: 'integer', minimum: 1, maximum: VERSION_MAX };

export const TEMPLATE_PARAMS: JsonSchema = { type: 'object', required: ['id'], properties: { id: ID } };

export const VERSION_QUERY: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  properties: { version: { ...VERSION, description: 'Default: the newest.' } },
};

export const DELETE_QUERY: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    purge: {
      type: 'boolean',
      description:
        'True: what the versions say is erased as well, and mails that still wait for them become dead letters.',
    },
  },
};

export const TEMPLATE_PAGE_QUERY: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    limit: { type: 'integer', minimum: 1, maximum: 1_000, description: 'Templates of a page at most. Default 100.' },
    cursor: { type: 'string', minLength: 1, maxLength: 1_024, description: '`next` of the page before.' },
  },
};

const HEADERS: JsonSchema = {
  type: 'object',
  maxProperties: TEMPLATE_HEADERS_MAX,
  propertyNames: FREE_NAMES,
  additionalProperties: { type: 'string', maxLength: FIELD_LENGTH_MAX },
  description: 'Further header fields, with placeholders; names as in a mail.',
};

/** What a template says, as it is put. */
export const TEMPLATE_PUT: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['from', 'subject'],
  anyOf: [has('html'), has('text')],
  properties: {
    from: {
      ...text(FIELD_LENGTH_MAX, 'The From header; placeholders in the display name only.'),
      example: 'The Shop <news@shop.example>',
    },
    replyTo: nullable(FIELD_LENGTH_MAX, 'The Reply-To header: one mailbox, with placeholders.'),
    subject: { ...text(FIELD_LENGTH_MAX, 'The Subject header, with placeholders.'), example: 'News for {{ name }}' },
    html: {
      ...nullable(HTML_LENGTH_MAX, 'The text/html part, with placeholders; values are escaped.'),
      example: '<p>Dear {{ name }}</p>',
    },
    text: nullable(TEXT_LENGTH_MAX, 'The text/plain part, with placeholders. Left out: derived from html.'),
    unsubscribeLink: nullable(
      FIELD_LENGTH_MAX,
      'URI for List-Unsubscribe and for {{ unsubscribe_url }}, with placeholders.',
    ),
    oneClick: { type: 'boolean', description: 'True: unsubscribeLink takes the POST of RFC 8058.' },
    headers: HEADERS,
  },
};

const ABOUT: Readonly<Record<string, JsonSchema>> = {
  id: { type: 'string' },
  version: VERSION,
  at: { type: 'string', format: 'date-time', description: 'When this version was put.' },
  who: { type: 'string', description: 'Key or person that put it.' },
  subject: { type: 'string' },
};

export const TEMPLATE_SUMMARY: JsonSchema = {
  $id: 'TemplateSummary',
  type: 'object',
  required: Object.keys(ABOUT),
  properties: ABOUT,
};

export const TEMPLATE: JsonSchema = {
  $id: 'Template',
  type: 'object',
  description: 'A version of a template.',
  required: [
    ...Object.keys(ABOUT),
    'from',
    'replyTo',
    'html',
    'text',
    'unsubscribeLink',
    'oneClick',
    'headers',
    'variables',
  ],
  properties: {
    ...ABOUT,
    from: { type: 'string' },
    replyTo: { type: ['string', 'null'] },
    html: { type: ['string', 'null'] },
    text: { type: ['string', 'null'], description: 'Null: derived from html.' },
    unsubscribeLink: { type: ['string', 'null'] },
    oneClick: { type: 'boolean' },
    headers: { type: 'object', additionalProperties: { type: 'string' } },
    variables: {
      type: 'array',
      items: { type: 'string' },
      description: 'Names that it looks up: in merge data, but for recipient, unsubscribe_url and view_url.',
    },
  },
};

export const TEMPLATE_PAGE: JsonSchema = {
  $id: 'TemplatePage',
  type: 'object',
  required: ['templates', 'next'],
  properties: {
    templates: { type: 'array', items: { $ref: 'TemplateSummary' } },
    next: { type: ['string', 'null'], description: 'Cursor of the next page; null: this is the last one.' },
  },
};

export const TEMPLATE_CHANGED: JsonSchema = {
  $id: 'TemplateChanged',
  type: 'object',
  required: ['id', 'version', 'changed', 'variables'],
  properties: {
    id: { type: 'string' },
    version: VERSION,
    changed: { type: 'boolean', description: 'False: the newest version says the same, so none was made.' },
    variables: { type: 'array', items: { type: 'string' } },
  },
};

export const CHANGED_ANSWER: RouteResponse = {
  description: 'The version that says so.',
  schema: { $ref: 'TemplateChanged' },
  links: linksBy('id', '$response.body#/id', 'getTemplate', 'listTemplateVersions', 'renderTemplate', 'deleteTemplate'),
};

export const TEMPLATE_DELETED: JsonSchema = {
  $id: 'TemplateDeleted',
  type: 'object',
  required: ['id', 'deleted'],
  properties: { id: { type: 'string' }, deleted: { type: 'boolean' } },
};

export const MERGE_DATA: JsonSchema = {
  type: 'object',
  maxProperties: 100,
  propertyNames: FREE_NAMES,
  additionalProperties: { type: 'string', maxLength: 65_536 },
  description: 'Values for the template’s placeholders. `order.city` is the name `city` in `order`.',
};

export const RENDER: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    version: { ...VERSION, description: 'Default: the newest.' },
    recipient: { type: 'string', minLength: 1, maxLength: 320, example: 'ada@inbox.example' },
    mergeData: MERGE_DATA,
  },
};

export const RENDERED: JsonSchema = {
  $id: 'RenderedTemplate',
  type: 'object',
  required: ['id', 'version', 'from', 'replyTo', 'subject', 'html', 'text', 'unsubscribeLink', 'headers'],
  properties: {
    id: { type: 'string' },
    version: VERSION,
    from: { type: 'string' },
    replyTo: { type: ['string', 'null'] },
    subject: { type: 'string' },
    html: { type: ['string', 'null'] },
    text: { type: 'string' },
    unsubscribeLink: { type: ['string', 'null'] },
    headers: {
      type: 'array',
      items: { type: 'object', properties: { name: { type: 'string' }, value: { type: 'string' } } },
    },
  },
};

export const TEMPLATE_SCHEMAS: readonly JsonSchema[] = [
  TEMPLATE_SUMMARY,
  TEMPLATE,
  TEMPLATE_PAGE,
  TEMPLATE_CHANGED,
  TEMPLATE_DELETED,
  RENDERED,
];
