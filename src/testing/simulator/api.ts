import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import path from 'node:path';
import { isPostlaneError } from '../../domain/error.ts';
import { packageRoot } from '../../infra/package-root.ts';
import type { Journal } from './journal.ts';
import { JournalFollower } from './journal-follower.ts';
import type { JournalSummary, SimulatorStats } from './report.ts';
import type { SiteBehaviour } from './site-behaviour.ts';

const BODY_BYTES_MAX = 65_536;
const FOLLOWERS_MAX = 64;
const REQUEST_MS_MAX = 10_000;

/** What the API shows and changes. */
export interface ApiSubject {
  readonly journal: Journal;
  stats(): SimulatorStats;
  summary(): Promise<JournalSummary>;
  sites(): Readonly<Record<string, SiteBehaviour>>;
  /** Throws CONFIG_INVALID; null restores. */
  setSite(site: string, behaviour: unknown): Promise<void>;
  clear(): void;
}

/** The journal, the counts and the switches of a simulator, over HTTP. */
export class Api {
  private readonly subject: ApiSubject;
  private readonly server: Server;
  private readonly followers = new Set<JournalFollower>();

  constructor(subject: ApiSubject) {
    this.subject = subject;
    this.server = createServer({ requestTimeout: REQUEST_MS_MAX }, (request, response) => {
      this.handle(request, response).catch((error: unknown) => fail(response, error));
    });
  }

  /** Answers the port. */
  open(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen({ host, port }, () => {
        this.server.removeListener('error', reject);
        this.server.on('error', () => undefined);
        resolve((this.server.address() as { port: number }).port);
      });
    });
  }

  async stop(): Promise<void> {
    for (const follower of this.followers) follower.end();
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://simulator');
    const { subject } = this;
    const method = request.method === 'HEAD' ? 'GET' : request.method;
    const site = /^\/sites\/([^/]+)$/.exec(pathname)?.[1];
    switch (`${method} ${site === undefined ? pathname : '/sites/:site'}`) {
      case 'GET /':
        return send(response, 200, page(), 'text/plain; charset=utf-8');
      case 'GET /journal':
        return this.journal(searchParams, response);
      case 'GET /journal/summary':
        return json(response, 200, await subject.summary());
      case 'DELETE /journal':
        subject.clear();
        return json(response, 200, subject.journal.position());
      case 'GET /stats':
        return json(response, 200, subject.stats());
      case 'GET /sites':
        return json(response, 200, subject.sites());
      case 'DELETE /sites':
        for (const name of Object.keys(subject.sites())) await subject.setSite(name, null);
        return json(response, 200, subject.sites());
      case 'GET /sites/:site':
        return json(response, 200, subject.sites()[decodeURIComponent(site as string).toLowerCase()] ?? {});
      case 'PUT /sites/:site':
        await subject.setSite(decodeURIComponent(site as string), await readJson(request));
        return json(response, 200, subject.sites());
      case 'DELETE /sites/:site':
        await subject.setSite(decodeURIComponent(site as string), null);
        return json(response, 200, subject.sites());
      default:
        return json(response, 404, { error: 'there is no such thing here; GET / says what there is' });
    }
  }

  private async journal(query: URLSearchParams, response: ServerResponse): Promise<void> {
    const { journal } = this.subject;
    const since = numberIn(query, 'since');
    const from = since === null ? (numberIn(query, 'from') ?? 0) : since + 1;
    const limit = numberIn(query, 'limit') ?? Number.POSITIVE_INFINITY;
    const follows = query.get('follow') === '1';
    if (Number.isNaN(from) || Number.isNaN(limit)) {
      return json(response, 400, { error: 'since, from and limit are whole numbers, 0 or more' });
    }
    if (follows && this.followers.size >= FOLLOWERS_MAX) return json(response, 503, { error: 'too many followers' });
    const { first, next, dropped } = journal.position();
    response.writeHead(200, {
      'content-type': 'application/x-ndjson',
      'x-journal-first': first,
      'x-journal-next': next,
      'x-journal-dropped': dropped,
    });
    response.flushHeaders(); // a follower may wait long for its first line
    const options = { from, limit, raw: query.get('raw') === '1', follows };
    const follower = new JournalFollower(journal, response, options);
    this.followers.add(follower);
    try {
      await follower.run();
    } finally {
      this.followers.delete(follower);
    }
  }
}

/** Null where it is not given, NaN where it is no whole number. */
function numberIn(query: URLSearchParams, name: string): number | null {
  const text = query.get(name);
  return text === null ? null : /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > BODY_BYTES_MAX) throw new SyntaxError('body is too big');
    parts.push(part);
  }
  return JSON.parse(Buffer.concat(parts).toString('utf8'));
}

function fail(response: ServerResponse, error: unknown): void {
  if (response.headersSent) return void response.destroy();
  if (isPostlaneError(error, 'CONFIG_INVALID')) return json(response, 400, { error: 'invalid', ...error.facts });
  if (isPostlaneError(error, 'LIMIT_EXCEEDED')) return json(response, 429, { error: 'too many', ...error.facts });
  if (error instanceof SyntaxError || error instanceof URIError) return json(response, 400, { error: error.message });
  json(response, 500, { error: String(error) });
}

const json = (response: ServerResponse, status: number, value: unknown): void =>
  send(response, status, `${JSON.stringify(value)}\n`, 'application/json');

function send(response: ServerResponse, status: number, text: string, type: string): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

/** The page that says what every address does. */
const page = (): string => readFileSync(path.join(packageRoot(), 'docs', 'simulator.md'), 'utf8');
