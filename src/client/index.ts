/** A client of the HTTP API for TypeScript and JavaScript: `postlane/client`. Needs nothing but `fetch`. */
import type {
  Accepted,
  BatchAnswer,
  Cancelled,
  Email,
  EmailFilter,
  ProblemDocument,
  Suppression,
  Trail,
  TrailPage,
  TrailSummary,
} from './types.ts';

export type * from './types.ts';
export * from './webhooks.ts';

export interface PostlaneClientOptions {
  /** Where the API is, for example `http://127.0.0.1:8025`. */
  readonly url: string;
  /** A key of `postlane keys create`. */
  readonly apiKey: string;
  /** Tries after the first one, where a try failed for a reason that passes. Default 5. */
  readonly retriesMax?: number;
  /** Of one try. Default 10 s. */
  readonly timeoutMs?: number;
  /** Default: the global one. */
  readonly fetch?: typeof fetch;
}

export interface SendOptions {
  /**
   * Names the request: repeated under the same name, it sends nothing twice, also from another process. Default: a random
   * one, which makes the client's own retries safe.
   */
  readonly idempotencyKey?: string;
  readonly signal?: AbortSignal;
}

/** What the API refused, with its problem document. `type` is what to act on. */
export class PostlaneApiError extends Error {
  readonly status: number;
  readonly type: string;
  readonly problem: ProblemDocument;

  constructor(problem: ProblemDocument) {
    super(
      [problem.title, problem.field, problem.detail].filter((part) => part !== undefined && part !== '').join(': '),
    );
    this.name = 'PostlaneApiError';
    this.status = problem.status;
    this.type = problem.type;
    this.problem = problem;
  }
}

const RETRIES_MAX = 5;
const TIMEOUT_MS = 10_000;
const BACKOFF_MS_MIN = 200;
const BACKOFF_MS_MAX = 10_000;
/** Longer than this a server does not make us wait: the error tells the caller instead. */
const RETRY_AFTER_MS_MAX = 30_000;
const IN_FLIGHT = 'urn:postlane:problem:idempotency-key-in-flight';

interface Call {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** Hands mails in and asks what became of them. Every call throws `PostlaneApiError` for what the API refuses. */
export class PostlaneClient {
  private readonly options: Required<PostlaneClientOptions>;

  constructor(options: PostlaneClientOptions) {
    this.options = {
      url: options.url.replace(/\/+$/, ''),
      apiKey: options.apiKey,
      retriesMax: options.retriesMax ?? RETRIES_MAX,
      timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
      fetch: options.fetch ?? fetch,
    };
  }

  /** Settles when the log has the mail on all in-sync replicas. */
  send(email: Email, options: SendOptions = {}): Promise<Accepted> {
    return this.call<Accepted>({ method: 'POST', path: '/v1/emails', body: email, ...named(options) });
  }

  /** Up to 1,000 mails; each has its own verdict. Throws where none is valid. */
  sendBatch(emails: readonly Email[], options: SendOptions = {}): Promise<BatchAnswer> {
    return this.call<BatchAnswer>({ method: 'POST', path: '/v1/emails/batch', body: { emails }, ...named(options) });
  }

  /** What became of a mail; null where there is no such mail. */
  async get(id: string): Promise<Trail | null> {
    try {
      return await this.call<Trail>({ method: 'GET', path: `/v1/emails/${encodeURIComponent(id)}` });
    } catch (error) {
      if (error instanceof PostlaneApiError && error.status === 404) return null;
      throw error;
    }
  }

  /** One page of mails, newest first. */
  list(filter: EmailFilter = {}, page: { readonly limit?: number; readonly cursor?: string } = {}): Promise<TrailPage> {
    return this.call<TrailPage>({ method: 'GET', path: '/v1/emails', query: { ...filter, ...page } });
  }

  /** All mails, newest first, page by page as they are asked for. */
  async *listAll(filter: EmailFilter = {}): AsyncGenerator<TrailSummary> {
    let cursor: string | undefined;
    do {
      const page: TrailPage = await this.list(filter, { limit: 100, cursor });
      yield* page.emails;
      cursor = page.next ?? undefined;
    } while (cursor !== undefined);
  }

