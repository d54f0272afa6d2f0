import type { NameValue, Template } from '../../src/contracts/generated.ts';
import { addressOf, type NamedMailbox } from '../../src/domain/address.ts';
import type { Caller } from '../../src/domain/api-key.ts';
import { isPostlaneError } from '../../src/domain/error.ts';
import { isTemplateId, type TemplateContent, type TemplateFault } from '../../src/domain/template.ts';
import { SECOND_MS } from '../../src/domain/time.ts';
import type { PutResult } from '../../src/host/templates.ts';
import { type HttpReply, type HttpRequest, problemReply, type Route, reply } from '../../src/http/route.ts';
import { compileTemplate, joinPieces, type OwnLinks, ownValuesOf, renderTemplate } from '../../src/templates/index.ts';
import { mergeDetailOf, mergeFieldOf, pointer } from './pointer.ts';
import * as schemas from './template-schemas.ts';

/** The table of templates, as routes use it: `src/host/templates.ts` is one. */
export interface TemplateRows {
  row(tenant: string, templateId: string, version: number | null): Template | undefined;
  list(tenant: string): readonly Template[];
  versions(tenant: string, templateId: string): readonly Template[];
  put(tenant: string, templateId: string, content: TemplateContent, who: string): Promise<PutResult>;
  delete(tenant: string, templateId: string, who: string, purge: boolean): Promise<boolean>;
  /** Settles when everything is known that was put before the call; false where that takes too long. */
  caughtUp(): Promise<boolean>;
}

export interface TemplateParts {
  readonly templates: TemplateRows;
  readonly links: OwnLinks;
}

const PAGE_DEFAULT = 100;
const UNAVAILABLE_RETRY_MS = 2 * SECOND_MS;
/** Whatever fits the schema, also where every character of it is escaped. */
const BODY_BYTES_MAX = 5_500_000;
const RENDER_BYTES_MAX = 1_000_000;
const TAG = 'templates';
/** Stands for a recipient where a rendering names none. */
const RECIPIENT_SHOWN = 'recipient@example.com';

/** What many mails have in common. */
export const templateRoutes = (parts: TemplateParts): readonly Route<Caller>[] => [
  listRoute(parts),
  putRoute(parts),
  getRoute(parts),
  versionsRoute(parts),
  renderRoute(parts),
  deleteRoute(parts),
];

const notFound = (): HttpReply => problemReply('not-found', { detail: 'there is no such template or version' });

const unavailable = (): HttpReply => problemReply('unavailable', {}, { retryAfterMs: UNAVAILABLE_RETRY_MS });

/** A row, once it is sure that there is none that this view has not read yet. */
async function rowOf({ templates }: TemplateParts, { caller, params }: HttpRequest<Caller>, version: number | null) {
  const find = () => templates.row(caller.tenant, params.id as string, version);
  return find() ?? ((await templates.caughtUp()) ? find() : null);
}

const missing = (row: undefined | null): HttpReply =>
  row === undefined
    ? notFound()
    : problemReply(
        'not-current',
        { detail: 'templates are not known to be current' },
        { retryAfterMs: UNAVAILABLE_RETRY_MS },
      );

const pairs = (headers: Readonly<Record<string, string>> = {}): NameValue[] =>
  Object.entries(headers).map(([name, value]) => ({ name, value }));

const about = ({ templateId, version, at, who, subject }: Template) => ({
  id: templateId,
  version,
  at: new Date(at).toISOString(),
  who,
  subject,
});

/** Names that a template looks up; none where it is one that this program cannot read any more. */
function variablesOf(content: TemplateContent): readonly string[] {
  const compiled = compileTemplate(content);
  return compiled.ok ? compiled.template.variables : [];
}

const shown = (row: Template) => ({
  ...about(row),
  from: row.from,
  replyTo: row.replyTo,
  html: row.html,
  text: row.text,
  unsubscribeLink: row.unsubscribeLink,
  oneClick: row.oneClick,
  headers: Object.fromEntries(row.headers.map(({ name, value }) => [name, value])),
  variables: variablesOf(row),
});

