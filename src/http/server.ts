import { Readable } from 'node:stream';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { PostlaneError } from '../domain/error.ts';
import type { Clock, Stoppable, Telemetry } from '../runtime/ports.ts';
import { Admission, type AdmissionBounds } from './admission.ts';
import { docsFile } from './docs-page.ts';
import { type OpenApiOptions, openApiDocument } from './openapi.ts';
import type { ProblemName } from './problem.ts';
import { type HttpReply, problemReply, type Route } from './route.ts';
import { type Validate, Validation } from './validation.ts';

/** What a caller's credentials are worth: the caller, or the answer that refuses it. */
export type Authorized<C> =
  | { readonly ok: true; readonly caller: C }
  | { readonly ok: false; readonly reply: HttpReply };

export interface HttpServerOptions<C> {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly routes: readonly Route<C>[];
  readonly document: OpenApiOptions;
  /** Asked before a body is read, so that who may do nothing can send nothing. */
  authorize(authorization: string | undefined, scope: string): Promise<Authorized<C>>;
  readonly admission: AdmissionBounds;
  /** An answer that takes longer is given up. Streams have their own bounds. */
  readonly answerMsMax: number;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
}

/** A request must have arrived whole by then. */
const REQUEST_TIMEOUT_MS = 120_000;
const IDLE_MS = 65_000;
const CONNECTIONS_MAX = 4_096;
/** Of one part of a path: an id has at most 256 characters, of up to four bytes, each written as three. */
const PARAM_LENGTH_MAX = 3_200;
/** A body where none is taken is read and passed over. */
const NO_BODY_BYTES_MAX = 1_024;
const OVERLOADED_RETRY_MS = 1_000;
const DRAIN_MS = 10_000;

const PATHS = { document: '/v1/openapi.json', docs: '/v1/docs' } as const;

/** Of a body: fastify tells the two no further apart. */
const UNREADABLE = 'it cannot be read as JSON, or something in it has the name __proto__';

/** A server of JSON routes: problem documents, bounds on everything, an OpenAPI document and a page to try it out. */
export class HttpServer<C> implements Stoppable {
  private readonly options: HttpServerOptions<C>;
  private readonly server: FastifyInstance;
  private readonly admission: Admission;
  private stopping: Promise<void> | null = null;
  /** Where it listens, for example `http://127.0.0.1:8025`. */
  url = '';

