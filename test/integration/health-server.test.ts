import { type Health, serveHealth } from '../../src/cli/health-server.ts';

const HOST = '127.0.0.1';

async function ask(health: Partial<Health>, path: string): Promise<{ status: number; text: string }> {
  const healthy: Health = { failure: () => null, waitingFor: () => null, metrics: async () => '' };
  const server = await serveHealth({ ...healthy, ...health }, { host: HOST, port: 0 });
  try {
    const response = await fetch(`http://${HOST}:${server.port}${path}`);
    return { status: response.status, text: await response.text() };
  } finally {
    await server.close();
  }
}

const CASES: readonly (readonly [path: string, health: Partial<Health>, status: number, text: string])[] = [
  ['/healthz', {}, 200, 'ok\n'],
  ['/readyz?verbose', {}, 200, 'ok\n'],
  ['/readyz', { waitingFor: () => 'starting' }, 503, 'starting\n'],
  ['/healthz', { waitingFor: () => 'starting' }, 200, 'ok\n'],
  ['/healthz', { failure: () => 'the worker died' }, 503, 'the worker died\n'],
  ['/readyz', { failure: () => 'the worker died' }, 503, 'the worker died\n'],
  ['/metrics', { metrics: async () => 'postlane_units_total 1\n' }, 200, 'postlane_units_total 1\n'],
  ['/metrics', { metrics: () => Promise.reject(new Error('broken')) }, 500, 'Error: broken\n'],
  ['/', {}, 404, 'there are /healthz, /readyz and /metrics\n'],
];

describe('the health of a process', () => {
  it.each(CASES)('%s with %p answers %i', async (path, health, status, text) => {
    expect(await ask(health, path)).toEqual({ status, text });
  });

  it('says where it cannot listen', async () => {
    const health: Health = { failure: () => null, waitingFor: () => null, metrics: async () => '' };
    const first = await serveHealth(health, { host: HOST, port: 0 });
    const second = serveHealth(health, { host: HOST, port: first.port });
    await expect(second).rejects.toMatchObject({ code: 'CONFIG_INVALID', facts: { port: first.port } });
    await first.close();
  });
});