const listRoute = ({ templates }: TemplateParts): Route<Caller> => ({
  method: 'GET',
  path: '/v1/templates',
  operationId: 'listTemplates',
  summary: 'The templates that there are',
  description: 'The newest version of every template of the key’s tenant, by id.',
  tag: TAG,
  scope: 'templates:read',
  query: schemas.TEMPLATE_PAGE_QUERY,
  responses: { 200: { description: 'A page of templates.', schema: { $ref: 'TemplatePage' } } },
  problems: [],
  async handle({ caller, query }) {
    const { limit = PAGE_DEFAULT, cursor } = query as { readonly limit?: number; readonly cursor?: string };
    const after = cursor === undefined ? '' : Buffer.from(cursor, 'base64url').toString('utf8');
    const rest = templates.list(caller.tenant).filter(({ templateId }) => templateId > after);
    const page = rest.slice(0, limit);
    const last = page.at(-1)?.templateId;
    const next = rest.length > page.length && last !== undefined ? Buffer.from(last).toString('base64url') : null;
    return reply(200, { templates: page.map(about), next });
  },
});

/** Where a template is wrong, as a JSON pointer into what was put. */
const fieldOf = ({ field }: TemplateFault): string => {
  const dot = field.indexOf('.');
  return dot < 0 ? `/${field}` : `/${field.slice(0, dot)}/${pointer(field.slice(dot + 1))}`;
};

const putRoute = ({ templates }: TemplateParts): Route<Caller> => ({
  method: 'PUT',
  path: '/v1/templates/{id}',
  operationId: 'putTemplate',
  summary: 'Put a template, or a new version of it',
  description:
    'Reads the template and refuses what could not be rendered safely. What says the same as the newest version makes no ' +
    'new one. Answers when all in-sync replicas have it; a mail that is handed in afterwards can name the version.',
  tag: TAG,
  scope: 'templates:write',
  params: schemas.TEMPLATE_PARAMS,
  body: { contentType: 'application/json', schema: schemas.TEMPLATE_PUT, bytesMax: BODY_BYTES_MAX },
  responses: { 200: schemas.CHANGED_ANSWER },
  problems: ['limit-reached', 'unavailable'],
  async handle({ caller, params, body }) {
    const id = params.id as string;
    if (!isTemplateId(id)) return problemReply('invalid-field', { field: '/id', detail: 'is no name of a template' });
    const given = body as Partial<Omit<TemplateContent, 'headers'>> & { readonly headers?: Record<string, string> };
    const content: TemplateContent = {
      from: given.from ?? '',
      replyTo: given.replyTo ?? null,
      subject: given.subject ?? '',
      html: given.html ?? null,
      text: given.text ?? null,
      unsubscribeLink: given.unsubscribeLink ?? null,
      oneClick: given.oneClick ?? false,
      headers: pairs(given.headers),
    };
    try {
      const result = await templates.put(caller.tenant, id, content, caller.keyId);
      if (result.kind === 'refused') {
        const { problem, detail } = result.fault;
        return problemReply('invalid-field', { field: fieldOf(result.fault), detail, problem });
      }
      if (result.kind === 'full') return problemReply('limit-reached', { detail: result.detail });
      const { row } = result;
      return reply(200, { id, version: row.version, changed: result.kind === 'put', variables: variablesOf(row) });
    } catch (error) {
      if (isPostlaneError(error, 'KAFKA_UNAVAILABLE')) return unavailable();
      throw error;
    }
  },
});

const getRoute = (parts: TemplateParts): Route<Caller> => ({
  method: 'GET',
  path: '/v1/templates/{id}',
  operationId: 'getTemplate',
  summary: 'What a template says',
  description: 'A version of a template, the newest where none is named.',
  tag: TAG,
  scope: 'templates:read',
  params: schemas.TEMPLATE_PARAMS,
  query: schemas.VERSION_QUERY,
  responses: { 200: { description: 'The version.', schema: { $ref: 'Template' } } },
  problems: ['not-found'],
  async handle(request) {
    const { version = null } = request.query as { readonly version?: number };
    const row = await rowOf(parts, request, version);
    return row ? reply(200, shown(row)) : missing(row);
  },
});

