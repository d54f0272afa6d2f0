import { type Check, HealthServer } from '../../../src/http/health.ts';
import { shared } from '../../../src/http/shared.ts';
import type { Clock } from '../../../src/runtime/ports.ts';
import { VirtualClock } from '../../../src/testing/virtual-clock.ts';

let server: HealthServer | null = null;
afterEach(async () => {
  await server?.stop();
  server = null;
});

const check = (name: string, answer: Check['check']): Check => ({ name, check: answer });

async function start(
  options: Partial<Parameters<typeof HealthServer.start>[0]>,
): Promise<(path: string) => Promise<Response>> {
  const started = await HealthServer.start({
    host: '127.0.0.1',
    port: 0,
    alive: [],
    ready: [],
    metrics: { contentType: 'text/plain; version=0.0.4; charset=utf-8', text: async () => 'postlane_x_total 1\n' },
    clock: new VirtualClock(),
    ...options,
  });
  server = started;
  return (path) => fetch(`${started.url}${path}`);
}

it('is well where every check is', async () => {
  const get = await start({ ready: [check('kafka', () => null), check('view', async () => null)] });
  const response = await get('/readyz');
  expect(response.status).toBe(200);
  expect(await response.json()).toEqual({ status: 'ok', checks: { kafka: 'ok', view: 'ok' } });
});

it('names what is not well, whether it says so or throws', async () => {
  const get = await start({
    ready: [
      check('kafka', () => null),
      check('view', () => 'stale'),
      check('store', () => {
        throw new Error('secret detail');
      }),
    ],
  });
  const response = await get('/readyz');
  expect(response.status).toBe(503);
  expect(await response.json()).toEqual({
    status: 'failing',
    checks: { kafka: 'ok', view: 'stale', store: 'cannot be checked' },
  });
});

it('does not wait for a check for ever', async () => {
  const sleeps: number[] = [];
  const clock: Clock = {
    now: () => 0,
    sleep: async (ms) => {
      sleeps.push(ms);
    },
  };
  const get = await start({ ready: [check('kafka', () => new Promise(() => undefined))], clock });
  expect(await (await get('/readyz')).json()).toMatchObject({ checks: { kafka: 'does not answer' } });
  expect(sleeps).toEqual([1_000]);
});

it('tells being alive from being ready', async () => {
  const get = await start({ alive: [check('loop', () => null)], ready: [check('kafka', () => 'down')] });
  expect((await get('/healthz')).status).toBe(200);
  expect((await get('/readyz')).status).toBe(503);
});

it('serves the metrics as Prometheus reads them', async () => {
  const response = await (await start({}))('/metrics');
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(await response.text()).toBe('postlane_x_total 1\n');
});

it('makes one answer for all who ask at once, and another for who asks later', async () => {
  let made = 0;
  const ask = shared(async () => {
    made += 1;
    return made;
  });
  expect(await Promise.all([ask(), ask(), ask()])).toEqual([1, 1, 1]);
  expect(await ask()).toBe(2);
});

it('serves nothing else, and takes no body', async () => {
  await start({});
  const url = (server as HealthServer).url;
  expect((await fetch(`${url}/`)).status).toBe(404);
  expect((await fetch(`${url}/metrics`, { method: 'POST', body: 'x' })).status).toBe(404);
});

it('says that the port is taken', async () => {
  await start({});
  const port = Number(new URL((server as HealthServer).url).port);
  const options = { host: '127.0.0.1', port, alive: [], ready: [], clock: new VirtualClock() };
  const metrics = { contentType: 'text/plain', text: async () => '' };
  await expect(HealthServer.start({ ...options, metrics })).rejects.toMatchObject({ code: 'INFRA_UNAVAILABLE' });
});

it('stops twice as well as once', async () => {
  await start({});
  await server?.stop();
  await server?.stop();
});
