import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startNotifier } from '../../processors/notifier/main.ts';
import { verifyWebhook } from '../../src/client/index.ts';
import type { DeliveryResult } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import { API_SCOPES } from '../../src/domain/api-key.ts';
import { annotated, ending } from '../../src/domain/results.ts';
import { HOUR_MS } from '../../src/domain/time.ts';
import type { Hosted } from '../../src/host/host.ts';
import { Publisher } from '../../src/kafka/publisher.ts';
import type { Telemetry } from '../../src/runtime/ports.ts';
import { TestApi } from '../support/api.ts';
import { startTestInfra } from '../support/infra.ts';
import { provision } from '../support/provision.ts';
import { silentTelemetry } from '../support/silent-telemetry.ts';
import { SkippingClock } from '../support/skipping-clock.ts';
import { until } from '../support/until.ts';
import { type BadEndpoint, httpEndpoint, LIES, rawEndpoint, type TestEndpoint } from '../support/webhook-servers.ts';

/** What the issue allows between an event and a good endpoint that has it. */
const GOOD_MS_MAX = 2_000;
/** Longer than the longest pause between two questions to an endpoint that is down. */
const SKIP_MS = 2 * HOUR_MS;

const SKIP_AGAIN_MS = 2_000;

interface Shown {
  readonly id: string;
  readonly secret: string;
  readonly state: string;
  readonly pause: { readonly reason: string } | null;
  readonly waiting: number;
  readonly delivered: number;
  readonly lost: number;
  readonly exhausted: number;
  readonly replays: readonly { readonly id: string; readonly done: boolean }[];
}

