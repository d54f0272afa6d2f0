import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PostlaneError } from '../domain/error.ts';

/** What a process says about itself. */
export interface Health {
  /** Why it cannot go on; `null` while it can. A supervisor should start another. */
  failure(): string | null;
  /** What it still waits for; `null` when it does its work. */
  waitingFor(): string | null;
  /** The metrics in Prometheus's text format. */
  metrics(): Promise<string>;
}

export interface HealthServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Serves /healthz, /readyz and /metrics. Throws CONFIG_INVALID where it cannot listen there. */
export async function serveHealth(
  health: Health,
  address: { readonly host: string; readonly port: number },
): Promise<HealthServer> {
  const server = createServer((request, response) => {
    void answer(health, new URL(request.url ?? '/', 'http://localhost').pathname, response);
  });
  server.listen({ host: address.host, port: address.port });
  try {
    await once(server, 'listening');
  } catch (cause) {
    throw new PostlaneError('CONFIG_INVALID', { what: 'the address for health and metrics', ...address }, { cause });
  }
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function answer(health: Health, path: string, response: ServerResponse): Promise<void> {
  const say = (status: number, text: string) => response.writeHead(status, { 'content-type': 'text/plain' }).end(text);
  const verdict = (complaint: string | null) => say(complaint === null ? 200 : 503, `${complaint ?? 'ok'}\n`);
  switch (path) {
    case '/healthz':
      return void verdict(health.failure());
    case '/readyz':
      return void verdict(health.failure() ?? health.waitingFor());
    case '/metrics':
      try {
        say(200, await health.metrics());
      } catch (error) {
        say(500, `${String(error)}\n`);
      }
      return;
    default:
      say(404, 'there are /healthz, /readyz and /metrics\n');
  }
}
