import { randomUUID } from 'node:crypto';
import { startReputation } from '../../../processors/reputation/main.ts';
import { topics } from '../../../src/contracts/topic.ts';
import { signal } from '../../../src/domain/results.ts';
import { recipientSubject } from '../../../src/domain/suppression.ts';
import type { Infra } from '../../../src/infra/provider.ts';
import { Publisher } from '../../../src/kafka/publisher.ts';
import type { Stoppable } from '../../../src/runtime/ports.ts';
import { TestApi } from '../../support/api.ts';
import { startTestInfra } from '../../support/infra.ts';
import { provision } from '../../support/provision.ts';
import { until } from '../../support/until.ts';

interface Row {
  readonly address: string;
  readonly suppressed: boolean;
  readonly entries: readonly { readonly list: string; readonly evidence: readonly { who: string; why: string }[] }[];
}

describe('suppressions over HTTP', () => {
  let infra: Infra;
  let api: TestApi;
  let reputation: Stoppable;
  let ours: { readonly text: string; readonly row: { readonly keyId: string; readonly tenant: string } };
  let theirs: string;
  let operator: string;
  const run = Date.now();
  const at = (name: string) => `${name}-${run}@inbox.example`;

  const look = async (address: string, key: string): Promise<Row> =>
    (await (await api.get(`/v1/suppressions/${encodeURIComponent(address)}`, key)).json()) as Row;
  const listed = async (key: string): Promise<readonly Row[]> => {
    const response = await api.get('/v1/suppressions?limit=1000', key);
    return ((await response.json()) as { suppressions: Row[] }).suppressions;
  };

  beforeAll(async () => {
    infra = await startTestInfra();
    await provision(infra);
    api = await TestApi.start(infra);
    reputation = await startReputation(api.host);
    ours = await api.key({ tenant: `ours-${run}` });
    theirs = (await api.key({ tenant: `theirs-${run}` })).text;
    const scopes = ['suppressions:read', 'suppressions:write', 'suppressions:all', 'emails:send'];
    operator = (await api.key({ scopes })).text;
  }, 180_000);

  afterAll(async () => {
    await reputation?.stop();
    await api?.stop();
    await infra?.stop();
  }, 60_000);

  it('suppresses for the tenant alone, with who and why, and lifts it again', async () => {
    const body = { addresses: [at('Ada'), at('grace')], why: 'asked us by phone' };
    expect((await api.post('/v1/suppressions', ours.text, body)).status).toBe(202);
    await until('both to be listed', async () => (await listed(ours.text)).length === 2);
    expect(await look(at('ada'), ours.text)).toMatchObject({
      suppressed: true,
      entries: [{ list: 'tenant', evidence: [{ who: ours.row.keyId, why: 'asked us by phone' }] }],
    });
    expect(await look(at('ada'), theirs)).toMatchObject({ suppressed: false, entries: [] });
    expect(await listed(theirs)).toEqual([]);
    const gone = await api.ask(`/v1/suppressions/${at('ada')}?why=again`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${ours.text}` },
    });
    expect(gone.status).toBe(202);
    await until('it to be lifted', async () => !(await look(at('ada'), ours.text)).suppressed);
  });

  it('keeps the reasons of the installation’s list from tenants, but not that an address is on it', async () => {
    await api.post('/v1/suppressions', operator, { addresses: [at('global')], why: 'a secret of the operator' });
    await until('it to be known', async () => (await look(at('global'), theirs)).suppressed);
    const text = JSON.stringify(await look(at('global'), theirs));
    expect(text).not.toContain('secret');
    expect((await look(at('global'), operator)).entries[0]?.evidence[0]?.why).toBe('a secret of the operator');
    expect(await listed(theirs)).toEqual([]);
  });

  it('tells nobody of a complaint about another tenant’s mail', async () => {
    const subject = recipientSubject(at('complainer'));
    const complaint = (tenant: string) =>
      signal({ eventId: randomUUID(), subject, kind: 'complained', at: Date.now(), tenant, type: 'marketing' });
    const appender = new Publisher({ kafka: api.host.kafka });
    try {
      const value = api.host.codec.encode(topics.reputation, complaint(ours.row.tenant));
      await appender.append([{ topic: topics.reputation.name, key: subject, value }]);
    } finally {
      await appender.close();
    }
    await until('it to be known', async () => (await look(at('complainer'), ours.text)).suppressed);
    expect(await look(at('complainer'), ours.text)).toMatchObject({
      entries: [{ list: 'installation', evidence: [] }],
    });
    expect(await look(at('complainer'), theirs)).toMatchObject({ suppressed: false, entries: [] });
  });

  it('imports and exports files, and says which lines are no addresses', async () => {
    const lines = Array.from({ length: 2_000 }, (_, n) => `import-${n}-${run}@inbox.example,"batch, ""x"""`);
    const csv = ['address,why', ...lines, 'nobody', '"a\u2028b@x.example"'].join('\r\n');
    const response = await api.post('/v1/suppressions/import', theirs, csv, { 'content-type': 'text/csv' });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      recorded: 2_000,
      refused: 2,
      errors: [{ line: 2_002 }, { line: 2_003 }],
    });
    const exported = async () => (await (await api.get('/v1/suppressions/export', theirs)).text()).trim().split('\r\n');
    await until('all to be exported', async () => (await exported()).length === 2_001);
    expect((await exported())[1]).toMatch(/^import-0-\d+@inbox.example,manual,[^,]+,,theirs-\d+,,"batch, ""x"""$/);
  });

  it('names an address that is none', async () => {
    const response = await api.post('/v1/suppressions', ours.text, { addresses: [at('ok'), 'a@b\r\nc'] });
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({ field: '/addresses/1' });
  });
});