  /** Calls a mail back. `requested` until that is committed; throws a `too-late` problem for a mail that has ended. */
  cancel(id: string): Promise<Cancelled> {
    return this.call<Cancelled>({ method: 'POST', path: `/v1/emails/${encodeURIComponent(id)}/cancel` });
  }

  /** Whether an address is mailed, and why not. */
  suppression(address: string): Promise<Suppression> {
    return this.call<Suppression>({ method: 'GET', path: `/v1/suppressions/${encodeURIComponent(address)}` });
  }

  /** Up to 1,000 addresses that are not to be mailed. */
  async suppress(addresses: readonly string[], why?: string): Promise<void> {
    await this.call({ method: 'POST', path: '/v1/suppressions', body: { addresses, why } });
  }

  /** Lets an address be mailed again. */
  async unsuppress(address: string, why?: string): Promise<void> {
    await this.call({ method: 'DELETE', path: `/v1/suppressions/${encodeURIComponent(address)}`, query: { why } });
  }

  private async call<T>(call: Call): Promise<T> {
    const { retriesMax } = this.options;
    for (let attempt = 0; ; attempt++) {
      const outcome = await this.attempt<T>(call);
      if (outcome.ok) return outcome.value;
      if (attempt >= retriesMax || outcome.retryAfterMs === null || call.signal?.aborted) throw outcome.error;
      await wait(Math.max(outcome.retryAfterMs, backoffMs(attempt)), call.signal);
    }
  }

  private async attempt<T>(
    call: Call,
  ): Promise<{ ok: true; value: T } | { ok: false; error: unknown; retryAfterMs: number | null }> {
    const { url, apiKey, timeoutMs } = this.options;
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      const response = await this.options.fetch(`${url}${call.path}${queryText(call.query)}`, {
        method: call.method,
        headers: {
          authorization: `Bearer ${apiKey}`,
          ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
          ...call.headers,
        },
        ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
        signal: call.signal ? AbortSignal.any([call.signal, timeout]) : timeout,
      });
      if (response.ok) return { ok: true, value: (await response.json()) as T };
      const error = new PostlaneApiError(await problemIn(response));
      return { ok: false, error, retryAfterMs: retryAfterMs(response, error.type) };
    } catch (error) {
      // No answer: it may have been taken or not, and asking again under the same key does no harm.
      return { ok: false, error, retryAfterMs: call.signal?.aborted ? null : 0 };
    }
  }
}

const named = ({ idempotencyKey, signal }: SendOptions) => ({
  headers: { 'idempotency-key': idempotencyKey ?? crypto.randomUUID() },
  signal,
});

function queryText(query: Call['query'] = {}): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) given.set(name, String(value));
  const text = given.toString();
  return text === '' ? '' : `?${text}`;
}

async function problemIn(response: Response): Promise<ProblemDocument> {
  const { status, statusText } = response;
  const unknown: ProblemDocument = { type: 'about:blank', title: statusText || `status ${status}`, status };
  try {
    return { ...unknown, ...((await response.json()) as Partial<ProblemDocument>) };
  } catch {
    return unknown; // from something in between, such as a proxy
  }
}

/** How long to leave the server alone; null where asking again changes nothing. */
function retryAfterMs(response: Response, type: string): number | null {
  const { status } = response;
  const passes = status === 429 || status === 408 || status >= 500 || type === IN_FLIGHT;
  const askedMs = Number(response.headers.get('retry-after') ?? 0) * 1_000;
  return passes && askedMs <= RETRY_AFTER_MS_MAX ? askedMs : null;
}

const backoffMs = (attempt: number): number =>
  Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** attempt) * (0.5 + Math.random() / 2);

const wait = (ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    const stop = (): void => {
      clearTimeout(timer);
      resolve();
    };
    signal?.addEventListener('abort', stop, { once: true });
  });
