import { Connections, type Reply } from './http-connection.ts';
import { serve } from './processes.ts';

export interface LoadSettings {
  readonly rate: number;
}

export interface LoadRequest {
  readonly url: string;
  readonly key: string;
  readonly seconds: number;
}

/** Of each request in the order in which they were due. */
export interface LoadAnswer {
  readonly statuses: readonly number[];
  readonly ids: readonly (string | null)[];
  readonly ms: readonly number[];
}

/** Beyond every promise of the door: a request that hangs for longer is given up, and counts as having hung. */
const HANG_MS = 15_000;

const mail = (n: number) => ({
  type: 'transactional',
  recipient: `user-${n}@inbox.example`,
  payload: { from: 'Shop <news@shop.example>', subject: `Order ${n}`, text: 'Thank you. '.repeat(100) },
});

/** So many requests a second for so long, each at its own time, whatever became of those before it. */
async function load(connections: Connections, rate: number, { key, seconds }: LoadRequest): Promise<LoadAnswer> {
  const count = Math.round(seconds * rate);
  const statuses = new Array<number>(count).fill(0);
  const ids = new Array<string | null>(count).fill(null);
  const ms = new Array<number>(count).fill(0);
  const beganAt = performance.now();
  let open = count;
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const ask = (n: number, atMs: number): void => {
    connections.post(key, JSON.stringify(mail(n)), ({ status, text }: Reply) => {
      statuses[n] = status;
      ms[n] = performance.now() - beganAt - atMs;
      if (status === 202) ids[n] = (JSON.parse(text) as { id: string }).id;
      open--;
      if (open === 0) end();
    });
  };
  for (let n = 0; n < count; n++) {
    const atMs = (n * 1_000) / rate;
    const waitMs = beganAt + atMs - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    ask(n, atMs);
  }
  await ended;
  return { statuses, ids, ms };
}

serve<LoadSettings, LoadRequest, LoadAnswer>(async ({ rate }) => {
  const servers = new Map<string, Connections>();
  return {
    async answer(request) {
      const connections = servers.get(request.url) ?? new Connections(request.url, HANG_MS);
      servers.set(request.url, connections);
      return load(connections, rate, request);
    },
    async close() {
      for (const connections of servers.values()) connections.close();
    },
  };
});
