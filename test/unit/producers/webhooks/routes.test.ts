import { generateKeyPairSync } from 'node:crypto';
import { accept } from '../../../../producers/webhooks/accept.ts';
import { Certificates } from '../../../../producers/webhooks/certificates.ts';
import { keysOf } from '../../../../producers/webhooks/keys.ts';
import type { WebhookRequest } from '../../../../producers/webhooks/request.ts';
import { type WebhookParts, webhookRoutes } from '../../../../producers/webhooks/routes.ts';
import type { WebhookRoute } from '../../../../src/config/types.ts';
import type { Feedback } from '../../../../src/contracts/generated.ts';
import { HttpServer } from '../../../../src/http/server.ts';
import { MemoryAnswers } from '../../../../src/limits/memory-answers.ts';
import type { Output } from '../../../../src/runtime/processor.ts';
import { selfSigned, yearFrom } from '../../../../src/secrets/self-signed.ts';
import { MemorySecrets } from '../../../../src/testing/memory-secrets.ts';
import { RecordingTelemetry } from '../../../../src/testing/recording-telemetry.ts';
import { VirtualClock } from '../../../../src/testing/virtual-clock.ts';
import { NOW } from '../../../support/feedback.ts';
import {
  amazon,
  genericCall,
  mailgunCall,
  mailgunEvent,
  proofs,
  routes,
  sns,
  subscription,
} from '../../../support/webhooks.ts';
import { issue } from '../../../support/x509.ts';

let server: HttpServer<null>;
let telemetry: RecordingTelemetry;
let appended: Output<Feedback>[];
let confirmed: string[];
/** What appending waits for, or fails with. */
let append: () => Promise<void>;
let key: unknown;

beforeEach(async () => {
  telemetry = new RecordingTelemetry();
  appended = [];
  confirmed = [];
  append = () => Promise.resolve();
  key = amazon.publicKey;
  const parts: WebhookParts = {
    routes: () => Object.values(routes),
    certificates: { keyOf: () => key as never, fetch: () => Promise.resolve(true) },
    // The log has shown none of them yet.
    deliveries: { known: () => undefined },
    answers: new MemoryAnswers({ now: () => NOW }),
    async append(record) {
      await append();
      appended.push(record);
    },
    async confirm(url) {
      await append();
      confirmed.push(url);
    },
    clock: { now: () => NOW, sleep: () => Promise.resolve() },
    telemetry,
  };
  const clock = { now: () => Date.now(), sleep: (ms: number, signal?: AbortSignal) => sleep(ms, signal) };
  server = await HttpServer.start<null>({
    host: '127.0.0.1',
    port: 0,
    routes: webhookRoutes(parts),
    document: { title: 'x', description: 'x', version: '1', shared: [] },
    authorize: () => Promise.resolve({ ok: true, caller: null }),
    admission: { requestsMax: 10, bytesMax: 5_000_000 },
    answerMsMax: 5_000,
    clock,
    telemetry,
  });
});
afterEach(() => server.stop({ withinMs: 1_000 }));

const sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });

const HEADERS = ['webhook-id', 'webhook-timestamp', 'webhook-signature', 'authorization'];
/** Calls a route over HTTP; answers the status. */
async function call(route: string, { body, header }: WebhookRequest, type = 'application/json'): Promise<number> {
  const headers = HEADERS.flatMap((name) => (header(name) === undefined ? [] : [[name, header(name) as string]]));
  const response = await fetch(`${server.url}/v1/webhooks/${route}`, {
    method: 'POST',
    body: Buffer.from(body),
    headers: Object.fromEntries([...headers, ['content-type', type]]),
  });
  await response.arrayBuffer();
  return response.status;
}
const counted = (route: string, what: string): number =>
  telemetry.sum(`postlane_webhooks_total${JSON.stringify({ route, what })}`);

describe('webhooks over HTTP', () => {
  it('keep the bytes as they came, whatever their media type, and answer then', async () => {
    const odd = genericCall({ body: '{ "type" : "email.bounced",\r\n "data":{} }  ' });
    expect(await call('generic', odd)).toBe(200);
    const message = sns();
    expect(await call('ses', message, 'text/plain; charset=UTF-8')).toBe(200);
    expect(appended.map(({ value }) => (value as Feedback).body)).toEqual([odd.body, message.body]);
    expect(counted('generic', 'taken')).toBe(1);
  });

  it('keep a delivery once', async () => {
    expect(await call('generic', genericCall())).toBe(200);
    expect(await call('generic', genericCall())).toBe(200);
    expect(appended).toHaveLength(1);
    expect(counted('generic', 'repeated')).toBe(1);
  });

  it('do not keep what is refused, and count why', async () => {
    expect(await call('generic', genericCall({ signed: '{}' }))).toBe(401);
    expect(await call('mailgun', mailgunCall())).toBe(200);
    expect(await call('mailgun', mailgunCall({ event: { ...mailgunEvent, recipient: 'x@y.example' } }))).toBe(406);
    expect(await call('nobody', genericCall())).toBe(404);
    expect(appended).toHaveLength(1);
    expect(counted('generic', 'bad-signature')).toBe(1);
    expect(counted('mailgun', 'token-reused')).toBe(1);
  });

  it('tell the provider to come again while nothing can be kept, and then take it', async () => {
    append = () => Promise.reject(new Error('the broker is away'));
    expect(await call('generic', genericCall())).toBe(503);
    append = () => Promise.resolve();
    expect(await call('generic', genericCall())).toBe(200);
    expect(appended).toHaveLength(1);
  });

  it('do not say that a delivery was kept while it is being kept', async () => {
    let release: () => void = () => undefined;
    const began = new Promise<void>((resolve) => {
      append = () =>
        new Promise((end) => {
          release = end;
          resolve();
        });
    });
    const first = call('generic', genericCall());
    await began;
    expect(await call('generic', genericCall())).toBe(503);
    release();
    expect(await first).toBe(200);
    expect(appended).toHaveLength(1);
  });

  it('confirm a subscription, and try again where that fails', async () => {
    append = () => Promise.reject(new Error('not reached'));
    expect(await call('ses', subscription())).toBe(503);
    append = () => Promise.resolve();
    expect(await call('ses', subscription())).toBe(200);
    expect(confirmed).toHaveLength(1);
  });

  it('take no body that is larger than what is kept', async () => {
    expect(await call('generic', genericCall({ body: `"${'x'.repeat(900_001)}"` }))).toBe(413);
  });
});

