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
const SHARED = ['ada@inbox.example', 'grace@inbox.example'] as const;

/** What a caller may do; every text that it writes holds the secret of its tenant. */
const calls = fc.record({
  tenant: fc.constantFrom(...TENANTS),
  what: fc.constantFrom(
    ...(['send', 'batch', 'get', 'list', 'cancel', 'suppress', 'lift', 'look', 'listed', 'export'] as const),
    ...(['put', 'template', 'templates', 'versions', 'render', 'templated', 'delete'] as const),
  ),
  recipient: fc.constantFrom(...SHARED),
  pick: fc.nat(1_000),
  key: fc.option(fc.constantFrom('k-1', 'k-2', 'k-3'), { nil: undefined }),
});
type Call = typeof calls extends fc.Arbitrary<infer C> ? C : never;

describe('tenants', () => {
  let infra: Infra;
  let api: TestApi;
  let reputation: Stoppable;
  const run = Date.now();
  const keys = new Map<Tenant, string>();
  const ids = new Map<string, Tenant>();
  const secretOf = (tenant: Tenant) => `secret-${tenant}-${run}`;

  const mail = ({ tenant, recipient }: Call) => ({
    type: 'notification',
    recipient,
    payload: { from: `${secretOf(tenant)} <a@shop.example>`, subject: secretOf(tenant), text: secretOf(tenant) },
    tags: ['shared', secretOf(tenant)],
    campaign: 'shared',
    metadata: { secret: secretOf(tenant) },
  });

  const perform = (call: Call): Promise<Response> => {
    const { tenant, what, recipient, pick } = call;
    const key = keys.get(tenant) as string;
    const known = [...ids.keys()];
    const id = known[pick % Math.max(1, known.length)] ?? 'none';
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
    }
  };

  beforeAll(async () => {
    infra = await startTestInfra();
    await provision(infra);
    api = await TestApi.start(infra);
    reputation = await startReputation(api.host);
    const scopes = API_SCOPES.filter((scope) => scope !== 'suppressions:all');
    for (const tenant of TENANTS) keys.set(tenant, (await api.key({ tenant: `${tenant}-${run}`, scopes })).text);
  }, 180_000);

  afterAll(async () => {
    await reputation?.stop();
    await api?.stop();
    await infra?.stop();
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
            for (const [id, owner] of ids)
              if (owner === other && !response.url.includes(id)) expect(text).not.toContain(id);
          }
          const owner = ids.get(/\/v1\/emails\/([^/]+)/.exec(response.url)?.[1] ?? '');
          if (owner !== undefined && owner !== call.tenant) expect(response.status).toBe(404);
          if (call.what === 'send' || call.what === 'batch') {
            for (const [, id] of text.matchAll(/"id":"([^"]+)"/g)) {
              expect(ids.get(id as string) ?? call.tenant).toBe(call.tenant);
              ids.set(id as string, call.tenant);
            }
          }
        }
      }),
      { numRuns: 15 },
    );
    // Something was there to be seen; how much is for the random calls to say.
    expect(ids.size).toBeGreaterThan(3);
  }, 120_000);
});
