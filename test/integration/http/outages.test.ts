import { topics } from '../../../src/contracts/topic.ts';
import type { Infra } from '../../../src/infra/provider.ts';
import { TestApi } from '../../support/api.ts';
import { collect } from '../../support/collect.ts';
import { startTestInfra } from '../../support/infra.ts';
import { provision } from '../../support/provision.ts';
import { RedisServer } from '../../support/redis-server.ts';
import { until } from '../../support/until.ts';

const mail = {
  type: 'transactional',
  recipient: 'ada@inbox.example',
  payload: { from: 'Shop <news@shop.example>', subject: 'Your order', text: 'Thank you.' },
};

describe('the HTTP API while other things are away', () => {
  let infra: Infra;
  let redis: RedisServer;
  let first: TestApi;
  let second: TestApi;
  let key: string;

  const send = async (api: TestApi, idempotencyKey: string) => {
    const response = await api.post('/v1/emails', key, mail, { 'idempotency-key': idempotencyKey });
    const retryAfter = response.headers.get('retry-after');
    return { status: response.status, id: ((await response.json()) as { id?: string }).id, retryAfter };
  };
  const idsInLog = async (): Promise<readonly string[]> => {
    const { kafka, codec } = first.host;
    return (await collect(kafka, codec, topics.ingest('transactional'))).map(({ value }) => value.id);
  };

  beforeAll(async () => {
    infra = await startTestInfra({ own: true });
    await provision(infra);
    redis = await RedisServer.start();
    const options = { redisUrl: redis.url };
    [first, second] = await Promise.all([TestApi.start(infra, options), TestApi.start(infra, options)]);
    key = (await first.key()).text;
    await until('the key to be known there too', async () => (await second.get('/v1/emails', key)).status === 200);
  }, 180_000);

  afterAll(async () => {
    await Promise.all([first?.stop(), second?.stop()]);
    await redis?.kill();
    await infra?.stop();
  }, 60_000);

  it('makes one mail of fifty requests under one key although Redis is killed between them', async () => {
    const asking = Array.from({ length: 50 }, async (_, n) => {
      if (n === 25) await redis.kill();
      const answer = await send(n % 2 === 0 ? first : second, 'killed');
      if (n === 40) await redis.start();
      return answer;
    });
    const answers = await Promise.all(asking);
    const accepted = answers.filter(({ status }) => status === 202);
    expect(answers.every(({ status }) => status === 202 || status === 409)).toBe(true);
    const ids = new Set(accepted.map(({ id }) => id));
    expect(ids.size).toBe(1);
    // Copies may lie in the log, under one id and with one content, of which the router lets one through.
    const contents = await collect(first.host.kafka, first.host.codec, topics.ingest('transactional'));
    const copies = contents.filter(({ value }) => ids.has(value.id)).map(({ value }) => JSON.stringify(value));
    expect(new Set(copies).size).toBe(1);
  });

  it('answers 503 and never 202 while the broker is away, in bounded time, and 202 when it is back', async () => {
    await infra.killBroker('SIGKILL');
    const during = await Promise.all(
      Array.from({ length: 30 }, (_, n) => send(n % 2 === 0 ? first : second, `away-${n}`)),
    );
    expect(during.map(({ status }) => status)).toEqual(Array(30).fill(503));
    expect(during.every(({ retryAfter }) => Number(retryAfter) >= 1)).toBe(true);
    await infra.startBroker();
    const ids: (string | undefined)[] = [];
    for (let n = 0; n < 30; n++) {
      await until('the broker to take mails again', async () => {
        const { status, id } = await send(n % 2 === 0 ? second : first, `away-${n}`);
        if (status === 202) ids.push(id);
        return status === 202;
      });
    }
    const inLog = await idsInLog();
    expect(ids.filter((id) => id === undefined || !inLog.includes(id))).toEqual([]);
  }, 180_000);
});
