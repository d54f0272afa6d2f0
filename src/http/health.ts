import { type FastifyInstance, type FastifyReply, fastify } from 'fastify';
import { PostlaneError } from '../domain/error.ts';
import { SECOND_MS } from '../domain/time.ts';
import type { Clock, Stoppable } from '../runtime/ports.ts';
import { shared } from './shared.ts';

/** One thing that must be well. Answers null where it is, else what is wrong, in a few words and without an address. */
export interface Check {
  readonly name: string;
  check(): string | null | Promise<string | null>;
}

export interface HealthOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** What must be well for the process to be left running: a failing one asks for a restart. */
  readonly alive: readonly Check[];
  /** What must be well for the process to do its work: a failing one asks for patience. */
  readonly ready: readonly Check[];
  readonly metrics: { readonly contentType: string; text(): Promise<string> };
  readonly clock: Clock;
}

/** A check that takes longer has failed. */
const CHECK_TIMEOUT_MS = SECOND_MS;
const REQUEST_TIMEOUT_MS = 5 * SECOND_MS;
const CONNECTIONS_MAX = 64;

/** What operators and Prometheus ask a process: `/healthz`, `/readyz`, `/metrics`. */
export class HealthServer implements Stoppable {
  private readonly server: FastifyInstance;
  /** Where it listens, for example `http://127.0.0.1:40123`. */
  readonly url: string;

  private constructor(server: FastifyInstance, url: string) {
    this.server = server;
    this.url = url;
  }

  /** Listens. Throws INFRA_UNAVAILABLE where the port is taken. */
  static async start(options: HealthOptions): Promise<HealthServer> {
    const server = fastify({
      bodyLimit: 1_024,
      requestTimeout: REQUEST_TIMEOUT_MS,
      connectionTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: REQUEST_TIMEOUT_MS,
      forceCloseConnections: true,
      onProtoPoisoning: 'error',
      onConstructorPoisoning: 'error',
    });
    server.server.maxConnections = CONNECTIONS_MAX;
    server.get('/healthz', (_, reply) => answer(options.alive, options.clock, reply));
    server.get('/readyz', (_, reply) => answer(options.ready, options.clock, reply));
    const scrape = shared(() => options.metrics.text());
    server.get('/metrics', async (_, reply) => reply.type(options.metrics.contentType).send(await scrape()));
    try {
      return new HealthServer(server, await server.listen({ host: options.host, port: options.port }));
    } catch (cause) {
      await server.close();
      const facts = { what: 'health', host: options.host, port: options.port };
      throw new PostlaneError('INFRA_UNAVAILABLE', facts, { cause });
    }
  }

  /** Closes all connections. Idempotent. */
  async stop(): Promise<void> {
    await this.server.close();
  }
}

/** 200 where everything is well, 503 otherwise, with what is wrong by name. */
async function answer(checks: readonly Check[], clock: Clock, reply: FastifyReply): Promise<FastifyReply> {
  const entries = await Promise.all(
    checks.map(async (one) => [one.name, (await verdict(one, clock)) ?? 'ok'] as const),
  );
  const well = entries.every(([, text]) => text === 'ok');
  return reply
    .code(well ? 200 : 503)
    .header('cache-control', 'no-store')
    .send({ status: well ? 'ok' : 'failing', checks: Object.fromEntries(entries) });
}

async function verdict(one: Check, clock: Clock): Promise<string | null> {
  const answered = new AbortController();
  try {
    const late = clock.sleep(CHECK_TIMEOUT_MS, answered.signal).then(() => 'does not answer');
    return await Promise.race([one.check(), late]);
  } catch {
    // What it threw may hold anything; the log has it from whoever threw it.
    return 'cannot be checked';
  } finally {
    answered.abort();
  }
}
