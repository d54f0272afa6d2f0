import { PROBLEMS, type ProblemName, problemType } from './problem.ts';
import type { JsonSchema, Route, RouteResponse } from './route.ts';

export interface OpenApiOptions {
  readonly title: string;
  readonly description: string;
  readonly version: string;
  /** Schemas that others refer to by `$ref: '<$id>'`. */
  readonly shared: readonly JsonSchema[];
  /** Shown in place of the shared ones of the same `$id`, where they say more than what is checked. */
  readonly shown?: readonly JsonSchema[];
}

/** What every route may answer, and which ones are added by what a route takes. */
const OF_ALL: readonly ProblemName[] = [
  'malformed-request',
  'request-timeout',
  'uri-too-long',
  'headers-too-large',
  'internal',
  'overloaded',
  'stopping',
];
const OF_KEYS: readonly ProblemName[] = ['unauthorized', 'scope-missing', 'rate-limited', 'not-current'];
const OF_BODIES: readonly ProblemName[] = [
  'malformed-body',
  'body-too-large',
  'media-type-unsupported',
  'invalid-field',
];

export const PROBLEM_SCHEMA: JsonSchema = {
  $id: 'Problem',
  type: 'object',
  description: 'A problem document (RFC 9457).',
  required: ['type', 'title', 'status'],
  properties: {
    type: { type: 'string', description: 'Stable: what programs act on.', example: problemType('invalid-field') },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string', description: 'What is wrong with this request, for people.' },
    field: {
      type: 'string',
      description: 'JSON pointer (RFC 6901) to the field that is wrong.',
      example: '/recipient',
    },
  },
};

/** The OpenAPI 3.1 document of some routes, from the schemas by which they judge. */
export function openApiDocument<C>(routes: readonly Route<C>[], options: OpenApiOptions): JsonSchema {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const path = paths[route.path] ?? {};
    paths[route.path] = path;
    path[route.method.toLowerCase()] = operation(route);
  }
  const { title, description, version, shared, shown = [] } = options;
  return {
    openapi: '3.1.0',
    info: { title, description, version },
    servers: [{ url: '/' }],
    tags: [...new Set(routes.map(({ tag }) => tag))].map((name) => ({ name })),
    components: {
      securitySchemes: { apiKey: { type: 'http', scheme: 'bearer', description: 'A key of `postlane keys create`.' } },
      schemas: Object.fromEntries(
        [...shared, ...shown, PROBLEM_SCHEMA].map(({ $id, ...schema }) => [$id, referring(schema)]),
      ),
    },
    paths,
  };
}

function operation<C>(route: Route<C>): JsonSchema {
  const { params, query, headers, body, scope } = route;
  return {
    operationId: route.operationId,
    summary: route.summary,
    description: scope === null ? route.description : `${route.description}\n\nScope: \`${scope}\`.`,
    tags: [route.tag],
    security: scope === null ? [] : [{ apiKey: [] }],
    parameters: [...parameters('path', params), ...parameters('query', query), ...parameters('header', headers)],
    ...(body && {
      requestBody: {
        required: true,
        content: { [body.contentType]: { schema: referring(body.shown ?? body.schema) } },
      },
    }),
    responses: responses(route.responses, problemsOf(route)),
  };
}

function parameters(where: string, schema: JsonSchema | undefined): readonly JsonSchema[] {
  const properties = (schema?.properties ?? {}) as Readonly<Record<string, JsonSchema>>;
  const required = (schema?.required ?? []) as readonly string[];
  return Object.entries(properties).map(([name, { description, ...own }]) => ({
    name,
    in: where,
    required: where === 'path' || required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema: referring(own),
  }));
}

const problemsOf = <C>({ scope, body, query, params, headers, problems }: Route<C>): readonly ProblemName[] => [
  ...OF_ALL,
  ...(scope === null ? [] : OF_KEYS),
  ...(body === undefined ? [] : OF_BODIES),
  ...(query === undefined && params === undefined && headers === undefined ? [] : (['invalid-field'] as const)),
  ...problems,
];

function responses(
  own: Readonly<Record<number, RouteResponse>>,
  problems: readonly ProblemName[],
): Readonly<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  for (const [status, { description, schema, contentType = 'application/json', headers, links }] of Object.entries(
    own,
  )) {
    found[status] = {
      description,
      ...(headers && { headers: mapped(headers, (each) => ({ schema: referring(each) })) }),
      ...(schema && { content: { [contentType]: { schema: referring(schema) } } }),
      ...(links && { links: Object.fromEntries(links.map((link) => [link.operationId, link])) }),
    };
  }
  // One response per status; several types may share one.
  const byStatus = Map.groupBy(new Set(problems), (name) => PROBLEMS[name].status);
  for (const [status, names] of byStatus) {
    const description = names.map((name) => `\`${problemType(name)}\`: ${PROBLEMS[name].title}.`).join(' ');
    const retried = status === 429 || status === 503;
    found[status] = {
      description,
      ...(retried && { headers: { 'Retry-After': { schema: { type: 'string' }, description: 'Seconds.' } } }),
      content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
    };
  }
  return found;
}

const mapped = <V, W>(values: Readonly<Record<string, V>>, change: (value: V) => W): Record<string, W> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]));

/** A schema whose references lead into the document. */
function referring(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(referring);
  if (typeof schema !== 'object' || schema === null) return schema;
  return Object.fromEntries(
    Object.entries(schema).map(([name, value]) =>
      name === '$ref' && typeof value === 'string' && !value.startsWith('#')
        ? [name, `#/components/schemas/${value}`]
        : [name, referring(value)],
    ),
  );
}
