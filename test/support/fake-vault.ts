import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';

interface Version {
  readonly data: Readonly<Record<string, unknown>> | null;
  readonly destroyed: boolean;
}

interface LiveToken {
  expiresAt: number;
  /** No renewal reaches beyond it. */
  readonly maxAt: number;
  readonly renewable: boolean;
}

export interface FakeVaultOptions {
  /** Life of a token of the role, in seconds. Default an hour. */
  readonly tokenSeconds?: number;
  /** The most that renewals can make of it. Default a day. */
  readonly tokenSecondsMax?: number;
  /** Over TLS with this. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Asked for in every request where it is set. */
  readonly namespace?: string;
}

/**
 * A server that answers as Vault's HTTP API documents it, over real HTTP, as far as Postlane asks: KV version 2 under any mount, the
 * log-in of AppRole, and the life of tokens. It can be sealed, made slow, and made to forget tokens.
 */
export class FakeVault {
  readonly roleId = 'role-1';
  secretId = 'secret-id-1';
  sealed = false;
  /** No token's policy lets it write. */
  readOnly = false;
  /** Milliseconds before each answer. */
  slowMs = 0;
  /** Where every request is sent on to: as a standby does. */
  active: string | null = null;
  /** Sent instead of the next answers, as they are. */
  readonly raw: string[] = [];
  readonly calls: string[] = [];
  private readonly options: FakeVaultOptions;
  private readonly secrets = new Map<string, Version[]>();
  private readonly tokens = new Map<string, LiveToken>();
  private readonly server: Server;

  private constructor(options: FakeVaultOptions) {
    this.options = options;
    const handle = (request: IncomingMessage, response: ServerResponse) => void this.handle(request, response);
    this.server = options.tls ? https.createServer(options.tls, handle) : createServer(handle);
  }

  static async start(options: FakeVaultOptions = {}): Promise<FakeVault> {
    const vault = new FakeVault(options);
    await new Promise<void>((resolve) => vault.server.listen(0, '127.0.0.1', resolve));
    return vault;
  }

  get address(): string {
    return `${this.options.tls ? 'https' : 'http'}://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** A token that was made by hand; null seconds: it does not expire. */
  token(seconds: number | null = null): string {
    const token = `hvs.${randomBytes(12).toString('hex')}`;
    const expiresAt = seconds === null ? Number.POSITIVE_INFINITY : Date.now() + seconds * 1_000;
    this.tokens.set(token, { expiresAt, maxAt: Number.POSITIVE_INFINITY, renewable: seconds !== null });
    return token;
  }

  revokeAll(): void {
    this.tokens.clear();
  }

  /** A new version of `mount/path`. */
  put(path: string, data: Readonly<Record<string, unknown>>): void {
    this.secrets.set(path, [...(this.secrets.get(path) ?? []), { data, destroyed: false }]);
  }

  /** The newest version is deleted, or destroyed for good. */
  remove(path: string, destroyed = false): void {
    this.secrets.get(path)?.pop();
    this.secrets.set(path, [...(this.secrets.get(path) ?? []), { data: null, destroyed }]);
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const url = new URL(request.url ?? '/', 'http://vault');
    this.calls.push(`${request.method} ${url.pathname}${url.search}`);
    if (this.slowMs > 0) await new Promise((resolve) => setTimeout(resolve, this.slowMs));
    if (this.active !== null) {
      return void response.writeHead(307, { location: `${this.active}${request.url}` }).end();
    }
    const raw = this.raw.shift();
    if (raw !== undefined) return void response.writeHead(200).end(raw);
    const { status, body } = this.answer(request, url, Buffer.concat(parts).toString());
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  }

  private answer(request: IncomingMessage, url: URL, body: string): { status: number; body: unknown } {
    if (this.sealed) return errors(503, 'Vault is sealed');
    const { namespace } = this.options;
    if (namespace !== undefined && request.headers['x-vault-namespace'] !== namespace) return errors(404, 'no handler');
    if (request.method === 'POST' && url.pathname === '/v1/auth/approle/login') return this.logIn(JSON.parse(body));
    const token = String(request.headers['x-vault-token'] ?? '');
    const live = this.tokens.get(token);
    if (live === undefined || live.expiresAt <= Date.now()) return errors(403, 'permission denied', 'invalid token');
    if (url.pathname === '/v1/auth/token/lookup-self') {
      const ttl = Number.isFinite(live.expiresAt) ? Math.ceil((live.expiresAt - Date.now()) / 1_000) : 0;
      return { status: 200, body: { data: { id: token, ttl, renewable: live.renewable } } };
    }
    if (url.pathname === '/v1/auth/token/renew-self' && request.method === 'POST') return this.renew(token, live);
    if (request.method === 'POST') return this.write(url, JSON.parse(body));
    return request.method === 'GET' ? this.read(url) : errors(405, 'unsupported operation');
  }

  private write(url: URL, { options, data }: { options?: { cas?: number }; data?: object }) {
    const [, mount = '', path = ''] = KV_PATH.exec(decodeURIComponent(url.pathname)) ?? [];
    const versions = this.secrets.get(`${mount}/${path}`)?.length ?? 0;
    if (this.readOnly) return errors(403, 'permission denied');
    if (options?.cas !== undefined && options.cas !== versions) {
      return errors(400, 'check-and-set parameter did not match the current version');
    }
    this.put(`${mount}/${path}`, { ...data });
    return { status: 200, body: { data: { version: versions + 1, destroyed: false, deletion_time: '' } } };
  }

  private logIn(given: { role_id?: string; secret_id?: string }): { status: number; body: unknown } {
    if (given.role_id !== this.roleId || given.secret_id !== this.secretId)
      return errors(400, 'invalid role or secret ID');
    const seconds = this.options.tokenSeconds ?? 3_600;
    const token = this.token(seconds);
    this.tokens.set(token, {
      expiresAt: Date.now() + seconds * 1_000,
      maxAt: Date.now() + (this.options.tokenSecondsMax ?? 86_400) * 1_000,
      renewable: true,
    });
    return granted(token, seconds);
  }

  private renew(token: string, live: LiveToken): { status: number; body: unknown } {
    if (!live.renewable) return errors(400, 'lease is not renewable');
    const wanted = Date.now() + (this.options.tokenSeconds ?? 3_600) * 1_000;
    live.expiresAt = Math.min(wanted, live.maxAt);
    return granted(token, Math.ceil((live.expiresAt - Date.now()) / 1_000));
  }

  private read(url: URL): { status: number; body: unknown } {
    const [, mount = '', path = ''] = KV_PATH.exec(decodeURIComponent(url.pathname)) ?? [];
    const versions = this.secrets.get(`${mount}/${path}`);
    const number = Number(url.searchParams.get('version') ?? versions?.length ?? 0);
    const version = versions?.[number - 1];
    if (version === undefined) return { status: 404, body: { errors: [] } };
    const metadata = {
      created_time: '2026-01-01T00:00:00Z',
      deletion_time: version.data === null ? '2026-01-02T00:00:00Z' : '',
      destroyed: version.destroyed,
      version: number,
    };
    const status = version.data === null ? 404 : 200;
    return { status, body: { lease_id: '', lease_duration: 0, data: { data: version.data, metadata } } };
  }
}

const KV_PATH = /^\/v1\/(.+?)\/data\/(.+)$/;

const errors = (status: number, ...words: string[]) => ({ status, body: { errors: words } });

const granted = (token: string, seconds: number) => ({
  status: 200,
  body: {
    auth: { client_token: token, accessor: 'a', policies: ['default'], lease_duration: seconds, renewable: true },
  },
});
