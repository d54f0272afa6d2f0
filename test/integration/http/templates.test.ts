import type { Infra } from '../../../src/infra/provider.ts';
import { TestApi } from '../../support/api.ts';
import { startTestInfra } from '../../support/infra.ts';
import { provision } from '../../support/provision.ts';

type Body = Record<string, unknown>;

const template = (over: object = {}) => ({
  from: '{{ shop }} <news@shop.example>',
  subject: 'News for {{ name }}',
  html: '<p>Dear {{ name }}, <a href="{{ link }}">look</a></p>',
  ...over,
});
const mergeData = { shop: 'The Shop', name: 'Ada', link: 'https://shop.example/' };

describe('templates over HTTP', () => {
  let infra: Infra;
  let first: TestApi;
  let second: TestApi;
  let key: string;
  const run = Date.now();
  let made = 0;
  const newId = () => `news/${run}-${++made}`;
  const path = (id: string, rest = '') => `/v1/templates/${encodeURIComponent(id)}${rest}`;

  const ask = async (method: string, at: string, body?: unknown, { by = key, api = first } = {}) => {
    const headers = {
      authorization: `Bearer ${by}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    };
    const response = await api.ask(at, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    return { status: response.status, body: (await response.json()) as Body };
  };
  const put = (id: string, over: object = {}, options: { by?: string; api?: TestApi } = {}) =>
    ask('PUT', path(id), template(over), options);
  const send = (over: object, options: { by?: string; api?: TestApi } = {}) =>
    ask('POST', '/v1/emails', { type: 'marketing', recipient: 'ada@inbox.example', mergeData, ...over }, options);

  beforeAll(async () => {
    infra = await startTestInfra();
    await provision(infra);
    [first, second] = await Promise.all([TestApi.start(infra), TestApi.start(infra)]);
    key = (await first.key({ tenant: `tenant-${run}` })).text;
    await second.get('/v1/templates', key);
  }, 120_000);

  afterAll(async () => {
    await Promise.all([first?.stop(), second?.stop()]);
    await infra?.stop();
  });

  it('gives every change a version, and what says the same none', async () => {
    const id = newId();
    expect(await put(id)).toMatchObject({
      status: 200,
      body: { id, version: 1, changed: true, variables: ['link', 'name', 'shop'] },
    });
    expect(await put(id)).toMatchObject({ status: 200, body: { version: 1, changed: false } });
    expect(await put(id, { subject: 'Other' })).toMatchObject({ status: 200, body: { version: 2, changed: true } });
    expect((await ask('GET', path(id))).body).toMatchObject({ version: 2, subject: 'Other', text: null, headers: {} });
    expect((await ask('GET', path(id, '?version=1'))).body).toMatchObject({
      version: 1,
      subject: 'News for {{ name }}',
    });
    const { body } = await ask('GET', path(id, '/versions'));
    expect((body.templates as Body[]).map(({ version }) => version)).toEqual([2, 1]);
    expect((await ask('GET', path(id, '?version=3'))).status).toBe(404);
  });

  it('is taken as large as it may be, in the alphabet that takes most room, and refused where no record would hold it', async () => {
    const wide = (length: number) => '漢'.repeat(length);
    const largest = { from: 'news@shop.example', subject: 's', html: wide(256 * 1_024), text: wide(64 * 1_024) };
    expect(await put(newId(), largest)).toMatchObject({ status: 200 });
    const headers = Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`X-${n}`, wide(2_000)]));
    expect(await put(newId(), { ...largest, headers })).toMatchObject({
      status: 422,
      body: { field: '/html', problem: 'too-long' },
    });
  });

  it('is known to every instance as soon as it has been put', async () => {
    for (let n = 0; n < 5; n++) {
      const id = newId();
      expect((await put(id)).status).toBe(200);
      expect((await ask('GET', path(id), undefined, { api: second })).status).toBe(200);
      const other = newId();
      expect((await put(other)).status).toBe(200);
      expect((await send({ templateId: other }, { api: second })).status).toBe(202);
    }
  });

  it('lists page by page', async () => {
    const by = (await first.key({ tenant: `pages-${run}` })).text;
    for (const id of ['a', 'b', 'c']) expect((await put(id, {}, { by })).status).toBe(200);
    const page = (await ask('GET', '/v1/templates?limit=2', undefined, { by })).body;
    expect((page.templates as Body[]).map(({ id }) => id)).toEqual(['a', 'b']);
    const rest = (await ask('GET', `/v1/templates?cursor=${page.next}`, undefined, { by })).body;
    expect(rest).toMatchObject({ templates: [{ id: 'c', version: 1 }], next: null });
  });

  it('gives no two contents one version, whoever puts them at once and where', async () => {
    const id = newId();
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, n) => put(id, { subject: `Subject ${n}` }, { api: n % 2 ? second : first })),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    const versions = answers.map(({ body }) => body.version as number);
    expect([...versions].sort((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, n) => n + 1));
    for (const [n, version] of versions.entries()) {
      for (const api of [first, second]) {
        const { body } = await ask('GET', path(id, `?version=${version}`), undefined, { api });
        expect(body.subject).toBe(`Subject ${n}`);
      }
    }
  });

  it('renders with sample data as it would be sent', async () => {
    const id = newId();
    await put(id);
    const rendered = await ask('POST', path(id, '/render'), { mergeData: { ...mergeData, name: '<b>Ada</b>' } });
    expect(rendered).toMatchObject({
      status: 200,
      body: {
        version: 1,
        from: '"The Shop" <news@shop.example>',
        subject: 'News for <b>Ada</b>',
        html: '<p>Dear &lt;b&gt;Ada&lt;/b&gt;, <a href="https://shop.example/">look</a></p>',
        text: 'Dear <b>Ada</b>, look (https://shop.example/)\n',
      },
    });
    const missing = await ask('POST', path(id, '/render'), { mergeData: { shop: 'x', name: 'y' } });
    expect(missing).toMatchObject({ status: 422, body: { field: '/mergeData/link', problem: 'variable-missing' } });
  });

  it('refuses a mail whose merge data does not fit, and names the field', async () => {
    const templateId = newId();
    await put(templateId);
    expect(await send({ templateId })).toMatchObject({ status: 202, body: { state: 'accepted' } });
    const faults: readonly (readonly [object, string, string])[] = [
      [{ mergeData: { shop: 'x', name: 'y' } }, '/mergeData/link', 'variable-missing'],
      [{ mergeData: { ...mergeData, link: 'javascript:alert(1)' } }, '/mergeData', 'link-forbidden'],
      [{ mergeData: { ...mergeData, name: 'a\r\nBcc: b@c.example' } }, '/mergeData', 'text-forbidden'],
      [{ templateVersion: 9 }, '/templateVersion', 'template-unknown'],
      [{ templateId: 'never-put' }, '/templateId', 'template-unknown'],
      [{ payload: { from: 'a@b.example', subject: 'x', text: 'y' } }, '/payload', 'content-ambiguous'],
    ];
    for (const [over, field, problem] of faults) {
      expect(await send({ templateId, ...over })).toMatchObject({ status: 422, body: { field, problem } });
    }
    const { body } = await ask('POST', '/v1/emails/batch', {
      emails: [
        { type: 'marketing', recipient: 'a@b.example', templateId, mergeData },
        { type: 'marketing', recipient: 'a@b.example', templateId, mergeData: {} },
      ],
    });
    expect(body).toMatchObject({
      accepted: 1,
      refused: 1,
      emails: [{ state: 'accepted' }, { problem: 'variable-missing' }],
    });
  });

  it('accepts no mail for a template that was deleted, and starts it again with the next version', async () => {
    const templateId = newId();
    await put(templateId);
    expect((await ask('DELETE', path(templateId))).body).toEqual({ id: templateId, deleted: true });
    expect((await ask('GET', path(templateId))).status).toBe(404);
    expect((await ask('DELETE', path(templateId))).status).toBe(404);
    expect(await send({ templateId })).toMatchObject({ status: 422, body: { problem: 'template-deleted' } });
    expect((await put(templateId)).body).toMatchObject({ version: 3, changed: true });
    expect((await ask('DELETE', path(templateId, '?purge=true'))).status).toBe(200);
    expect((await ask('GET', path(templateId, '?version=3'))).status).toBe(404);
  });

  it('shows nothing of it to another tenant, and nothing to a key that may not', async () => {
    const templateId = newId();
    await put(templateId, { subject: `secret-${run}` });
    const theirs = (await first.key({ tenant: `other-${run}` })).text;
    const weak = (await first.key({ tenant: `tenant-${run}`, scopes: ['emails:send'] })).text;
    const calls: readonly (readonly [string, string, unknown?])[] = [
      ['GET', path(templateId)],
      ['GET', path(templateId, '/versions')],
      ['POST', path(templateId, '/render'), { mergeData }],
      ['DELETE', path(templateId)],
    ];
    for (const [method, at, body] of calls) {
      const answer = await ask(method, at, body, { by: theirs });
      expect(answer.status).toBe(404);
      expect(JSON.stringify(answer.body)).not.toContain(`secret-${run}`);
      expect((await ask(method, at, body, { by: weak })).status).toBe(403);
    }
    expect(JSON.stringify((await ask('GET', '/v1/templates', undefined, { by: theirs })).body)).not.toContain(
      templateId,
    );
    expect(await send({ templateId }, { by: theirs })).toMatchObject({
      status: 422,
      body: { problem: 'template-unknown' },
    });
    expect((await put(templateId, {}, { by: weak })).status).toBe(403);
    // Under their own id of the same name they have one of their own.
    expect((await put(templateId, { subject: 'theirs' }, { by: theirs })).body).toMatchObject({ version: 1 });
    expect((await ask('GET', path(templateId))).body).toMatchObject({ subject: `secret-${run}` });
  });
});
