import http from 'node:http';
import https from 'node:https';

const BODY_BYTES_MAX = 1_000_000;

export interface JsonRequest {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** From the first packet to the last byte of the answer. */
  readonly withinMs: number;
  /** PEM of whom to trust besides the public authorities. */
  readonly ca: Buffer | null;
}

export interface JsonAnswer {
  readonly status: number;
  /** Null where there is none, or it is no JSON. */
  readonly body: unknown;
  /** Of a redirect. */
  readonly location: string | null;
}

/**
 * One request over a connection of its own, of which nothing is kept: neither headers, which hold a token, nor the answer. Throws
 * the system's error, or one whose message is a few words; never one that quotes what came.
 */
export async function requestJson(request: JsonRequest): Promise<JsonAnswer> {
  const { url, withinMs } = request;
  const body = request.body === undefined ? null : Buffer.from(JSON.stringify(request.body), 'utf8');
  const { request: open } = url.protocol === 'https:' ? https : http;
  const { promise, resolve, reject } = Promise.withResolvers<JsonAnswer>();
  const timer = setTimeout(() => outgoing.destroy(new Error(`no answer within ${withinMs} ms`)), withinMs);
  const outgoing = open(
    url,
    {
      method: request.method,
      agent: false,
      headers: {
        ...request.headers,
        accept: 'application/json',
        connection: 'close',
        ...(body === null ? {} : { 'content-type': 'application/json', 'content-length': String(body.length) }),
      },
      ...(request.ca === null ? {} : { ca: request.ca }),
    },
    (response) => {
      const parts: Buffer[] = [];
      let bytes = 0;
      response.on('data', (part: Buffer) => {
        parts.push(part);
        bytes += part.length;
        if (bytes > BODY_BYTES_MAX) outgoing.destroy(new Error('the answer is too long'));
      });
      response.on('error', reject);
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, body: parse(parts), location: response.headers.location ?? null });
      });
    },
  );
  outgoing.on('error', reject);
  outgoing.end(body ?? undefined);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    body?.fill(0);
  }
}

function parse(parts: readonly Buffer[]): unknown {
  const whole = Buffer.concat(parts);
  for (const part of parts) part.fill(0);
  try {
    return JSON.parse(whole.toString('utf8'));
  } catch {
    // The error would quote what came.
    return null;
  } finally {
    whole.fill(0);
  }
}
