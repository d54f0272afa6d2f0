import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { startReputation } from '../../../processors/reputation/main.ts';
import { API_SCOPES } from '../../../src/domain/api-key.ts';
import type { Infra } from '../../../src/infra/provider.ts';
import type { Stoppable } from '../../../src/runtime/ports.ts';
import { TestApi } from '../../support/api.ts';
import { startTestInfra } from '../../support/infra.ts';
import { provision } from '../../support/provision.ts';

const TENANTS = ['red', 'green', 'blue'] as const;
type Tenant = (typeof TENANTS)[number];
/** Nobody is called there: no notifier runs. */
const HOOKS = 'http://127.0.0.1:9/';
const SHARED = ['ada@inbox.example', 'grace@inbox.example'] as const;

const ABOUT_MAILS = [
  ...(['send', 'batch', 'get', 'list', 'cancel', 'suppress', 'lift', 'look', 'listed', 'export'] as const),
  ...(['put', 'template', 'templates', 'versions', 'render', 'templated', 'delete'] as const),
] as const;
const ABOUT_HOOKS = [
  ...(['hook', 'hooks', 'hook-shown', 'hook-changed', 'hook-rotated', 'hook-paused', 'hook-resumed'] as const),
  ...(['hook-replayed', 'hook-deliveries', 'hook-removed'] as const),
] as const;

/** What a caller may do; every text that it writes holds the secret of its tenant. */
const calls = fc.record({
  tenant: fc.constantFrom(...TENANTS),
  what: fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...ABOUT_MAILS) },
    // Each waits for what others may have written just before.
    { weight: 1, arbitrary: fc.constantFrom(...ABOUT_HOOKS) },
  ),
  recipient: fc.constantFrom(...SHARED),
  pick: fc.nat(1_000),
  key: fc.option(fc.constantFrom('k-1', 'k-2', 'k-3'), { nil: undefined }),
});
type Call = typeof calls extends fc.Arbitrary<infer C> ? C : never;