  private constructor(options: HttpServerOptions<C>) {
    this.options = options;
    this.admission = new Admission(options.admission);
    this.server = fastify({
      requestTimeout: REQUEST_TIMEOUT_MS,
      connectionTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: IDLE_MS,
      forceCloseConnections: 'idle',
      return503OnClosing: false,
      onProtoPoisoning: 'error',
      onConstructorPoisoning: 'error',
      exposeHeadRoutes: false,
      routerOptions: { maxParamLength: PARAM_LENGTH_MAX, onBadUrl: (_, __, reply) => this.badUrl(reply) },
      // Bodies are judged by our own validators, and answers are written as they are.
      frameworkErrors: (_, __, reply) => {
        void this.answer(reply, problemReply('malformed-request'));
      },
      clientErrorHandler: (error, socket) => {
        if (socket.destroyed) return;
        const answer = problemReply(clientProblem(error.code));
        const body = JSON.stringify(answer.body);
        socket.end(
          `HTTP/1.1 ${answer.status} ${(answer.body as { title: string }).title}\r\ncontent-type: application/problem+json\r\n` +
            `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
        );
      },
    });
    this.server.server.maxConnections = CONNECTIONS_MAX;
  }

  /** Listens. Throws INFRA_UNAVAILABLE where the port is taken. */
  static async start<C>(options: HttpServerOptions<C>): Promise<HttpServer<C>> {
    const server = new HttpServer(options);
    server.prepare();
    const { host, port } = options;
    try {
      server.url = await server.server.listen({ host, port });
      return server;
    } catch (cause) {
      await server.server.close();
      throw new PostlaneError('INFRA_UNAVAILABLE', { what: 'the HTTP API', host, port }, { cause });
    }
  }

  /** Takes no new requests, lets those under way end, and closes. Idempotent. */
  stop({ withinMs }: { readonly withinMs: number } = { withinMs: DRAIN_MS }): Promise<void> {
    this.stopping ??= this.drain(withinMs);
    return this.stopping;
  }

  private async drain(withinMs: number): Promise<void> {
    const drained = new AbortController();
    const closing = this.server.close().finally(() => drained.abort());
    await this.options.clock.sleep(withinMs, drained.signal);
    this.server.server.closeAllConnections();
    await closing;
  }

  private prepare(): void {
    const { routes, document, telemetry } = this.options;
    const validation = new Validation(document.shared);
    this.server.removeAllContentTypeParsers();
    const parse = this.server.getDefaultJsonParser('error', 'error');
    this.server.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
      // Many clients name the type also where they send nothing; a route that needs a body says so itself.
      if (body === '') done(null, undefined);
      else void parse(request, body as string, done);
    });
    this.server.addContentTypeParser('text/csv', (_, payload, done) => done(null, payload));
    // Whatever its body is, nobody wants it.
    this.server.addHook('onRequest', async (request, reply) =>
      request.is404 ? this.answer(reply, this.notFound(request)) : undefined,
    );
    this.server.addHook('onResponse', async (request, reply) => {
      const labels = { operation: request.routeOptions.config.operationId ?? 'none', status: String(reply.statusCode) };
      telemetry.count('postlane_http_requests_total', labels);
      telemetry.observe('postlane_http_duration_ms', reply.elapsedTime, { operation: labels.operation });
    });
    this.server.setErrorHandler((error, _, reply) => this.answer(reply, this.failure(error)));
    this.server.setNotFoundHandler((request, reply) => this.answer(reply, this.notFound(request)));
    for (const route of routes) {
      if (route.body?.contentType !== '*/*') this.add(this.server, route, validation);
      else {
        void this.server.register((scope, _, done) => {
          this.addRaw(scope, route, validation);
          done();
        });
      }
    }
    this.addDocumentation(openApiDocument(routes, document), document.title);
  }

  /** A route that is given its body as it came, whatever its media type: its parsers are its own. */
  private addRaw(scope: FastifyInstance, route: Route<C>, validation: Validation): void {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_, body, done) => done(null, body));
    this.add(scope, route, validation);
  }

  private add(scope: FastifyInstance, route: Route<C>, validation: Validation): void {
    const { telemetry } = this.options;
    const checks = checksOf(route, validation);
    scope.route({
      method: route.method,
      url: route.path.replaceAll(/\{(\w+)\}/g, ':$1'),
      bodyLimit: route.body?.bytesMax ?? NO_BODY_BYTES_MAX,
      config: { operationId: route.operationId },
      onRequest: async (request, reply) => {
        const leave = this.admission.enter(bodyBytes(request, route));
        if (leave === null) {
          return this.answer(reply, problemReply('overloaded', {}, { retryAfterMs: OVERLOADED_RETRY_MS }));
        }
        reply.raw.once('close', leave);
        if (route.scope === null) return undefined;
        const authorized = await this.options.authorize(request.headers.authorization, route.scope);
        if (!authorized.ok) return this.answer(reply, authorized.reply);
        request.caller = authorized.caller;
        return undefined;
      },
      handler: async (request, reply) => {
        const fault = checks(request);
        if (fault !== null) return this.answer(reply, fault);
        const gone = new AbortController();
        // A reason of our own: without one, an exception with its stack is made for every request.
        reply.raw.once('close', () => gone.abort('closed'));
        const answer = await this.bounded(route, request, gone);
        if (answer.status === 500) telemetry.log('error', 'a request failed', { operation: route.operationId });
        return this.answer(reply, answer);
      },
    });
  }

  private async bounded(route: Route<C>, request: FastifyRequest, gone: AbortController): Promise<HttpReply> {
    const { clock, answerMsMax } = this.options;
    const handled = route.handle({
      caller: request.caller as C,
      params: request.params as Readonly<Record<string, string>>,
      query: request.query as Readonly<Record<string, unknown>>,
      body: request.body,
      header: (name) => {
        const value = request.headers[name];
        return Array.isArray(value) ? value[0] : value;
      },
      signal: gone.signal,
    });
    if (route.body?.contentType === 'text/csv') return handled;
    const done = new AbortController();
    const late = clock.sleep(answerMsMax, done.signal).then(() => null);
    try {
      const answer = await Promise.race([handled, late]);
      if (answer !== null) return answer;
      handled.catch(() => undefined);
      return problemReply('unavailable', { detail: 'it took too long' }, { retryAfterMs: OVERLOADED_RETRY_MS });
    } finally {
      done.abort('answered');
    }
  }

  private answer(reply: FastifyReply, { status, headers, body, contentType }: HttpReply): FastifyReply {
    reply.code(status).headers({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', ...headers });
    if (body === undefined) return reply.send();
    const isRaw = body instanceof Readable || Buffer.isBuffer(body) || typeof body === 'string';
    reply.type(contentType ?? 'application/json; charset=utf-8');
    return reply.send(isRaw ? body : JSON.stringify(body));
  }

  /** What fastify, or a handler, threw. */
  private failure(error: unknown): HttpReply {
    const { code, statusCode } = error as { readonly code?: string; readonly statusCode?: number };
    switch (code) {
      case 'FST_ERR_CTP_BODY_TOO_LARGE':
        return problemReply('body-too-large');
      case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
        return problemReply('media-type-unsupported');
      default:
    }
    if (statusCode === 400) return problemReply('malformed-body', { detail: UNREADABLE });
    if (statusCode !== undefined && statusCode < 500) return problemReply('malformed-request');
    this.options.telemetry.log('error', 'a request failed', { error });
    return problemReply('internal');
  }

  private notFound(request: FastifyRequest): HttpReply {
    const path = request.url.split('?', 1)[0] ?? '';
    const found = this.options.routes.filter((route) => patternOf(route.path).test(path));
    if (found.length === 0) return problemReply('not-found', { detail: 'no such path' });
    // A path that is written out is not one of those that its last part is a name in.
    const namesMin = Math.min(...found.map(namesIn));
    const allowed = found.filter((route) => namesIn(route) === namesMin).map(({ method }) => method);
    return problemReply('method-not-allowed', {}, { headers: { allow: allowed.join(', ') } });
  }

  private badUrl(reply: unknown): void {
    void this.answer(
      reply as FastifyReply,
      problemReply('malformed-request', { detail: 'the path cannot be decoded' }),
    );
  }

  private addDocumentation(document: unknown, title: string): void {
    const text = JSON.stringify(document);
    this.server.get(PATHS.document, (_, reply) =>
      this.answer(reply, { status: 200, body: text, contentType: 'application/json; charset=utf-8' }),
    );
    this.server.get(PATHS.docs, (_, reply) => reply.redirect('docs/'));
    this.server.get(`${PATHS.docs}/*`, async (request, reply) => {
      const file = await docsFile((request.params as { readonly '*': string })['*'], title);
      return this.answer(reply, file ?? problemReply('not-found'));
    });
  }
}

declare module 'fastify' {
  interface FastifyRequest {
    caller?: unknown;
  }
  interface FastifyContextConfig {
    operationId?: string;
  }
}

const namesIn = ({ path }: { readonly path: string }): number => path.split('{').length - 1;
const patternOf = (path: string): RegExp => new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`);

/** What a body may take of our memory; one that does not say how long it is may be as long as it is let. */
function bodyBytes<C>(request: FastifyRequest, route: Route<C>): number {
  if (route.body === undefined || route.body.contentType === 'text/csv') return 0;
  const declared = Number(request.headers['content-length']);
  return Number.isSafeInteger(declared) && declared >= 0
    ? Math.min(declared, route.body.bytesMax)
    : route.body.bytesMax;
}

/** Judges what fastify has read; the answer that refuses it, or null. */
function checksOf<C>(route: Route<C>, validation: Validation): (request: FastifyRequest) => HttpReply | null {
  const text = (schema: Route<C>['params']): Validate => (schema ? validation.text(schema) : () => null);
  const checks: readonly (readonly [string, Validate, (request: FastifyRequest) => unknown])[] = [
    ['path', text(route.params), ({ params }) => params],
    ['query', text(route.query), ({ query }) => query],
    ['header', text(route.headers), ({ headers }) => headers],
  ];
  const { body } = route;
  const judgeBody = body?.contentType === 'application/json' ? validation.body(body.schema) : () => null;
  return (request) => {
    for (const [where, validate, part] of checks) {
      const fault = validate(part(request));
      if (fault) return problemReply('invalid-field', { field: fault.field, detail: `${where}: ${fault.detail}` });
    }
    const fault = judgeBody(request.body);
    return fault && problemReply('invalid-field', { ...fault });
  };
}

const clientProblem = (code: string | undefined): ProblemName => {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'request-timeout';
  return code === 'HPE_HEADER_OVERFLOW' ? 'headers-too-large' : 'malformed-request';
};
