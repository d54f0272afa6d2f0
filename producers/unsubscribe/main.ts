import type { Feedback } from '../../src/contracts/generated.ts';
import type { Host } from '../../src/host/host.ts';
import { jobRulesOf } from '../../src/host/job-rules.ts';
import { type MailLinks, openMailLinks, ownLinksOf } from '../../src/host/own-links.ts';
import { Templates } from '../../src/host/templates.ts';
import { HttpServer } from '../../src/http/server.ts';
import { Publisher } from '../../src/kafka/publisher.ts';
import { BoundedMap } from '../../src/limits/bounded-map.ts';
import { encodeOutputs } from '../../src/runtime/encode.ts';
import type { Stoppable } from '../../src/runtime/ports.ts';
import type { Output } from '../../src/runtime/processor.ts';
import type { Followed } from '../../src/secrets/follow.ts';
import { unsubscribeRoutes } from './routes.ts';
import { viewRoute } from './view.ts';

/** A mail program waits for some seconds. */
const APPEND_MS_MAX = 5_000;
const ANSWER_MS_MAX = APPEND_MS_MAX + 1_000;
const REQUESTS_MAX = 500;
const BYTES_MAX = 16_000_000;
/** Wishes of the last minutes that need not be kept once more. */
const KEPT_MAX = 50_000;

const DOCUMENT = {
  title: 'Postlane links',
  description: 'Where the links of mails lead that Postlane puts there.',
  version: '1',
  shared: [],
};

export interface RunningUnsubscribe extends Stoppable {
  /** Where it listens. */
  readonly url: string;
}

/** Starts the unsubscribe links in this process. Where none are configured, it serves nothing, and says so. */
export async function startUnsubscribe(host: Host): Promise<RunningUnsubscribe> {
  const { config, clock, telemetry, codec, kafka } = host;
  const links = await openMailLinks(host);
  const templates = links && (await Templates.open(host, { headerNames: jobRulesOf(config).headerNames }));
  const publisher = new Publisher({ kafka, queuedBytesMax: BYTES_MAX, deliveryTimeoutMs: APPEND_MS_MAX });
  const append = async (record: Output<Feedback>): Promise<void> => {
    await publisher.append(encodeOutputs(codec, [record]));
  };
  const routes = links && templates ? routesOf(links, { templates, append, clock, telemetry }) : [];
  const server = await HttpServer.start<null>({
    host: config.unsubscribe.host,
    port: config.unsubscribe.port,
    routes,
    document: DOCUMENT,
    authorize: () => Promise.resolve({ ok: true, caller: null }),
    admission: { requestsMax: REQUESTS_MAX, bytesMax: BYTES_MAX },
    answerMsMax: ANSWER_MS_MAX,
    clock,
    telemetry,
  });
  if (links === null) telemetry.log('warn', 'no unsubscribe links: unsubscribe.base_url and .key are not set');
  else telemetry.log('info', 'unsubscribe links are served', { url: `${server.url}${links.current.unsubscribe.path}` });
  return {
    url: server.url,
    async stop({ withinMs } = { withinMs: config.worker.drainMs }) {
      links?.stop();
      await server.stop({ withinMs });
      await templates?.stop();
      await publisher.close();
    },
  };
}

interface RouteParts extends Pick<Host, 'clock' | 'telemetry'> {
  readonly templates: Templates;
  readonly append: (record: Output<Feedback>) => Promise<void>;
}

const routesOf = (links: Followed<MailLinks>, { templates, append, clock, telemetry }: RouteParts) => [
  ...unsubscribeRoutes({
    path: links.current.unsubscribe.path,
    read: (token) => links.current.unsubscribe.read(token),
    append,
    kept: new BoundedMap<string, true>(KEPT_MAX),
    clock,
    telemetry,
  }),
  viewRoute({
    path: links.current.view.path,
    read: (token) => links.current.view.read(token),
    templates,
    links: ownLinksOf(links),
    telemetry,
  }),
];