describe('tenants', () => {
  let infra: Infra;
  let directory: string;
  let api: TestApi;
  let reputation: Stoppable;
  const run = Date.now();
  const keys = new Map<Tenant, string>();
  /** Of mails. */
  const ids = new Map<string, Tenant>();
  /** Of endpoints. */
  const hooks = new Map<string, Tenant>();
  const secretOf = (tenant: Tenant) => `secret-${tenant}-${run}`;

  const mail = ({ tenant, recipient }: Call) => ({
    type: 'notification',
    recipient,
    payload: { from: `${secretOf(tenant)} <a@shop.example>`, subject: secretOf(tenant), text: secretOf(tenant) },
    tags: ['shared', secretOf(tenant)],
    campaign: 'shared',
    metadata: { secret: secretOf(tenant) },
  });

  const makeHook = (tenant: Tenant): Promise<Response> => {
    const hook = { url: `${HOOKS}${secretOf(tenant)}`, description: secretOf(tenant) };
    return api.post('/v1/webhooks', keys.get(tenant) as string, hook);
  };

  const perform = (call: Call): Promise<Response> => {
    const { tenant, what, recipient, pick } = call;
    const key = keys.get(tenant) as string;
    const oneOf = (known: readonly string[]) => known[pick % Math.max(1, known.length)] ?? 'none';
    const id = oneOf([...ids.keys()]);
    const hook = `/v1/webhooks/${oneOf([...hooks.keys()])}`;
    const headers: Record<string, string> = call.key === undefined ? {} : { 'idempotency-key': call.key };
    const ask = (method: string, path: string) =>
      api.ask(path, { method, headers: { authorization: `Bearer ${key}` } });
    switch (what) {
      case 'send':
        return api.post('/v1/emails', key, mail(call), headers);
      case 'batch':
        return api.post('/v1/emails/batch', key, { emails: [mail(call), {}] }, headers);
      case 'get':
        return ask('GET', `/v1/emails/${id}`);
      case 'list':
        return ask('GET', `/v1/emails?${['', `recipient=${recipient}`, 'tag=shared', 'campaign=shared'][pick % 4]}`);
      case 'cancel':
        return ask('POST', `/v1/emails/${id}/cancel`);
      case 'suppress':
        return api.post('/v1/suppressions', key, { addresses: [recipient], why: secretOf(tenant) });
      case 'lift':
        return ask('DELETE', `/v1/suppressions/${recipient}?why=${secretOf(tenant)}`);
      case 'look':
        return ask('GET', `/v1/suppressions/${recipient}`);
      case 'listed':
        return ask('GET', '/v1/suppressions');
      case 'export':
        return ask('GET', '/v1/suppressions/export');
      case 'put':
        return api.ask('/v1/templates/shared', {
          method: 'PUT',
          headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
          body: JSON.stringify({
            from: 'a@shop.example',
            subject: `${pick % 3} {{ name }}`,
            text: secretOf(tenant),
            headers: { 'X-Secret': secretOf(tenant) },
          }),
        });
      case 'template':
        return ask('GET', `/v1/templates/shared${['', '?version=1', '?version=2'][pick % 3]}`);
      case 'templates':
        return ask('GET', '/v1/templates');
      case 'versions':
        return ask('GET', '/v1/templates/shared/versions');
      case 'render':
        return api.post('/v1/templates/shared/render', key, { mergeData: { name: secretOf(tenant) } });
      case 'templated':
        return api.post('/v1/emails', key, {
          type: 'notification',
          recipient,
          templateId: 'shared',
          mergeData: { name: secretOf(tenant) },
        });
      case 'delete':
        return ask('DELETE', '/v1/templates/shared');
      case 'hook':
        return makeHook(tenant);
      case 'hooks':
        return ask('GET', '/v1/webhooks');
      case 'hook-shown':
        return ask('GET', hook);
      case 'hook-changed':
        return api.ask(hook, {
          method: 'PATCH',
          headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
          body: JSON.stringify({ description: secretOf(tenant) }),
        });
      case 'hook-rotated':
        return api.post(`${hook}/rotate-secret`, key, {});
      case 'hook-paused':
        return ask('POST', `${hook}/pause`);
      case 'hook-resumed':
        return ask('POST', `${hook}/resume`);
      case 'hook-replayed':
        return api.post(`${hook}/replay`, key, { since: new Date(run).toISOString() });
      case 'hook-deliveries':
        return ask('GET', `${hook}/deliveries`);
      case 'hook-removed':
        return ask('DELETE', hook);
    }
  };

  beforeAll(async () => {
    infra = await startTestInfra();
    await provision(infra);
    directory = await mkdtemp(join(tmpdir(), 'postlane-isolation-'));
    await writeFile(join(directory, 'key'), 'a key for tests\n');
    const notifier = `notifier: { key: 'file:${directory}/key', allow_http: true, allowed_networks: [127.0.0.0/8] }`;
    api = await TestApi.start(infra, { yaml: notifier });
    reputation = await startReputation(api.host);
    const scopes = API_SCOPES.filter((scope) => scope !== 'suppressions:all');
    for (const tenant of TENANTS) {
      keys.set(tenant, (await api.key({ tenant: `${tenant}-${run}`, scopes })).text);
      const made = await makeHook(tenant);
      hooks.set(((await made.json()) as { readonly id: string }).id, tenant);
    }
  }, 180_000);

  afterAll(async () => {
    await reputation?.stop();
    await api?.stop();
    await infra?.stop();
    await rm(directory, { recursive: true, force: true });
  }, 60_000);

  it('never see anything of each other, whatever they ask', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(calls, { minLength: 5, maxLength: 25 }), async (story) => {
        for (const call of story) {
          const response = await perform(call);
          const text = await response.text();
          expect(response.status).toBeLessThan(500);
          for (const other of TENANTS) {
            if (other === call.tenant) continue;
            expect(text).not.toContain(secretOf(other));
            for (const [id, owner] of [...ids, ...hooks])
              if (owner === other && !response.url.includes(id)) expect(text).not.toContain(id);
          }
          const [, named = ''] = /\/v1\/(?:emails|webhooks)\/([^/]+)/.exec(response.url) ?? [];
          const owner = ids.get(named) ?? hooks.get(named);
          if (owner !== undefined && owner !== call.tenant) expect(response.status).toBe(404);
          if (call.what === 'send' || call.what === 'batch') {
            for (const [, id] of text.matchAll(/"id":"([^"]+)"/g)) {
              expect(ids.get(id as string) ?? call.tenant).toBe(call.tenant);
              ids.set(id as string, call.tenant);
            }
          }
          if (call.what === 'hook' && response.status === 201) {
            hooks.set((JSON.parse(text) as { readonly id: string }).id, call.tenant);
          }
        }
      }),
      // What a story meets is left by those before it: a shorter one would be another.
      { numRuns: 15, endOnFailure: true },
    );
    // Something was there to be seen; how much is for the random calls to say.
    expect(ids.size).toBeGreaterThan(3);
    expect(hooks.size).toBeGreaterThanOrEqual(TENANTS.length);
  }, 120_000);
});
