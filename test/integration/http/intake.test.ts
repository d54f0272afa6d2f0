import type { EmailJob } from '../../../src/contracts/generated.ts';
import { topics } from '../../../src/contracts/topic.ts';
import { partitionOf } from '../../../src/domain/partitioner.ts';
import type { Infra } from '../../../src/infra/provider.ts';
import { TestApi } from '../../support/api.ts';
import { collect } from '../../support/collect.ts';
import { startTestInfra } from '../../support/infra.ts';
import { provision } from '../../support/provision.ts';
import { until } from '../../support/until.ts';

const mail = (over: object = {}) => ({
  type: 'transactional',
  recipient: 'ada@inbox.example',
  payload: { from: 'Shop <news@shop.example>', subject: 'Your order', text: 'Thank you.' },
  ...over,
});

describe('handing in over HTTP', () => {
  let infra: Infra;
  let first: TestApi;
  let second: TestApi;
  let key: string;

  const jobs = async (id: string): Promise<EmailJob[]> => {
    const { kafka, codec } = first.host;
    const found = await collect(kafka, codec, topics.ingest('transactional'));
    return found.map(({ value }) => value).filter((job) => job.id === id);
  };
  const answerOf = async (response: Response) => ({ status: response.status, body: (await response.json()) as never });

  beforeAll(async () => {
    infra = await startTestInfra();
    await provision(infra);
    [first, second] = await Promise.all([TestApi.start(infra), TestApi.start(infra)]);
    key = (await first.key()).text;
  }, 180_000);

  afterAll(async () => {
    await Promise.all([first?.stop(), second?.stop()]);
    await infra?.stop();
  }, 60_000);

  it('answers 202 with the id of a mail that lies in its home partition', async () => {
    const response = await first.post('/v1/emails', key, mail({ metadata: { order: '7' }, tags: ['order'] }));
    const { status, body } = await answerOf(response);
    expect({ status, body }).toEqual({ status: 202, body: { id: expect.any(String), state: 'accepted' } });
    const { id } = body as { id: string };
    const { kafka, codec } = first.host;
    const found = (await collect(kafka, codec, topics.ingest('transactional'))).find(({ value }) => value.id === id);
    expect(found?.value).toMatchObject({
      tenant: 'default',
      metadata: [{ name: 'order', value: '7' }],
      tags: ['order'],
    });
    expect(found?.partition).toBe(partitionOf(id, 6));
  });

  it('takes no body that names __proto__, and says that this may be why', async () => {
    const named = JSON.stringify(mail({ metadata: { order: '7' } })).replace('"order"', '"__proto__"');
    expect(await answerOf(await first.post('/v1/emails', key, named))).toMatchObject({
      status: 400,
      body: { type: 'urn:postlane:problem:malformed-body', detail: expect.stringContaining('__proto__') },
    });
  });

  it('names the field that is wrong', async () => {
    const { status, body } = await answerOf(await first.post('/v1/emails', key, mail({ recipient: 'nobody' })));
    expect({ status, body }).toEqual({
      status: 422,
      body: expect.objectContaining({ type: 'urn:postlane:problem:invalid-field', field: '/recipient' }),
    });
  });

  it('gives every mail of a batch its own verdict', async () => {
    const emails = [mail(), mail({ recipient: 'no\r\nbody@x.example' }), mail({ nonsense: 1 })];
    const { status, body } = await answerOf(await first.post('/v1/emails/batch', key, { emails }));
    expect({ status, body }).toEqual({
      status: 202,
      body: {
        accepted: 1,
        refused: 2,
        emails: [
          { id: expect.any(String), state: 'accepted' },
          expect.objectContaining({ state: 'refused', field: '/recipient' }),
          expect.objectContaining({ state: 'refused', field: '/nonsense' }),
        ],
      },
    });
  });

  it('takes fifty requests under one idempotency key for one mail, whichever instance is asked', async () => {
    const headers = { 'idempotency-key': 'order-4711' };
    const ask = (n: number) => (n % 2 === 0 ? first : second).post('/v1/emails', key, mail(), headers);
    const answers = await Promise.all(Array.from({ length: 50 }, async (_, n) => answerOf(await ask(n))));
    const accepted = answers.filter(({ status }) => status === 202).map(({ body }) => (body as { id: string }).id);
    expect(new Set(accepted).size).toBe(1);
    expect(answers.every(({ status }) => status === 202 || status === 409)).toBe(true);
    const again = await second.post('/v1/emails', key, mail(), headers);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(await again.json()).toEqual({ id: accepted[0], state: 'accepted' });
    expect(await jobs(accepted[0] as string)).toHaveLength(1);
  });

  it('refuses another mail under the same idempotency key', async () => {
    const headers = { 'idempotency-key': 'order-4712' };
    await first.post('/v1/emails', key, mail(), headers);
    const { status, body } = await answerOf(await second.post('/v1/emails', key, mail({ tags: ['other'] }), headers));
    expect({ status, body }).toMatchObject({
      status: 409,
      body: { type: 'urn:postlane:problem:idempotency-key-reused' },
    });
  });

  it('lets nobody in without a key, with a revoked one, or for what it may not do', async () => {
    expect((await first.post('/v1/emails', null, mail())).status).toBe(401);
    const reader = await first.key({ scopes: ['emails:read'] });
    expect((await first.post('/v1/emails', reader.text, mail())).status).toBe(403);
    await first.putKey({ ...reader.row, revoked: true });
    for (const api of [first, second]) {
      await until(
        'a revoked key to be refused',
        async () => (await api.post('/v1/emails', reader.text, {})).status === 401,
      );
    }
  });

  it('holds rate and quota over both instances, and says when to come back', async () => {
    const { text } = await first.key({ mailsPerDay: 2 });
    await until(
      'the key to be known there too',
      async () => (await second.post('/v1/emails', text, {})).status === 422,
    );
    expect((await first.post('/v1/emails', text, mail())).status).toBe(202);
    expect((await second.post('/v1/emails', text, mail())).status).toBe(202);
    const over = await second.post('/v1/emails', text, mail());
    expect(over.status).toBe(429);
    expect(Number(over.headers.get('retry-after'))).toBeGreaterThan(80_000);
  });
});
