import { readFile } from 'node:fs/promises';
import type { VaultConfig } from '../config/types.ts';
import { type Millis, SECOND_MS } from '../domain/time.ts';
import type { Clock, Telemetry } from '../runtime/ports.ts';
import { type JsonAnswer, requestJson } from './json-request.ts';
import { Secret } from './secret.ts';

/** Of a token's life, when it is renewed: late enough to be rare, with time for some attempts. */
const RENEW_AT_SHARE = 2 / 3;
const RENEW_AGAIN_MS = 5 * SECOND_MS;
const LIFE_MS_MIN = SECOND_MS;
/** A standby sends to the active node; that one answers itself. */
const REDIRECTS_MAX = 2;

interface Token {
  readonly value: Secret;
  /** Null: it does not expire. */
  readonly expiresAt: Millis | null;
  readonly renewAt: Millis | null;
  readonly renewable: boolean;
}

export interface VaultSessionOptions {
  readonly config: VaultConfig;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  /** Reads what we log in with, anew: `file:` or `env:`. */
  readonly credential: (reference: string) => Promise<Secret>;
}

/** What Vault answered that is no success. The message holds a status and Vault's own words, never a value. */
export class VaultRefusal extends Error {
  readonly status: number;
  constructor(status: number, words: string) {
    super(words === '' ? `Vault answered ${status}` : `Vault answered ${status}: ${words}`);
    this.name = 'VaultRefusal';
    this.status = status;
  }
}

/**
 * Our log-in at Vault: a token that was given, or one of AppRole. It is renewed in time; where Vault will not, or does not know it
 * any more, the token is read again or the role logs in again.
 */
export class VaultSession {
  private readonly options: VaultSessionOptions;
  private readonly ending = new AbortController();
  private token: Token | null = null;
  private opening: Promise<Token> | null = null;
  private keeping: Promise<void> | null = null;

  constructor(options: VaultSessionOptions) {
    this.options = options;
  }

  get(path: string): Promise<JsonAnswer> {
    return this.ask('GET', path);
  }

  post(path: string, body: unknown): Promise<JsonAnswer> {
    return this.ask('POST', path, body);
  }

  /** Asks with the token. One that Vault refuses is replaced, and it asks once more. */
  private async ask(method: 'GET' | 'POST', path: string, body?: unknown): Promise<JsonAnswer> {
    const token = await this.opened();
    const answer = await this.send(method, path, token.value, body);
    if (answer.status !== 403) return answer;
    // Denied is what Vault says to a token that is gone as well as to one that may not: only a new one can tell.
    if (this.token === token) this.token = null;
    const fresh = await this.opened();
    return fresh.value.equals(token.value) ? answer : this.send(method, path, fresh.value, body);
  }

  async close(): Promise<void> {
    this.ending.abort();
    await this.keeping;
  }

  private opened(): Promise<Token> {
    if (this.token !== null && (this.token.expiresAt ?? Number.POSITIVE_INFINITY) > this.options.clock.now()) {
      return Promise.resolve(this.token);
    }
    this.opening ??= this.open().finally(() => {
      this.opening = null;
    });
    return this.opening;
  }

  private async open(): Promise<Token> {
    const { auth } = this.options.config;
    const token = auth.kind === 'token' ? await this.given(auth.token) : await this.logIn(auth);
    this.token = token;
    this.keeping ??= this.keepAlive();
    return token;
  }

  private async given(reference: string): Promise<Token> {
    const value = await this.options.credential(reference);
    const answer = await this.send('GET', 'auth/token/lookup-self', value);
    // A token may be forbidden to look at itself; then nothing is known of its life.
    if (answer.status === 403) return { value, expiresAt: null, renewAt: null, renewable: false };
    const data = objectAt(succeeded(answer), 'data');
    return this.tokenOf(value, Number(data?.ttl ?? 0), data?.renewable === true);
  }

  private async logIn(auth: Extract<VaultConfig['auth'], { kind: 'approle' }>): Promise<Token> {
    const [roleId, secretId] = await Promise.all([
      this.options.credential(auth.roleId),
      this.options.credential(auth.secretId),
    ]);
    const body = { role_id: roleId.text(), secret_id: secretId.text() };
    const answer = succeeded(await this.send('POST', `auth/${auth.mount}/login`, null, body));
    const granted = objectAt(answer, 'auth');
    const token = granted?.client_token;
    if (typeof token !== 'string' || token === '') throw new VaultRefusal(200, 'no token came with the log-in');
    return this.tokenOf(Secret.of(token), Number(granted?.lease_duration ?? 0), granted?.renewable === true);
  }

