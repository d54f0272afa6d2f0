import { type Problem, type ProblemName, problem } from './problem.ts';

/** JSON Schema 2020-12, as OpenAPI 3.1 takes it. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** Names that a caller may give what it sends. `__proto__` means something to JavaScript, and no body may hold it. */
export const FREE_NAMES: JsonSchema = { type: 'string', minLength: 1, maxLength: 256, not: { const: '__proto__' } };

export interface HttpRequest<C> {
  /** Whom the request is made for; null on routes that are open to all. */
  readonly caller: C;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, unknown>>;
  /** Checked against the route's schema, or a stream where the route takes one. */
  readonly body: unknown;
  readonly header: (name: string) => string | undefined;
  /** Aborted when the caller has gone or the answer is overdue. */
  readonly signal: AbortSignal;
}

export interface HttpReply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** A value that becomes JSON, or a stream of bytes. Undefined: no content. */
  readonly body?: unknown;
  /** Default: application/json, or application/problem+json. */
  readonly contentType?: string;
}

/** What a route answers, per status, for the documentation. */
export interface RouteResponse {
  readonly description: string;
  readonly schema?: JsonSchema;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, JsonSchema>>;
  /** What can be asked next with what the answer says. */
  readonly links?: readonly RouteLink[];
}

/** OpenAPI's link object. */
export interface RouteLink {
  readonly operationId: string;
  /** Runtime expressions, for example `$response.body#/id`. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** Links that hand one value on under the same name to each of some operations. */
export const linksBy = (name: string, expression: string, ...operationIds: readonly string[]): readonly RouteLink[] =>
  operationIds.map((operationId) => ({ operationId, parameters: { [name]: expression } }));

export interface Route<C> {
  readonly method: 'GET' | 'POST' | 'DELETE' | 'PUT' | 'PATCH';
  /** As OpenAPI writes it, for example `/v1/emails/{id}`. */
  readonly path: string;
  readonly operationId: string;
  readonly summary: string;
  readonly description: string;
  readonly tag: string;
  /** What the caller's key must allow; null: anybody may ask. */
  readonly scope: string | null;
  readonly params?: JsonSchema;
  readonly query?: JsonSchema;
  readonly headers?: JsonSchema;
  readonly body?: RouteBody;
  readonly responses: Readonly<Record<number, RouteResponse>>;
  /** Problems that it may answer besides those that every route may. */
  readonly problems: readonly ProblemName[];
  handle(request: HttpRequest<C>): Promise<HttpReply>;
}

export interface RouteBody {
  /** Anything that is signed as it came (every media type) is given as its bytes, a `Buffer`. */
  readonly contentType: 'application/json' | 'text/csv' | '*/*';
  /** Of JSON: checked before the handler sees it. A stream is the handler's to check. */
  readonly schema: JsonSchema;
  /** What is shown as its schema where that says more than what is checked, for example of items checked one by one. */
  readonly shown?: JsonSchema;
  readonly bytesMax: number;
}

export const reply = (status: number, body?: unknown, headers: HttpReply['headers'] = {}): HttpReply => ({
  status,
  headers,
  body,
});

/** An answer that is a problem document. `retryAfterMs` becomes Retry-After, in whole seconds. */
export function problemReply(
  name: ProblemName,
  more: Readonly<Record<string, unknown>> = {},
  options: { readonly retryAfterMs?: number; readonly headers?: HttpReply['headers'] } = {},
): HttpReply {
  const document: Problem = problem(name, more);
  const { retryAfterMs } = options;
  const headers = {
    ...options.headers,
    ...(retryAfterMs === undefined ? {} : { 'retry-after': String(Math.max(1, Math.ceil(retryAfterMs / 1_000))) }),
  };
  return { status: document.status, headers, body: document, contentType: 'application/problem+json' };
}
