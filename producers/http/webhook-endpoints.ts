import type { WebhookEndpoint, WebhookProgress } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import { isPostlaneError } from '../../src/domain/error.ts';
import { SECOND_MS } from '../../src/domain/time.ts';
import { ENDPOINTS_MAX } from '../../src/domain/webhook-endpoint.ts';
import { type HttpReply, problemReply } from '../../src/http/route.ts';
import type { Codec } from '../../src/runtime/codec.ts';
import type { Clock } from '../../src/runtime/ports.ts';
import type { Appender } from './intake.ts';

/** The tables of endpoints and of how far they have been told. */
export interface EndpointRows {
  get(endpointId: string): WebhookEndpoint | undefined;
  progressOf(endpointId: string): WebhookProgress | undefined;
  all(): Iterable<WebhookEndpoint>;
  /** Settles with true once everything is known that was written before; with false where that takes too long. */
  current(): Promise<boolean>;
}

export interface WebhookParts {
  readonly rows: EndpointRows;
  readonly appender: Appender;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly newEndpointId: () => string;
  readonly newReplayId: () => string;
  /** A new secret, and what is kept of it. Throws SECRET_UNAVAILABLE. */
  readonly newSecret: (endpointId: string) => Promise<{ readonly secret: string; readonly sealed: Buffer }>;
  /** What is wrong with a URL; null for nothing. */
  readonly urlProblem: (url: string) => Promise<string | null>;
}

const RETRY_MS = 2 * SECOND_MS;
export const unavailable = (detail: string): HttpReply =>
  problemReply('unavailable', { detail }, { retryAfterMs: RETRY_MS });
const notCurrent = (): HttpReply => problemReply('not-current', {}, { retryAfterMs: SECOND_MS });
const notFound = (): HttpReply => problemReply('not-found', { detail: 'no such endpoint' });

export type Found = { readonly endpoint: WebhookEndpoint } | HttpReply;

/**
 * Endpoints as requests read and change them. Changes of one endpoint go one after the other within this process, each on what
 * was written before; where two processes change the same endpoint within the same moment, the later row holds.
 */
export class WebhookEndpoints {
  private readonly parts: WebhookParts;
  /** The last change of each tenant that is under way. */
  private readonly changing = new Map<string, Promise<unknown>>();

  constructor(parts: WebhookParts) {
    this.parts = parts;
  }

  async find(tenant: string, endpointId: string): Promise<Found> {
    const { rows } = this.parts;
    if (!(await rows.current())) return notCurrent();
    const endpoint = rows.get(endpointId);
    // Somebody else's is none.
    return endpoint?.tenant === tenant ? { endpoint } : notFound();
  }

  async list(tenant: string): Promise<readonly WebhookEndpoint[] | HttpReply> {
    const { rows } = this.parts;
    if (!(await rows.current())) return notCurrent();
    return this.of(tenant);
  }

  /** Makes one, unless the tenant has enough of them. */
  create(tenant: string, make: () => Promise<WebhookEndpoint>): Promise<Found> {
    return this.inTurn(tenant, async () => {
      if (!(await this.parts.rows.current())) return notCurrent();
      if (this.of(tenant).length >= ENDPOINTS_MAX) {
        return problemReply('limit-reached', { detail: `a tenant has at most ${ENDPOINTS_MAX} endpoints` });
      }
      return this.put(await make());
    });
  }

  /** Changes one. What `change` answers instead of an endpoint is the answer. */
  change(
    tenant: string,
    endpointId: string,
    change: (endpoint: WebhookEndpoint) => WebhookEndpoint | HttpReply | Promise<WebhookEndpoint>,
  ): Promise<Found> {
    return this.inTurn(tenant, async () => {
      const found = await this.find(tenant, endpointId);
      if (!('endpoint' in found)) return found;
      const changed = await change(found.endpoint);
      return 'endpointId' in changed ? this.put(changed) : changed;
    });
  }

  remove(tenant: string, endpointId: string): Promise<Found> {
    return this.inTurn(tenant, async () => {
      const found = await this.find(tenant, endpointId);
      if (!('endpoint' in found)) return found;
      return (await this.append(endpointId, null)) ? found : unavailable('the log did not take it');
    });
  }

  private of(tenant: string): readonly WebhookEndpoint[] {
    return [...this.parts.rows.all()]
      .filter((endpoint) => endpoint.tenant === tenant)
      .sort((left, right) => left.at - right.at || (left.endpointId < right.endpointId ? -1 : 1));
  }

  private async put(endpoint: WebhookEndpoint): Promise<Found> {
    return (await this.append(endpoint.endpointId, endpoint)) ? { endpoint } : unavailable('the log did not take it');
  }

  /** False where the log did not take it. */
  private async append(endpointId: string, endpoint: WebhookEndpoint | null): Promise<boolean> {
    const { appender, codec } = this.parts;
    const topic = topics.webhookEndpoints;
    const value = endpoint === null ? null : codec.encode(topic, endpoint);
    try {
      await appender.append([{ topic: topic.name, key: endpointId, value }]);
      return true;
    } catch {
      return false;
    }
  }

  private inTurn(tenant: string, work: () => Promise<Found>): Promise<Found> {
    const bounded = (): Promise<Found> =>
      work().catch((error: unknown) => {
        if (isPostlaneError(error, 'SECRET_UNAVAILABLE')) return unavailable('secrets cannot be made here now');
        throw error;
      });
    const after = (this.changing.get(tenant) ?? Promise.resolve()).then(bounded, bounded);
    this.changing.set(tenant, after);
    const forget = (): void => {
      if (this.changing.get(tenant) === after) this.changing.delete(tenant);
    };
    after.then(forget, forget);
    return after;
  }
}
