import type { EmailJob } from '../../src/contracts/generated.ts';
import type { Host } from '../../src/host/host.ts';
import { claimInstanceDirectory } from '../../src/host/instance-directory.ts';
import { jobRulesOf } from '../../src/host/job-rules.ts';
import { idHash, newIds } from '../../src/host/new-ids.ts';
import { openMailLinks, ownLinksOf } from '../../src/host/own-links.ts';
import { Templates } from '../../src/host/templates.ts';
import { HttpServer } from '../../src/http/server.ts';
import { Validation } from '../../src/http/validation.ts';
import { Publisher } from '../../src/kafka/publisher.ts';
import { openRequestStores } from '../../src/limits/request-stores.ts';
import type { Stoppable } from '../../src/runtime/ports.ts';
import type { Trails } from '../../src/runtime/trails-port.ts';
import { judgeTemplated } from '../../src/templates/index.ts';
import { callers } from './callers.ts';
import { emailRoutes } from './emails.ts';
import { ACCEPTED, BATCH_ANSWER, EMAIL, EMAIL_SHOWN, VERDICT } from './schemas.ts';
import { CHANGED, IMPORTED, SUPPRESSION, SUPPRESSION_PAGE } from './suppression-schemas.ts';
import { suppressionRoutes } from './suppressions.ts';
import { TEMPLATE_SCHEMAS } from './template-schemas.ts';
import { templateRoutes } from './templates.ts';
import { CANCELLED, TRAIL, TRAIL_PAGE } from './trail-schemas.ts';
import { trailRoutes } from './trails.ts';
import { openApiViews } from './views.ts';
import { webhookParts } from './webhook-parts.ts';
import { DELIVERIES, REPLAY_ASKED, WEBHOOK, WEBHOOK_LIST, WEBHOOK_SECRET } from './webhook-schemas.ts';
import { webhookRoutes } from './webhooks.ts';

const SHARED = [
  EMAIL,
  ACCEPTED,
  VERDICT,
  BATCH_ANSWER,
  TRAIL,
  TRAIL_PAGE,
  CANCELLED,
  SUPPRESSION,
  SUPPRESSION_PAGE,
  CHANGED,
  IMPORTED,
  ...TEMPLATE_SCHEMAS,
  WEBHOOK,
  WEBHOOK_SECRET,
  WEBHOOK_LIST,
  REPLAY_ASKED,
  DELIVERIES,
];
/** Some million addresses. */
const IMPORT_BYTES_MAX = 50_000_000;
/** What an answer may take beside the append itself. */
const ANSWER_MORE_MS = 500;
/** While brokers have acknowledged nothing for so long, requests are answered with 503 at once. */
const STALL_MS = 2_000;
/** Mails that are taken within so long are appended together: 500 a second are 400 requests to the broker otherwise (measured). */
const GATHER_MS = 2;
/** The room of a record beside the job in it. */
const RECORD_MORE_BYTES = 64 * 1_024;

const DOCUMENT = {
  title: 'Postlane',
  description:
    'Hand in mails, and ask what became of them. Errors are problem documents (RFC 9457) with a stable type.',
  version: '1',
  shared: SHARED,
  shown: [EMAIL_SHOWN],
};

/** The HTTP API as it runs in a process. */
export interface RunningApi extends Stoppable {
  /** Where it listens. */
  readonly url: string;
  /** Settles when it cannot go on. */
  readonly dead: Promise<Error>;
}

/** What became of every mail, as it is followed. */
export interface FollowedTrails extends Trails, Stoppable {
  /** Settles when they are followed no more, without being stopped. */
  readonly dead: Promise<Error>;
}

/** Opens what became of every mail, in a directory of this process's own. */
export type OpenTrails = (host: Host, directory: string) => Promise<FollowedTrails>;

/** Starts the HTTP API in this process. */
export async function startApi(host: Host, openTrails: OpenTrails): Promise<RunningApi> {
  const started: Stoppable[] = [];
  const stop = async (): Promise<void> => {
    for (const part of started.splice(0).reverse()) await part.stop();
  };
  const opened = async <T extends Stoppable>(part: T | Promise<T>): Promise<T> => {
    const running = await part;
    started.push(running);
    return running;
  };
  try {
    const server = await open(host, openTrails, opened);
    host.telemetry.log('info', 'the HTTP API is served', { api: server.url });
    return { url: server.url, dead: server.dead, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function open(
  host: Host,
  openTrails: OpenTrails,
  opened: <T extends Stoppable>(part: T | Promise<T>) => Promise<T>,
): Promise<{ readonly url: string; readonly dead: Promise<Error> }> {
  const { config, clock, telemetry, codec, kafka } = host;
  const { api } = config;
  const directory = await claimInstanceDirectory(config.stateDir, 'api');
  await opened({ stop: () => directory.release() });
  const stores = await opened(openRequestStores({ redis: config.redis, clock, telemetry }));
  const rules = jobRulesOf(config);
  const appendMsMax = api.acceptMsMax / 2;
  const [views, templates, trails] = await Promise.all([
    opened(openApiViews(host, directory.path)),
    opened(Templates.open(host, { headerNames: rules.headerNames, appendMsMax })),
    opened(openTrails(host, directory.path)),
  ]);
  const appender = new Publisher({
    kafka,
    recordBytesMax: config.job.bytesMax + RECORD_MORE_BYTES,
    queuedBytesMax: api.queueBytesMax,
    deliveryTimeoutMs: api.acceptMsMax,
    stallMs: STALL_MS,
    gatherMs: GATHER_MS,
  });
  await opened({ stop: () => appender.close() });
  const mailLinks = await openMailLinks(host);
  await opened({ stop: async () => mailLinks?.stop() });
  const links = ownLinksOf(mailLinks);
  const intake = {
    appender,
    codec,
    answers: stores.answers,
    limits: stores.limits,
    rules,
    templates: {
      judge: (job: EmailJob) => judgeTemplated(job, templates.find, links),
      caughtUp: () => templates.caughtUp(),
    },
    clock,
    telemetry,
    newId: newIds(),
    hash: idHash,
    mailFault: new Validation(SHARED).body({ $ref: 'Email' }),
    appendMsMax: api.acceptMsMax,
  };
  const server = await HttpServer.start({
    host: api.host,
    port: api.port,
    routes: [
      ...emailRoutes(intake, { jobBytesMax: config.job.bytesMax, batchBytesMax: api.bodyBytesMax }),
      ...suppressionRoutes({
        rows: views.suppressions,
        names: views.names,
        namesKnown: views.namesKnown,
        appender,
        codec,
        clock,
        newId: intake.newId,
        importBytesMax: IMPORT_BYTES_MAX,
      }),
      ...templateRoutes({ templates, links }),
      ...webhookRoutes(webhookParts(host, views.webhooks, appender)),
      ...trailRoutes({ trails, cancellationOf: views.cancellationOf, appender, codec, clock }),
    ],
    document: DOCUMENT,
    authorize: callers({ keyOf: views.keyOf, current: views.current, limits: stores.limits, clock }),
    admission: { requestsMax: api.requestsMax, bytesMax: api.queueBytesMax },
    answerMsMax: api.acceptMsMax + ANSWER_MORE_MS,
    clock,
    telemetry,
  });
  await opened({ stop: () => server.stop({ withinMs: config.worker.drainMs }) });
  return { url: server.url, dead: trails.dead };
}
