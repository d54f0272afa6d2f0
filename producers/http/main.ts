import { createHash } from 'node:crypto';
import { topics } from '../../src/contracts/topic.ts';
import type { Host } from '../../src/host/host.ts';
import { jobRulesOf } from '../../src/host/job-rules.ts';
import { MemoryTable } from '../../src/host/memory-table.ts';
import { newIds } from '../../src/host/new-ids.ts';
import { STALENESS_MS_MAX } from '../../src/host/views.ts';
import { HttpServer } from '../../src/http/server.ts';
import { Validation } from '../../src/http/validation.ts';
import { Publisher } from '../../src/kafka/publisher.ts';
import { ViewFollower } from '../../src/kafka/view-follower.ts';
import { openRequestStores } from '../../src/limits/request-stores.ts';
import type { Stoppable } from '../../src/runtime/ports.ts';
import { callers } from './callers.ts';
import { emailRoutes } from './emails.ts';
import { ACCEPTED, BATCH_ANSWER, EMAIL, VERDICT } from './schemas.ts';

/** Bytes of the hashes that ids are made of. */
const HASH_BYTES = 16;
const SHARED = [EMAIL, ACCEPTED, VERDICT, BATCH_ANSWER];
/** What an answer may take beside the append itself. */
const ANSWER_MORE_MS = 500;
/** The room of a record beside the job in it. */
const RECORD_MORE_BYTES = 64 * 1_024;

/** The HTTP API as it runs in a process. */
export interface RunningApi extends Stoppable {
  /** Where it listens. */
  readonly url: string;
}

/** Starts the HTTP API in this process. */
export async function startApi(host: Host): Promise<RunningApi> {
  const { config, clock, telemetry, codec, kafka } = host;
  const { api } = config;
  const stores = await openRequestStores({ redis: config.redis, clock, telemetry });
  const keys = new MemoryTable(topics.apiKeys, codec, telemetry);
  const following = new ViewFollower({ kafka, topic: topics.apiKeys.name, store: keys, clock, telemetry });
  await following.start();
  const appender = new Publisher({
    kafka,
    recordBytesMax: config.job.bytesMax + RECORD_MORE_BYTES,
    queuedBytesMax: api.queueBytesMax,
    deliveryTimeoutMs: api.acceptMsMax,
  });
  const intake = {
    appender,
    codec,
    answers: stores.answers,
    limits: stores.limits,
    rules: jobRulesOf(config),
    clock,
    telemetry,
    newId: newIds(),
    hash: hashOf,
    mailFault: new Validation(SHARED).body({ $ref: 'Email' }),
    appendMsMax: api.acceptMsMax,
  };
  const server = await HttpServer.start({
    host: api.host,
    port: api.port,
    routes: emailRoutes(intake, { jobBytesMax: config.job.bytesMax, batchBytesMax: api.bodyBytesMax }),
    document: {
      title: 'Postlane',
      description: 'Hand in mails, and ask what became of them.',
      version: '1',
      shared: SHARED,
    },
    authorize: callers({
      keyOf: (keyId) => keys.get(keyId),
      current: () => following.stalenessMs() <= STALENESS_MS_MAX,
      limits: stores.limits,
      clock,
    }),
    admission: { requestsMax: api.requestsMax, bytesMax: api.queueBytesMax },
    answerMsMax: api.acceptMsMax + ANSWER_MORE_MS,
    clock,
    telemetry,
  });
  telemetry.log('info', 'the HTTP API is served', { api: server.url });
  return {
    url: server.url,
    async stop() {
      await server.stop({ withinMs: config.worker.drainMs });
      await appender.close();
      await following.stop();
      await stores.stop();
    },
  };
}

function hashOf(parts: readonly (string | Uint8Array)[]): Buffer {
  const hashing = createHash('sha256');
  for (const part of parts) hashing.update(part);
  return hashing.digest().subarray(0, HASH_BYTES);
}
