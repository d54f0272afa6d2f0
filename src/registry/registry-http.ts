import { PostlaneError } from '../domain/error.ts';

export interface Answer {
  readonly status: number;
  /** Parsed JSON; null where there is none. */
  readonly body: unknown;
}

/** Answers that say something about what was asked; all others say something about the registry's own state. */
const SPEAKING = new Set([200, 404, 409, 422]);

/** The registry's REST API, as far as the client library does not have it. Throws REGISTRY_UNAVAILABLE, and nothing else. */
export class RegistryHttp {
  /** Without user and password, and without a slash at its end. */
  readonly base: string;
  readonly auth: { readonly username: string; readonly password: string } | null;
  private readonly timeoutMs: number;

  constructor(url: string, timeoutMs: number) {
    const { username, password } = new URL(url);
    this.auth =
      username === '' ? null : { username: decodeURIComponent(username), password: decodeURIComponent(password) };
    const bare = new URL(url);
    bare.username = '';
    bare.password = '';
    this.base = bare.href.replace(/\/+$/, '');
    this.timeoutMs = timeoutMs;
  }

  async request(method: 'GET' | 'POST' | 'PUT', path: string, body?: unknown): Promise<Answer> {
    try {
      const response = await fetch(`${this.base}${path}`, {
        method,
        headers: this.headers(),
        signal: AbortSignal.timeout(this.timeoutMs),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      if (SPEAKING.has(response.status)) return { status: response.status, body: parse(text) };
      throw new PostlaneError('REGISTRY_UNAVAILABLE', { method, path, status: response.status });
    } catch (cause) {
      if (cause instanceof PostlaneError) throw cause;
      throw new PostlaneError('REGISTRY_UNAVAILABLE', { method, path }, { cause });
    }
  }

  private headers(): Record<string, string> {
    const headers: Record<string, string> = {
      accept: 'application/vnd.schemaregistry.v1+json, application/json',
      'content-type': 'application/vnd.schemaregistry.v1+json',
    };
    if (this.auth !== null) {
      const { username, password } = this.auth;
      headers.authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
    }
    return headers;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