  /** `seconds` 0: it does not expire, as root tokens do not. */
  private tokenOf(value: Secret, seconds: number, renewable: boolean): Token {
    if (!(seconds > 0)) return { value, expiresAt: null, renewAt: null, renewable: false };
    const lifeMs = Math.max(LIFE_MS_MIN, seconds * SECOND_MS);
    const now = this.options.clock.now();
    return { value, expiresAt: now + lifeMs, renewAt: now + lifeMs * RENEW_AT_SHARE, renewable };
  }

  private async keepAlive(): Promise<void> {
    const { clock, telemetry } = this.options;
    const { signal } = this.ending;
    while (!signal.aborted) {
      const { token } = this;
      const waitMs = token?.renewAt == null ? RENEW_AGAIN_MS : Math.max(0, token.renewAt - clock.now());
      await clock.sleep(waitMs, signal);
      if (signal.aborted || token === null || token !== this.token || token.renewAt === null) continue;
      try {
        await this.prolong(token);
        telemetry.count('postlane_vault_tokens_total', { what: 'renewed' });
      } catch (error) {
        telemetry.count('postlane_vault_tokens_total', { what: 'failed' });
        telemetry.log('warn', 'the Vault token could not be renewed', { error });
        await clock.sleep(RENEW_AGAIN_MS, signal);
      }
    }
  }

  private async prolong(token: Token): Promise<void> {
    const isOver = (token.expiresAt ?? 0) <= this.options.clock.now();
    if (token.renewable && !isOver) {
      const answer = await this.send('POST', 'auth/token/renew-self', token.value, {});
      if (answer.status === 200) {
        const granted = objectAt(answer.body, 'auth');
        const renewed = this.tokenOf(token.value, Number(granted?.lease_duration ?? 0), granted?.renewable === true);
        const left = (token.expiresAt ?? 0) - this.options.clock.now();
        const prolonged = (renewed.expiresAt ?? Number.POSITIVE_INFINITY) - this.options.clock.now() > left;
        // Near its maximum age a renewal adds nothing: it takes a new one.
        if (prolonged) {
          this.token = renewed;
          return;
        }
      } else if (answer.status !== 403 && answer.status !== 400) {
        throw refusalOf(answer);
      }
    }
    await this.open();
  }

  private async send(method: 'GET' | 'POST', path: string, token: Secret | null, body?: unknown): Promise<JsonAnswer> {
    const { config, timeoutMs } = this.options;
    let url = new URL(`v1/${path}`, `${config.address}/`);
    const { host: ours } = url;
    // Read every time: authorities are rotated too.
    const ca = config.caFile === null ? null : await readFile(config.caFile);
    for (let redirects = 0; ; redirects++) {
      const headers: Record<string, string> = { 'x-vault-request': 'true' };
      if (config.namespace !== null) headers['x-vault-namespace'] = config.namespace;
      if (token !== null) headers['x-vault-token'] = token.text();
      const answer = await requestJson({ method, url, headers, body, withinMs: timeoutMs, ca });
      const isRedirect = answer.status === 307 || answer.status === 308;
      if (!isRedirect || answer.location === null || redirects >= REDIRECTS_MAX) return answer;
      const next = new URL(answer.location, url);
      // A token goes nowhere that protects it less.
      if (next.protocol !== url.protocol && next.protocol !== 'https:') {
        throw new VaultRefusal(answer.status, `${ours} redirects to an address without TLS`);
      }
      url = next;
    }
  }
}

const WORDS_LENGTH_MAX = 300;

/** The error for an answer that is no success. */
export function refusalOf({ status, body }: JsonAnswer): VaultRefusal {
  const errors = typeof body === 'object' && body !== null ? (body as { errors?: unknown }).errors : null;
  const words = Array.isArray(errors) ? errors.filter((one) => typeof one === 'string').join('; ') : '';
  return new VaultRefusal(status, words.replaceAll(/\s+/g, ' ').slice(0, WORDS_LENGTH_MAX));
}

/** Body of a success; throws for anything else. */
function succeeded(answer: JsonAnswer): unknown {
  if (answer.status !== 200) throw refusalOf(answer);
  return answer.body;
}

/** An object under a name; undefined where there is none. */
export function objectAt(body: unknown, name: string): Readonly<Record<string, unknown>> | undefined {
  if (typeof body !== 'object' || body === null || !Object.hasOwn(body, name)) return undefined;
  const value = (body as Record<string, unknown>)[name];
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
}
