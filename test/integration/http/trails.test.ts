import type { DeliveryResult } from '../../../src/contracts/generated.ts';
import { topics } from '../../../src/contracts/topic.ts';
import { attempted, ending } from '../../../src/domain/results.ts';
import type { Infra } from '../../../src/infra/provider.ts';
import { Publisher } from '../../../src/kafka/publisher.ts';
import { TestApi } from '../../support/api.ts';
import { collect } from '../../support/collect.ts';
import { startTestInfra } from '../../support/infra.ts';
import { provision } from '../../support/provision.ts';
import { until } from '../../support/until.ts';

const mail = (over: object = {}) => ({
  type: 'notification',
  recipient: 'ada@inbox.example',
  payload: { from: 'Shop <news@shop.example>', subject: 'Your order', text: 'Thank you.' },
  ...over,
});

describe('what became of mails, over HTTP', () => {
  let infra: Infra;
  let first: TestApi;
  let second: TestApi;
  let appender: Publisher;
  let key: string;
  const tenant = `tenant-${Date.now()}`;

  const send = async (over: object = {}, by = key): Promise<string> => {
    const response = await first.post('/v1/emails', by, mail(over));
    expect(response.status).toBe(202);
    return ((await response.json()) as { id: string }).id;
  };
  const trail = async (id: string, by = key) => {
    const response = await second.get(`/v1/emails/${id}`, by);
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const job = (id: string) => ({
    id,
    tenant,
    type: 'notification' as const,
    recipient: 'ada@inbox.example',
    campaign: null,
    tags: [],
    metadata: [],
  });
  const tell = async (result: DeliveryResult) => {
    const topic = topics.results('notification');
    await appender.append([{ topic: topic.name, key: result.jobId, value: first.host.codec.encode(topic, result) }]);
  };
  const emails = async (query: string, by = key) => {
    const response = await second.get(`/v1/emails?${query}`, by);
    expect(response.status).toBe(200);
    return (await response.json()) as { emails: { id: string; state: string }[]; next: string | null };
  };

  beforeAll(async () => {
    infra = await startTestInfra();
    await provision(infra);
    [first, second] = await Promise.all([TestApi.start(infra), TestApi.start(infra)]);
    appender = new Publisher({ kafka: first.host.kafka });
    key = (await first.key({ tenant })).text;
    await until('the key to be known there too', async () => (await second.get('/v1/emails', key)).status === 200);
  }, 180_000);

  afterAll(async () => {
    await appender?.close();
    await Promise.all([first?.stop(), second?.stop()]);
    await infra?.stop();
  }, 60_000);

  it('never says that a mail which was answered with 202 is not there, whichever instance is asked', async () => {
    for (let n = 0; n < 20; n++) {
      const id = await send();
      expect(await trail(id)).toMatchObject({ status: 200, body: { id, state: 'accepted', waiting: { for: 'turn' } } });
    }
  });

  it('says that there is none, of an unknown id and of another tenant’s', async () => {
    const id = await send();
    const other = await first.key({ tenant: `${tenant}-other` });
    await until(
      'the key to be known there too',
      async () => (await second.get('/v1/emails', other.text)).status === 200,
    );
    expect((await trail('018f4e0e-0000-7000-8000-000000000000')).status).toBe(404);
    expect((await trail(id, other.text)).status).toBe(404);
    expect((await second.post(`/v1/emails/${id}/cancel`, other.text, '')).status).toBe(404);
    expect((await emails('limit=100', other.text)).emails).toEqual([]);
  });

  it('shows what a mail waits for, each attempt with its reply, and the ending', async () => {
    const sendAt = Date.now() + 3_600_000;
    expect((await trail(await send({ sendAt }))).body).toMatchObject({
      waiting: { for: 'send-at', until: new Date(sendAt).toISOString() },
    });
    const id = await send();
    const at = Date.now();
    const later = at + 600_000;
    await tell(attempted(job(id), 1, at, { smtpCode: 451, reply: 'later', until: later }));
    await until('the attempt to be seen', async () => (await trail(id)).body.state === 'deferred');
    expect((await trail(id)).body).toMatchObject({
      waiting: { for: 'retry', until: new Date(later).toISOString(), why: '451 later' },
    });
    await tell(ending(job(id), 'sent', 2, at + 1, { smtpCode: 250, reply: 'OK' }));
    await until('the ending to be seen', async () => (await trail(id)).body.state === 'sent');
    expect((await trail(id)).body).toMatchObject({
      waiting: null,
      events: [
        { kind: 'attempt', smtpCode: 451 },
        { kind: 'ending', ending: 'sent', smtpCode: 250 },
      ],
    });
  });

  it('shows an expiry beyond the year 9999 as the end of it', async () => {
    const id = await send({ expiresAt: '9999-12-31T23:59:59-10:00' });
    expect(await trail(id)).toMatchObject({ status: 200, body: { expiresAt: '9999-12-31T23:59:59.999Z' } });
  });

  it('finds mails by recipient, tag, campaign and state, page by page', async () => {
    const sent = [];
    for (let n = 0; n < 7; n++)
      sent.push(await send({ recipient: 'Grace@inbox.example', campaign: `c-${n % 2}`, tags: ['t'] }));
    await until('all to be seen', async () => (await emails('tag=t')).emails.length === 7);
    expect((await emails('recipient=grace@inbox.example')).emails.map(({ id }) => id)).toEqual(sent.toReversed());
    expect((await emails('campaign=c-1&tag=t')).emails).toHaveLength(3);
    expect((await emails('tag=t&state=sent')).emails).toEqual([]);
    const pages: string[] = [];
    let next: string | null = '';
    while (next !== null) {
      const page = await emails(`tag=t&limit=3${next === '' ? '' : `&cursor=${next}`}`);
      pages.push(...page.emails.map(({ id }) => id));
      next = page.next;
    }
    expect(pages).toEqual(sent.toReversed());
    expect((await second.get('/v1/emails?cursor=nonsense', key)).status).toBe(422);
  });

  it('records that a mail is called back, until that is committed, or says that it was too late', async () => {
    const id = await send({ sendAt: Date.now() + 3_600_000 });
    const asked = await first.post(`/v1/emails/${id}/cancel`, key, '');
    expect(asked.status).toBe(202);
    expect(await asked.json()).toEqual({ id, cancellation: 'requested' });
    await until('the request to be seen', async () => (await trail(id)).body.cancellation === 'requested');
    expect((await second.post(`/v1/emails/${id}/cancel`, key, '')).status).toBe(202);
    const { kafka, codec } = first.host;
    const found = await collect(kafka, codec, topics.cancellations);
    expect(found.filter(({ value }) => value.jobId === id)).toHaveLength(1);
    await tell(ending(job(id), 'cancelled', 0, Date.now()));
    await until('the ending to be seen', async () => (await trail(id)).body.cancellation === 'cancelled');
    expect((await second.post(`/v1/emails/${id}/cancel`, key, '')).status).toBe(200);
    const late = await send();
    await tell(ending(job(late), 'sent', 1, Date.now()));
    await until('the ending to be seen', async () => (await trail(late)).body.state === 'sent');
    expect((await second.post(`/v1/emails/${late}/cancel`, key, '')).status).toBe(409);
  });
});
