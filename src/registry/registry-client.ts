import { COMPATIBILITY, SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry';
import { isPostlaneError, PostlaneError } from '../domain/error.ts';
import { RegistryHttp } from './registry-http.ts';
import type { Found, SchemaSource } from './schema-source.ts';

export interface RegistryClientOptions {
  /** Base of the Confluent API, such as `http://127.0.0.1:8081` or `…/apis/ccompat/v7`; user and password as in any URL. */
  readonly url: string;
  /** For one request, its repetitions included. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 5_000;

/** Of the library's GETs; nothing else is repeated by it. One set per process: its instances share the last one given. */
const RETRY = { retries: 2, initialRetryTimeInSecs: 0.1, maxRetryTimeInSecs: 0.5, factor: 0.2, multiplier: 2 };

/**
 * A schema registry that speaks Confluent's API. Only what the registry itself says about a schema is believed for good (404
 * and 422); anything else, from a refused connection to an answer of 500, throws REGISTRY_UNAVAILABLE.
 *
 * Look-ups at start and registration go through the client library. What is asked for records does not: the library
 * parses a foreign schema before anyone can bound it, and tells an unknown id from a refused connection by luck.
 */
export class RegistryClient implements SchemaSource {
  private readonly http: RegistryHttp;
  private readonly library: SchemaRegistry;
  private readonly timeoutMs: number;
  /** A schema of ours that the registry knew: while it does not, its word about other ids is not taken. */
  private anchor: { readonly subject: string; readonly id: number } | null = null;

  constructor(options: RegistryClientOptions) {
    this.timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
    this.http = new RegistryHttp(options.url, this.timeoutMs);
    const { base, auth } = this.http;
    this.library = new SchemaRegistry({ host: base, clientId: 'postlane', retry: RETRY, ...(auth ? { auth } : {}) });
  }

  async find(subject: string, id: number): Promise<Found> {
    const subjects = await this.subjectsOf(id);
    if (subjects === null) {
      await this.checkAnchor();
      return { ok: false, reason: 'unknown-schema' };
    }
    if (!subjects.includes(subject)) return { ok: false, reason: 'wrong-subject' };
    const { status, body } = await this.http.request('GET', `/schemas/ids/${id}`);
    const { schema, schemaType, references } = (body ?? {}) as Readonly<Record<string, unknown>>;
    if (status !== 200 || typeof schema !== 'string') {
      throw new PostlaneError('REGISTRY_UNAVAILABLE', { what: 'schema', id, status });
    }
    const isAvro = schemaType === undefined || schemaType === 'AVRO';
    const isWhole = !Array.isArray(references) || references.length === 0;
    return isAvro && isWhole ? { ok: true, schema } : { ok: false, reason: 'unreadable-schema' };
  }

  async idOf(subject: string, schema: string): Promise<number | null> {
    const id = await this.ask('lookup', async () => {
      try {
        return await this.library.getRegistryIdBySchema(subject, { type: SchemaType.AVRO, schema });
      } catch (error) {
        if (isNotFound(error)) return null;
        throw error;
      }
    });
    if (id !== null && this.anchor === null) this.anchor = { subject, id };
    return id;
  }

  /**
   * Registers a schema under a subject whose compatibility is set to FULL_TRANSITIVE; answers its id, also where it was
   * registered before. Throws CONFIG_INVALID where the registry refuses it.
   */
  async register(subject: string, schema: string): Promise<number> {
    return this.ask('register', async () => {
      try {
        const compatibility = COMPATIBILITY.FULL_TRANSITIVE;
        const { id } = await this.library.register({ type: SchemaType.AVRO, schema }, { subject, compatibility });
        return id;
      } catch (cause) {
        const { status, message } = cause as { readonly status?: unknown; readonly message?: unknown };
        if (status !== 409 && status !== 422) throw cause;
        const facts = { what: 'the registry refuses a schema', subject, status, message };
        throw new PostlaneError('CONFIG_INVALID', facts, { cause });
      }
    });
  }

  /** The compatibility that is set for the subject itself; null where none is. */
  async compatibilityOf(subject: string): Promise<string | null> {
    const { status, body } = await this.http.request('GET', `/config/${encodeURIComponent(subject)}`);
    const level = (body as { compatibilityLevel?: unknown } | null)?.compatibilityLevel;
    if (typeof level === 'string') return level;
    if (status === 404) return null;
    throw new PostlaneError('REGISTRY_UNAVAILABLE', { what: 'compatibility', subject, status });
  }

  async setCompatibility(subject: string, compatibility: string): Promise<void> {
    const path = `/config/${encodeURIComponent(subject)}`;
    let { status, body } = await this.http.request('PUT', path, { compatibility });
    // Two who set it for the first time at once conflict in some registries; the second finds it there, and may change it.
    if (status === 409) ({ status, body } = await this.http.request('PUT', path, { compatibility }));
    if (status === 200) return;
    throw new PostlaneError('REGISTRY_UNAVAILABLE', { what: 'compatibility', subject, status, body });
  }

  /** Numbers of the versions of a subject, in order; none where there is no such subject. */
  async versionsOf(subject: string): Promise<readonly number[]> {
    const { status, body } = await this.http.request('GET', `/subjects/${encodeURIComponent(subject)}/versions`);
    if (Array.isArray(body)) return body.map(Number).sort((one, other) => one - other);
    if (status === 404) return [];
    throw new PostlaneError('REGISTRY_UNAVAILABLE', { what: 'versions', subject, status });
  }

  /** Text of one version's schema. */
  async schemaOf(subject: string, version: number): Promise<string> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions/${version}`;
    const { status, body } = await this.http.request('GET', path);
    const schema = (body as { schema?: unknown } | null)?.schema;
    if (typeof schema === 'string') return schema;
    throw new PostlaneError('REGISTRY_UNAVAILABLE', { what: 'version', subject, version, status });
  }

  /** Subjects under which an id is registered; null where the id is unknown. */
  private async subjectsOf(id: number): Promise<readonly string[] | null> {
    const { status, body } = await this.http.request('GET', `/schemas/ids/${id}/versions`);
    if (status === 404 || status === 422) return null;
    if (!Array.isArray(body)) throw new PostlaneError('REGISTRY_UNAVAILABLE', { what: 'versions', status });
    return body.map((version: { subject?: unknown }) => String(version?.subject));
  }

  /**
   * A wrong path, a proxy without a registry behind it, or a registry that came back empty says 404 to everything.
   * Believing that would turn every record into a dead letter.
   */
  private async checkAnchor(): Promise<void> {
    if (this.anchor === null) return;
    const subjects = await this.subjectsOf(this.anchor.id);
    if (subjects?.includes(this.anchor.subject)) return;
    throw new PostlaneError('REGISTRY_UNAVAILABLE', {
      what: 'the registry no longer knows our own schema',
      ...this.anchor,
    });
  }

  /** Asks through the library, whose requests have no time-out of their own. */
  private async ask<T>(what: string, request: () => Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<never>((_, reject) => {
      const late = new PostlaneError('REGISTRY_UNAVAILABLE', { what, timeoutMs: this.timeoutMs });
      timer = setTimeout(() => reject(late), this.timeoutMs);
    });
    try {
      return await Promise.race([request(), deadline]);
    } catch (cause) {
      if (isPostlaneError(cause)) throw cause;
      throw new PostlaneError('REGISTRY_UNAVAILABLE', { what }, { cause });
    } finally {
      clearTimeout(timer);
    }
  }
}

/** The library's way to say 404 to a look-up: an error of its own class, which it does not export. */
const isNotFound = (error: unknown): boolean =>
  error instanceof Error && error.constructor.name === 'ConfluentSchemaRegistryError';