describe('certificates', () => {
  const url = 'https://sns.eu-west-1.amazonaws.com/x.pem';
  const certificatesBy = (clock: VirtualClock, fetchText: () => Promise<string>) =>
    new Certificates({ clock, telemetry, anchors: { certificates: [], required: false }, fetchText });

  it('are fetched once, and a failure is not repeated at once', async () => {
    const clock = new VirtualClock(NOW);
    let fetches = 0;
    const certificates = certificatesBy(clock, () => {
      fetches++;
      return Promise.reject(new Error('no'));
    });
    expect(certificates.keyOf(url)).toBeUndefined();
    await Promise.all([certificates.fetch(url), certificates.fetch(url)]);
    expect([fetches, certificates.keyOf(url)]).toEqual([1, null]);
    await clock.advance(61_000);
    expect(certificates.keyOf(url)).toBeUndefined();
  });

  it('are of no use where they are none, of another kind of key, or not valid now', async () => {
    const clock = new VirtualClock(NOW);
    for (const text of ['x', selfSigned({ names: ['sns.example'], ...yearFrom(NOW) }).cert]) {
      const certificates = certificatesBy(clock, () => Promise.resolve(text));
      await certificates.fetch(url);
      expect(certificates.keyOf(url)).toBeNull();
    }
    expect(telemetry.logged).toContainEqual(
      expect.objectContaining({ level: 'warn', facts: { url, fault: 'other-name' } }),
    );
  });

  it('are known by their key until they end', async () => {
    const clock = new VirtualClock(NOW);
    const issuer = issue({ name: 'Issuer', isAuthority: true, ...yearFrom(NOW) });
    const { pem } = issue({ name: 'sns.amazonaws.com', by: issuer, from: NOW - 1_000, until: NOW + 60_000 });
    const certificates = certificatesBy(clock, () => Promise.resolve(pem));
    await certificates.fetch(url);
    expect(certificates.keyOf(url)).toMatchObject({ asymmetricKeyType: 'rsa' });
    await clock.advance(60_000);
    expect(certificates.keyOf(url)).toBeNull();
  });

  it('are fetched a few at a time', async () => {
    const certificates = certificatesBy(new VirtualClock(NOW), () => new Promise(() => undefined));
    for (let n = 0; n < 4; n++) void certificates.fetch(`${url}?${n}`);
    expect(await certificates.fetch(`${url}?4`)).toBe(false);
  });
});

describe('a route’s secret', () => {
  const route = (over: Partial<WebhookRoute>): WebhookRoute => ({
    region: null,
    name: 'hook',
    format: 'generic',
    secret: 'env:HOOK_SECRET',
    topics: [],
    allowSnsSignatureV1: false,
    tenant: null,
    sources: [],
    ...over,
  });
  const keys = (over: Partial<WebhookRoute>, secret: string) => {
    return keysOf(route(over), new MemorySecrets({ 'env:HOOK_SECRET': secret }));
  };
  const none = new MemorySecrets();
  const spki = (curve: string) =>
    generateKeyPairSync('ec', { namedCurve: curve })
      .publicKey.export({ format: 'der', type: 'spki' })
      .toString('base64');

  it('proves what it is for', async () => {
    const secret = `whsec_${(routes.generic.secrets[0] as Buffer).toString('base64')}`;
    const made = await keys({}, `${secret}\n`);
    expect(accept(genericCall(), made, proofs(), NOW).kind).toBe('taken');
    expect((await keys({ format: 'sendgrid' }, `${spki('P-256')}\n${spki('P-256')}`)).publicKeys).toHaveLength(2);
  });

  it.each<[string, Partial<WebhookRoute>, string]>([
    ['is too short', {}, `whsec_${Buffer.from('short').toString('base64')}`],
    ['has no prefix', {}, Buffer.alloc(32).toString('base64')],
    ['is no key', { format: 'sendgrid' }, 'abc'],
    ['is a key of another curve', { format: 'sendgrid' }, spki('P-384')],
    ['has no password', { format: 'postmark' }, 'postmark'],
    ['has a password that can be guessed', { format: 'postmark' }, 'postmark:secret'],
    ['is a short signing key', { format: 'mailgun' }, 'key'],
  ])('keeps the route from starting where it %s', async (_, over, secret) => {
    await expect(keys(over, secret)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  it('keeps the route from starting where there is none', async () => {
    await expect(keysOf(route({ secret: null }), none)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await expect(keysOf(route({ format: 'ses', secret: null }), none)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
    await expect(keysOf(route({}), none)).rejects.toMatchObject({ code: 'SECRET_UNAVAILABLE' });
  });
});