describe('webhooks to customers', () => {
  const tenant = `tenant-${Date.now()}`;
  const clock = new SkippingClock();
  const closing: (() => unknown)[] = [];
  let api: TestApi;
  let notifier: Hosted;
  let appender: Publisher;
  let key: string;
  let recorded = 0;
  /** Of the endpoints that the notifier has heard of, those that are paused. */
  let pausedEndpoints = 0;

  beforeAll(async () => {
    const infra = await startTestInfra();
    closing.push(() => infra.stop());
    await provision(infra);
    const directory = await mkdtemp(join(tmpdir(), 'postlane-webhooks-'));
    closing.push(() => rm(directory, { recursive: true, force: true }));
    await writeFile(join(directory, 'key'), 'a key for tests\n');
    const yaml = [
      'notifier:',
      `  key: file:${join(directory, 'key')}`,
      '  allow_http: true',
      '  allowed_networks: [127.0.0.0/8]',
      '  timeout: 500ms',
    ].join('\n');
    api = await TestApi.start(infra, { yaml });
    closing.push(() => api.stop());
    key = (await api.key({ tenant, scopes: [...API_SCOPES] })).text;
    appender = new Publisher({ kafka: api.host.kafka });
    closing.push(() => appender.close());
    const telemetry: Telemetry = {
      ...silentTelemetry,
      gauge(name, value, labels) {
        if (name === 'postlane_notifier_endpoints' && labels?.state === 'paused') pausedEndpoints = value;
      },
    };
    notifier = await startNotifier({ ...api.host, clock, telemetry });
    closing.push(() => notifier.stop());
  }, 120_000);

  afterAll(async () => {
    for (const close of closing.reverse()) await close();
  }, 60_000);

  const ask = async <T>(method: string, path: string, body?: unknown): Promise<{ status: number; body: T }> => {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    const init = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) };
    const response = await api.ask(path, init);
    const text = await response.text();
    return { status: response.status, body: (text === '' ? null : JSON.parse(text)) as T };
  };
  const show = async (id: string): Promise<Shown> => (await ask<Shown>('GET', `/v1/webhooks/${id}`)).body;
  const create = async (url: string, more: object = {}): Promise<Shown> => {
    const { status, body } = await ask<Shown>('POST', '/v1/webhooks', { url, ...more });
    expect(status).toBe(201);
    return body;
  };
  /** The mail's id; a result of a mail of the tenant is in the log. */
  const record = async (over: Partial<DeliveryResult> = {}): Promise<string> => {
    const id = `mail-${++recorded}`;
    const job = { id, tenant, type: 'transactional' as const, recipient: 'ada@inbox.example' };
    const result = { ...ending({ ...job, campaign: null, tags: [], metadata: [] }, 'sent', 1, Date.now()), ...over };
    const topic = topics.results('transactional');
    await appender.append([{ topic: topic.name, key: id, value: api.host.codec.encode(topic, result) }]);
    return id;
  };
  const idsIn = (endpoint: TestEndpoint): ReadonlySet<string> =>
    new Set(endpoint.received.map(({ body }) => (JSON.parse(body) as { data: { id: string } }).data.id));
  /** Skips some time whenever nothing has happened for a while. */
  const untilSkipping = (what: string, condition: () => boolean | Promise<boolean>): Promise<void> => {
    let skippedAt = Date.now();
    return until(what, async () => {
      if (await condition()) return true;
      if (Date.now() - skippedAt > SKIP_AGAIN_MS) {
        clock.skip(SKIP_MS);
        skippedAt = Date.now();
      }
      return false;
    });
  };
  const started = async <E extends TestEndpoint>(endpoint: Promise<E>): Promise<E> => {
    const made = await endpoint;
    closing.push(() => made.stop());
    return made;
  };

  it('tells the good one within two seconds beside a dead, a slow, a redirecting and a lying one, which lose nothing', async () => {
    const good = await started(httpEndpoint());
    const trap = await started(httpEndpoint());
    const bad: Record<string, BadEndpoint> = {
      dead: await started(rawEndpoint((socket) => socket.destroy())),
      slow: await started(rawEndpoint(() => undefined)),
      redirecting: await started(
        rawEndpoint((socket) => socket.end(`HTTP/1.1 307 Elsewhere\r\nlocation: ${trap.url}\r\n\r\n`)),
      ),
      lying: await started(rawEndpoint((socket, call) => LIES[call % LIES.length]?.(socket))),
    };
    const told = await create(good.url);
    const ids = new Map<string, string>();
    for (const [name, { url }] of Object.entries(bad)) ids.set(name, (await create(url)).id);
    const names = Object.keys(bad);
    const isPaused = async (name: string) => (await show(ids.get(name) ?? '')).state === 'paused';

    const mails: string[] = [];
    const delays: number[] = [];
    const tell = async (): Promise<void> => {
      mails.push(await record());
      const recordedAt = Date.now();
      await until('the good one to be told', () => idsIn(good).has(mails.at(-1) as string));
      delays.push(Date.now() - recordedAt);
    };
    for (let n = 0; n < 50; n++) await tell();
    for (let skipped = 0; skipped < 26 * HOUR_MS; skipped += SKIP_MS) {
      const calls = names.map((name) => bad[name]?.calls() ?? 0);
      clock.skip(SKIP_MS);
      await tell();
      for (const [n, name] of names.entries()) {
        const isAsked = async () => (bad[name]?.calls() ?? 0) > (calls[n] ?? 0) || (await isPaused(name));
        // Where its last answer came after the skip, its pause began only then.
        await untilSkipping(`${name} to be asked again, or to be paused`, isAsked);
      }
    }
    expect(Math.max(...delays)).toBeLessThan(GOOD_MS_MAX);
    for (const name of names) {
      await until(`${name} to be paused`, () => isPaused(name));
      const { pause, delivered } = await show(ids.get(name) ?? '');
      expect([name, pause?.reason, delivered]).toEqual([name, 'dead', 0]);
      // Asked seldom, however much there is to tell.
      expect(bad[name]?.calls()).toBeLessThan(100);
    }
    expect(trap.calls()).toBe(0);
    expect((await show(told.id)).state).toBe('active');

    for (const [name, id] of ids) {
      bad[name]?.mend();
      expect((await ask('POST', `/v1/webhooks/${id}/resume`)).status).toBe(200);
    }
    for (const [name, id] of ids) {
      const endpoint = bad[name] as BadEndpoint;
      // On a busy machine an attempt may take too long, and is made again later.
      await untilSkipping(`${name} to be told everything`, () => idsIn(endpoint).size === mails.length);
      expect([...idsIn(endpoint)].toSorted()).toEqual(mails.toSorted());
      const isSettled = async () => (await show(id)).waiting === 0 && (await show(id)).delivered >= mails.length;
      await untilSkipping('that to be known', isSettled);
      expect(await show(id)).toMatchObject({ state: 'active', waiting: 0, lost: 0, exhausted: 0 });
    }
    // The same event has the same id everywhere.
    const eventIds = ({ received }: TestEndpoint) => [...new Set(received.map(({ headers }) => headers['webhook-id']))];
    for (const name of names) expect(eventIds(bad[name] as BadEndpoint).toSorted()).toEqual(eventIds(good).toSorted());
    process.stderr.write(`good endpoint: ${mails.length} events, slowest ${Math.max(...delays)} ms\n`);
  }, 180_000);

  it('signs what its own client verifies, also while one secret follows another', async () => {
    const endpoint = await started(httpEndpoint());
    const made = await create(endpoint.url, { events: ['email.complained'] });
    await record();
    const job = { id: 'complained', tenant, type: 'marketing' as const, recipient: 'ada@inbox.example' };
    const subject = { ...job, campaign: 'spring', tags: ['a'], metadata: [{ name: 'order', value: '4711' }] };
    const tell = async (n: number) => {
      await record(annotated(subject, 'complained', n));
      await until('it to be told', () => endpoint.received.length === n);
      return endpoint.received[n - 1] as (typeof endpoint.received)[number];
    };
    const verify = ({ headers, body }: (typeof endpoint.received)[number], secret: string) =>
      verifyWebhook({ secret, headers, body, now: clock.now() });
    const { event } = await verify(await tell(1), made.secret);
    expect(event).toMatchObject({
      type: 'email.complained',
      data: { id: 'complained', campaign: 'spring', tags: ['a'], metadata: { order: '4711' } },
    });
    const rotated = await ask<Shown>('POST', `/v1/webhooks/${made.id}/rotate-secret`, { graceHours: 240 });
    expect(rotated.body.secret).not.toBe(made.secret);
    await until('the new secret to sign', async () => {
      const next = await tell(endpoint.received.length + 1);
      await verify(next, made.secret);
      return verify(next, rotated.body.secret).then(
        () => true,
        () => false,
      );
    });
  });

  it('pauses, changes, replays, lists and deletes', async () => {
    const endpoint = await started(httpEndpoint());
    const made = await create(endpoint.url, { description: 'mine' });
    const since = new Date().toISOString();
    const first = await record();
    await until('it to be told', () => idsIn(endpoint).has(first));
    await until('no endpoint to be paused', () => pausedEndpoints === 0);
    expect((await ask<Shown>('POST', `/v1/webhooks/${made.id}/pause`)).body).toMatchObject({
      state: 'paused',
      pause: { reason: 'asked for' },
    });
    // What happens before the notifier has heard of it is still told.
    await until('the notifier to have heard of the pause', () => pausedEndpoints === 1);
    const second = await record();
    const moved = await started(httpEndpoint());
    const changed = await ask('PATCH', `/v1/webhooks/${made.id}`, { url: moved.url });
    expect(changed.body).toMatchObject({ url: moved.url, description: 'mine', state: 'paused' });
    expect((await ask('POST', `/v1/webhooks/${made.id}/resume`)).status).toBe(200);
    await until('it to be told', () => idsIn(moved).has(second));
    expect(idsIn(endpoint).has(second)).toBe(false);
    const asked = await ask<{ id: string }>('POST', `/v1/webhooks/${made.id}/replay`, { since });
    expect(asked.status).toBe(202);
    await until('it to be told again', () => idsIn(moved).has(first));
    const isDone = async () => (await show(made.id)).replays.some(({ id, done }) => done && id === asked.body.id);
    await until('the replay to be done', isDone);
    const deliveries = await ask<{ attempts: readonly { emailId: string; taken: boolean }[] }>(
      'GET',
      `/v1/webhooks/${made.id}/deliveries`,
    );
    expect(deliveries.body.attempts).toContainEqual(
      expect.objectContaining({ emailId: first, taken: true, status: 204 }),
    );
    const list = await ask<{ webhooks: readonly Shown[] }>('GET', '/v1/webhooks');
    expect(list.body.webhooks.map(({ id }) => id)).toContain(made.id);
    expect(JSON.stringify(list.body)).not.toContain('whsec_');
    expect((await ask('DELETE', `/v1/webhooks/${made.id}`)).status).toBe(204);
    expect((await ask('GET', `/v1/webhooks/${made.id}`)).status).toBe(404);
  });

  it('shows and tells a tenant nothing of another', async () => {
    const endpoint = await started(httpEndpoint());
    const made = await create(endpoint.url);
    const stranger = (await api.key({ tenant: `${tenant}-other`, scopes: [...API_SCOPES] })).text;
    const asStranger = (method: string, path: string, body?: unknown) =>
      api.ask(path, {
        method,
        headers: { authorization: `Bearer ${stranger}`, 'content-type': 'application/json' },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
    const path = `/v1/webhooks/${made.id}`;
    const answers = await Promise.all([
      asStranger('GET', path),
      asStranger('GET', `${path}/deliveries`),
      asStranger('PATCH', path, { description: 'mine now' }),
      asStranger('POST', `${path}/rotate-secret`, {}),
      asStranger('POST', `${path}/pause`),
      asStranger('POST', `${path}/resume`),
      asStranger('POST', `${path}/replay`, { since: 0 }),
      asStranger('DELETE', path),
    ]);
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(404));
    expect(await (await asStranger('GET', '/v1/webhooks')).json()).toEqual({ webhooks: [] });
    await record({ tenant: `${tenant}-other` });
    const own = await record();
    await until('its own to be told', () => idsIn(endpoint).has(own));
    expect(idsIn(endpoint).size).toBe(1);
    const reader = (await api.key({ tenant, scopes: ['webhooks:read'] })).text;
    expect((await api.post(`${path}/pause`, reader, {})).status).toBe(403);
  });

  it('refuses with a clear error what leads inwards or is none', async () => {
    for (const url of ['https://10.0.0.1/', 'https://[::1]/', 'https://169.254.169.254/', 'file:///etc/passwd', 'x']) {
      const { status, body } = await ask<{ field: string; detail: string }>('POST', '/v1/webhooks', { url });
      expect([url, status, body.field]).toEqual([url, 422, '/url']);
      expect(body.detail).toMatch(/must|no URL/);
    }
  });
});