const versionsRoute = (parts: TemplateParts): Route<Caller> => ({
  method: 'GET',
  path: '/v1/templates/{id}/versions',
  operationId: 'listTemplateVersions',
  summary: 'The versions of a template',
  description: 'Newest first.',
  tag: TAG,
  scope: 'templates:read',
  params: schemas.TEMPLATE_PARAMS,
  responses: { 200: { description: 'All of them.', schema: { $ref: 'TemplatePage' } } },
  problems: ['not-found'],
  async handle(request) {
    const row = await rowOf(parts, request, null);
    if (!row) return missing(row);
    const versions = parts.templates.versions(request.caller.tenant, request.params.id as string);
    return reply(200, { templates: versions.map(about), next: null });
  },
});

const named = ({ name, mailbox }: NamedMailbox): string =>
  name === '' ? addressOf(mailbox) : `"${name.replace(/["\\]/g, '\\$&')}" <${addressOf(mailbox)}>`;

const renderRoute = (parts: TemplateParts): Route<Caller> => ({
  method: 'POST',
  path: '/v1/templates/{id}/render',
  operationId: 'renderTemplate',
  summary: 'What a mail of a template would say',
  description:
    'Fills a version with sample data as for sending, and sends nothing. A variable that is missing is an error.',
  tag: TAG,
  scope: 'templates:read',
  params: schemas.TEMPLATE_PARAMS,
  body: { contentType: 'application/json', schema: schemas.RENDER, bytesMax: RENDER_BYTES_MAX },
  responses: { 200: { description: 'The mail.', schema: { $ref: 'RenderedTemplate' } } },
  problems: ['not-found'],
  async handle(request) {
    const given = request.body as {
      readonly version?: number;
      readonly recipient?: string;
      readonly mergeData?: Readonly<Record<string, string>>;
    };
    const row = await rowOf(parts, request, given.version ?? null);
    if (!row) return missing(row);
    const compiled = compileTemplate(row);
    if (!compiled.ok) {
      return problemReply('invalid-field', {
        field: '/version',
        detail: compiled.fault.detail,
        problem: 'template-broken',
      });
    }
    const mergeData = pairs(given.mergeData);
    const own = ownValuesOf(
      {
        id: 'sample',
        tenant: request.caller.tenant,
        type: 'marketing',
        recipient: given.recipient ?? RECIPIENT_SHOWN,
        templateId: row.templateId,
        templateVersion: row.version,
        mergeData,
      },
      parts.links,
    );
    const rendered = renderTemplate(compiled.template, mergeData, own);
    if (!rendered.ok) {
      const { fault } = rendered;
      const { problem } = fault;
      return problemReply('invalid-field', { field: mergeFieldOf(fault), detail: mergeDetailOf(fault), problem });
    }
    const { from, replyTo, subject, html, text, unsubscribeLink, headers } = rendered.mail;
    return reply(200, {
      id: row.templateId,
      version: row.version,
      from: named(from),
      replyTo: replyTo === null ? null : named(replyTo),
      subject,
      html: html === null ? null : joinPieces(html),
      text: joinPieces(text),
      unsubscribeLink,
      headers,
    });
  },
});

const deleteRoute = (parts: TemplateParts): Route<Caller> => ({
  method: 'DELETE',
  path: '/v1/templates/{id}',
  operationId: 'deleteTemplate',
  summary: 'Delete a template',
  description:
    'No mail is accepted for it any more. Mails that were accepted before are still made of it, unless it is purged.',
  tag: TAG,
  scope: 'templates:write',
  params: schemas.TEMPLATE_PARAMS,
  query: schemas.DELETE_QUERY,
  responses: { 200: { description: 'It is deleted.', schema: { $ref: 'TemplateDeleted' } } },
  problems: ['not-found', 'unavailable'],
  async handle({ caller, params, query }) {
    const id = params.id as string;
    const { purge = false } = query as { readonly purge?: boolean };
    try {
      if (!(await parts.templates.caughtUp())) return unavailable();
      const deleted = await parts.templates.delete(caller.tenant, id, caller.keyId, purge);
      return deleted ? reply(200, { id, deleted }) : notFound();
    } catch (error) {
      if (isPostlaneError(error, 'KAFKA_UNAVAILABLE')) return unavailable();
      throw error;
    }
  },
});
