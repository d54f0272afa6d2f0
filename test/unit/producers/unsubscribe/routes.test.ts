import { splitFeedback } from '../../../../processors/split/step.ts';
import { type UnsubscribeParts, unsubscribeRoutes } from '../../../../producers/unsubscribe/routes.ts';
import type { Feedback } from '../../../../src/contracts/generated.ts';
import { HttpServer } from '../../../../src/http/server.ts';
import { BoundedMap } from '../../../../src/limits/bounded-map.ts';
import type { Output } from '../../../../src/runtime/processor.ts';
import { UnsubscribeLinks } from '../../../../src/smtp/unsubscribe-links.ts';
import { RecordingTelemetry } from '../../../../src/testing/recording-telemetry.ts';
import { NOW, splitTools } from '../../../support/feedback.ts';

const links = new UnsubscribeLinks('https://shop.example/leave', [Buffer.from('a key of ours for links')]);
const token = links.tokenFor({ tenant: 'acme', type: 'marketing', recipient: '<ada>@inbox.example', jobId: 'job-1' });

let server: HttpServer<null>;
let telemetry: RecordingTelemetry;
let appended: Output<Feedback>[];
let append: () => Promise<void>;
let now: number;

beforeEach(async () => {
  telemetry = new RecordingTelemetry();
  appended = [];
  append = () => Promise.resolve();
  now = NOW;
  const parts: UnsubscribeParts = {
    path: links.path,
    read: (text) => links.read(text),
    async append(record) {
      await append();
      appended.push(record);
    },
    kept: new BoundedMap<string, true>(100),
    clock: { now: () => now, sleep: () => Promise.resolve() },
    telemetry,
  };
  server = await HttpServer.start<null>({
    host: '127.0.0.1',
    port: 0,
    routes: unsubscribeRoutes(parts),
    document: { title: 'x', description: 'x', version: '1', shared: [] },
    authorize: () => Promise.resolve({ ok: true, caller: null }),
    admission: { requestsMax: 10, bytesMax: 1_000_000 },
    answerMsMax: 5_000,
    clock: {
      now: () => Date.now(),
      sleep: (ms, signal) =>
        new Promise((resolve) => {
          const timer = setTimeout(resolve, ms);
          const end = () => {
            clearTimeout(timer);
            resolve();
          };
          signal?.addEventListener('abort', end, { once: true });
        }),
    },
    telemetry,
  });
});
afterEach(() => server.stop({ withinMs: 1_000 }));

const at = (text: string | null) => `${server.url}/leave/${text}`;
const post = (body: string | FormData | undefined, headers: Record<string, string> = {}, where = token) =>
  fetch(at(where), { method: 'POST', body, headers, redirect: 'manual' });
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const counted = (what: string) => telemetry.sum(`postlane_unsubscribe_total${JSON.stringify({ what })}`);
const events = () =>
  appended.flatMap(({ value }) => {
    const split = splitFeedback(value as Feedback, null, splitTools);
    return split.ok ? split.events : [];
  });

describe('a mail program', () => {
  it.each<[string, () => Promise<Response>]>([
    ['in one encoding', () => post('List-Unsubscribe=One-Click', FORM)],
    [
      'in the other',
      () => {
        const form = new FormData();
        form.set('List-Unsubscribe', 'One-Click');
        return post(form);
      },
    ],
    ['in other capitals, without a type', () => post('list-unsubscribe=ONE-CLICK')],
  ])('unsubscribes by one click, %s, and is led nowhere', async (_, call) => {
    const answer = await call();
    expect([answer.status, answer.headers.get('location'), answer.headers.get('set-cookie')]).toEqual([
      200,
      null,
      null,
    ]);
    expect(events()).toMatchObject([
      {
        kind: 'unsubscribe',
        route: 'unsubscribe',
        tenant: 'acme',
        jobId: 'job-1',
        recipient: '<ada>@inbox.example',
        mailType: 'marketing',
        unwanted: 'type',
        at: NOW,
      },
    ]);
    expect(counted('one-click')).toBe(1);
  });

  it('may say it again: it is kept once, and once more when somebody was let in again', async () => {
    await post('List-Unsubscribe=One-Click', FORM);
    expect((await post('List-Unsubscribe=One-Click', FORM)).status).toBe(200);
    expect([appended.length, counted('repeated')]).toEqual([1, 1]);
    now += 3_600_000;
    await post('List-Unsubscribe=One-Click', FORM);
    expect(new Set(events().map(({ eventId }) => eventId)).size).toBe(2);
  });

  it('is told to come again where it cannot be kept', async () => {
    append = () => Promise.reject(new Error('the broker is away'));
    const answer = await post('List-Unsubscribe=One-Click', FORM);
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5']);
    append = () => Promise.resolve();
    expect((await post('List-Unsubscribe=One-Click', FORM)).status).toBe(200);
    expect([appended.length, counted('not-kept')]).toEqual([1, 1]);
  });
});

describe('a person', () => {
  it('sees a page, which changes nothing, however often it is looked at', async () => {
    for (let n = 0; n < 5; n++) {
      const answer = await fetch(at(token));
      const html = await answer.text();
      expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
      expect(html).toContain('&lt;ada&gt;@inbox.example');
      expect(html).not.toContain('<ada>');
      expect(html).toContain('name="unwanted" value="all"');
      expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'");
      expect([answer.headers.get('referrer-policy'), answer.headers.get('cache-control')]).toEqual([
        'no-referrer',
        'no-store',
      ]);
    }
    expect(appended).toEqual([]);
  });

  it.each([['type'], ['all']])('leaves %s, and is told so', async (unwanted) => {
    const answer = await post(`unwanted=${unwanted}`, FORM);
    expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining('Unsubscribed')]);
    expect(events()).toMatchObject([{ unwanted, tenant: 'acme' }]);
  });
});

describe('anybody else', () => {
  it.each<[string, () => Promise<Response>, number, string]>([
    ['a POST that asks for nothing', () => post(undefined), 400, 'not-asked'],
    ['another value', () => post('List-Unsubscribe=Later', FORM), 400, 'not-asked'],
    ['JSON', () => post('{"List-Unsubscribe":"One-Click"}', { 'content-type': 'application/json' }), 400, 'not-asked'],
    ['a forged token', () => post('List-Unsubscribe=One-Click', FORM, 'A'.repeat(60)), 404, 'unknown-link'],
    ['a token that was cut off', () => fetch(at(token?.slice(0, -3) ?? '')), 404, 'unknown-link'],
    ['a token that is far too long', () => fetch(at('A'.repeat(2_000))), 422, ''],
    ['a long body', () => post(`unwanted=all&x=${'x'.repeat(5_000)}`, FORM), 413, ''],
  ])('%s changes nothing', async (_, call, status, what) => {
    const answer = await call();
    expect(answer.status).toBe(status);
    if (what !== '') expect(counted(what)).toBe(1);
    expect(appended).toEqual([]);
  });
});
