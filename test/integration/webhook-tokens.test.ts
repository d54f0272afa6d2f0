import { type WebhookParts, webhookRoutes } from '../../producers/webhooks/routes.ts';
import { systemClock } from '../../src/host/clock.ts';
import type { HttpReply, HttpRequest } from '../../src/http/route.ts';
import { openRequestStores, type RequestStores } from '../../src/limits/request-stores.ts';
import { RecordingTelemetry } from '../../src/testing/recording-telemetry.ts';
import { NOW } from '../support/feedback.ts';
import { silentTelemetry } from '../support/kafka.ts';
import { RedisServer } from '../support/redis-server.ts';
import { mailgunCall, mailgunEvent, routes } from '../support/webhooks.ts';

describe('a token of Mailgun’s, where two processes take webhooks', () => {
  const stores: RequestStores[] = [];
  let redis: RedisServer;
  let tenants = 0;
  beforeAll(async () => {
    redis = await RedisServer.start();
  });
  afterEach(() => Promise.all(stores.splice(0).map((one) => one.stop())));
  afterAll(() => redis.kill());

  /** Two processes, to neither of which the log has shown yet what the other one kept. */
  async function twoProcesses(shared: boolean) {
    const keyPrefix = `tokens-${++tenants}:`;
    const kept: unknown[] = [];
    const processes = await Promise.all(
      [1, 2].map(async () => {
        const opened = await openRequestStores({
          redis: shared ? { url: redis.url, keyPrefix, commandTimeoutMs: 5_000 } : null,
          clock: systemClock,
          telemetry: silentTelemetry,
        });
        stores.push(opened);
        const parts: WebhookParts = {
          routes: () => Object.values(routes),
          certificates: { keyOf: () => undefined, fetch: () => Promise.resolve(true) },
          deliveries: { known: () => undefined },
          answers: opened.answers,
          append: async (record) => void kept.push(record),
          confirm: () => Promise.resolve(),
          clock: { ...systemClock, now: () => NOW },
          telemetry: new RecordingTelemetry(),
        };
        return webhookRoutes(parts);
      }),
    );
    const call = async (n: 0 | 1, event: object = mailgunEvent): Promise<number> => {
      const { header, body } = mailgunCall({ event });
      const request = { params: { route: 'mailgun' }, header, body: Buffer.from(body) };
      const answer: HttpReply | undefined = await processes[n]?.[0]?.handle(request as unknown as HttpRequest<null>);
      return answer?.status ?? 0;
    };
    return { call, kept };
  }
  const forged = { ...mailgunEvent, recipient: 'somebody-else@inbox.example' };

  it('serves once: the other process refuses another content under it, and does not keep the same again', async () => {
    const { call, kept } = await twoProcesses(true);
    expect(await call(0)).toBe(200);
    expect(await call(1, forged)).toBe(406);
    expect(await call(1)).toBe(200);
    expect(kept).toHaveLength(1);
  });

  it('serves once where both come at the same time', async () => {
    const { call, kept } = await twoProcesses(true);
    const statuses = await Promise.all([call(0), call(1, forged), call(0, forged), call(1)]);
    expect(kept).toHaveLength(1);
    expect(statuses.filter((status) => status === 406)).toHaveLength(2);
  });

  it('is the log’s to notice without Redis: this shows that the others prove something', async () => {
    const { call, kept } = await twoProcesses(false);
    expect([await call(0), await call(1, forged)]).toEqual([200, 200]);
    expect(kept).toHaveLength(2);
  });
});
