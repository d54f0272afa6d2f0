import { join } from 'node:path';
import type { Host } from '../../src/host/host.ts';
import { claimInstanceDirectory } from '../../src/host/instance-directory.ts';
import { HttpServer } from '../../src/http/server.ts';
import { Publisher } from '../../src/kafka/publisher.ts';
import { openRequestStores } from '../../src/limits/request-stores.ts';
import { encodeOutputs } from '../../src/runtime/encode.ts';
import type { Stoppable } from '../../src/runtime/ports.ts';
import { follow } from '../../src/secrets/follow.ts';
import { anchorsOf, Certificates, fetchOverHttps } from './certificates.ts';
import { openDeliveries } from './deliveries.ts';
import { keysOf } from './keys.ts';
import { cryptography } from './proofs.ts';
import { webhookRoutes } from './routes.ts';

/** Providers wait for ten to thirty seconds. */
const APPEND_MS_MAX = 5_000;
/** Beside the append: fetching a certificate. */
const ANSWER_MS_MAX = APPEND_MS_MAX + 6_000;
const REQUESTS_MAX = 500;
const BYTES_MAX = 64_000_000;

const DOCUMENT = {
  title: 'Postlane webhooks',
  description: 'Where providers tell what became of mails.',
  version: '1',
  shared: [],
};

export interface RunningWebhooks extends Stoppable {
  /** Where it listens. */
  readonly url: string;
}

/** Starts the webhooks in this process. Throws CONFIG_INVALID for a route whose secret could prove nobody. */
export async function startWebhooks(host: Host): Promise<RunningWebhooks> {
  const { config, clock, telemetry, codec, kafka, secrets } = host;
  const followed = await Promise.all(
    config.webhooks.routes.map((route) =>
      follow({
        secrets,
        telemetry,
        what: `webhook ${route.name}`,
        references: route.secret === null ? [] : [route.secret],
        build: () => keysOf(route, secrets),
      }),
    ),
  );
  const anchors = await anchorsOf(config.webhooks.snsCaFile);
  const directory = await claimInstanceDirectory(config.stateDir, 'webhooks');
  const deliveries = await openDeliveries(host, join(directory.path, 'deliveries'), (body) =>
    cryptography.hash([body]),
  );
  const stores = await openRequestStores({ redis: config.redis, clock, telemetry });
  const publisher = new Publisher({ kafka, queuedBytesMax: BYTES_MAX, deliveryTimeoutMs: APPEND_MS_MAX });
  const server = await HttpServer.start<null>({
    host: config.webhooks.host,
    port: config.webhooks.port,
    routes: webhookRoutes({
      routes: () => followed.map(({ current }) => current),
      certificates: new Certificates({ clock, telemetry, anchors }),
      deliveries,
      answers: stores.answers,
      append: async (record) => void (await publisher.append(encodeOutputs(codec, [record]))),
      confirm: fetchOverHttps,
      clock,
      telemetry,
    }),
    document: DOCUMENT,
    authorize: () => Promise.resolve({ ok: true, caller: null }),
    admission: { requestsMax: REQUESTS_MAX, bytesMax: BYTES_MAX },
    answerMsMax: ANSWER_MS_MAX,
    clock,
    telemetry,
  });
  telemetry.log('info', 'webhooks are served', {
    url: server.url,
    routes: config.webhooks.routes.map(({ name }) => name),
  });
  return {
    url: server.url,
    async stop({ withinMs } = { withinMs: config.worker.drainMs }) {
      await server.stop({ withinMs });
      await publisher.close();
      await deliveries.stop();
      await stores.stop();
      await directory.release();
    },
  };
}
