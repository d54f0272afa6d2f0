import type { Config } from '../../src/config/types.ts';
import { topics } from '../../src/contracts/topic.ts';
import { parseMailbox } from '../../src/domain/address.ts';
import type { Host } from '../../src/host/host.ts';
import { jobRulesOf } from '../../src/host/job-rules.ts';
import { MemoryTable } from '../../src/host/memory-table.ts';
import { idHash, newIds } from '../../src/host/new-ids.ts';
import { STALENESS_MS_MAX } from '../../src/host/views.ts';
import { Publisher } from '../../src/kafka/publisher.ts';
import { ViewFollower } from '../../src/kafka/view-follower.ts';
import { openRequestStores } from '../../src/limits/request-stores.ts';
import type { Stoppable, Telemetry } from '../../src/runtime/ports.ts';
import { ownCertificate } from '../../src/secrets/own-certificate.ts';
import type { Secrets } from '../../src/secrets/secrets.ts';
import { type Answer, SubmissionServer } from '../../src/smtp/submission-server.ts';
import { callers, type LoggedIn } from './callers.ts';
import { submit } from './submit.ts';

/** The room of a record beside the job in it. */
const RECORD_MORE_BYTES = 64 * 1_024;
/** The room of a job beside the message in it. */
const JOB_MORE_BYTES = 16 * 1_024;
/** While brokers have acknowledged nothing for so long, mails are answered with 4xx at once. */
const STALL_MS = 2_000;

const NO_ADDRESS: Answer = { code: 553, text: '5.1.3 this is no address that mail can go to' };

/** SMTP submission as it runs in a process. */
export interface RunningSubmission extends Stoppable {
  /** Where it listens. */
  readonly port: number;
}

/** Starts SMTP submission in this process. */
export async function startSubmission(host: Host): Promise<RunningSubmission> {
  const started: Stoppable[] = [];
  const stop = async (): Promise<void> => {
    for (const part of started.splice(0).reverse()) await part.stop();
  };
  try {
    const server = await open(host, (part) => started.push(part));
    host.telemetry.log('info', 'mails are taken by SMTP', { host: host.config.submission.host, port: server.port });
    return { port: server.port, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function open(host: Host, opened: (part: Stoppable) => void): Promise<SubmissionServer<LoggedIn>> {
  const { config, clock, telemetry, codec, kafka } = host;
  const { submission } = config;
  const tls = await tlsOf(config, host.secrets, telemetry);
  const stores = await openRequestStores({ redis: config.redis, clock, telemetry });
  opened(stores);
  const keys = new MemoryTable(topics.apiKeys, codec, telemetry);
  const following = new ViewFollower({ kafka, topic: topics.apiKeys.name, store: keys, clock, telemetry });
  opened(following);
  await following.start();
  const appender = new Publisher({
    kafka,
    recordBytesMax: config.job.bytesMax + RECORD_MORE_BYTES,
    queuedBytesMax: submission.queueBytesMax,
    deliveryTimeoutMs: submission.acceptMsMax,
    stallMs: STALL_MS,
  });
  opened({ stop: () => appender.close() });
  const who = callers({
    keyOf: (keyId) => keys.get(keyId),
    current: () => following.stalenessMs() <= STALENESS_MS_MAX,
    limits: stores.limits,
    clock,
  });
  const intake = {
    appender,
    codec,
    answers: stores.answers,
    limits: stores.limits,
    rules: jobRulesOf(config),
    typeDefault: submission.typeDefault,
    clock,
    telemetry,
    newId: newIds(),
    hash: idHash,
    appendMsMax: submission.acceptMsMax,
  };
  const server = await SubmissionServer.start<LoggedIn>({
    host: submission.host,
    port: submission.port,
    hostname: submission.hostname,
    tls: { ...tls, mode: submission.tlsMode },
    mailBytesMax: Math.min(submission.mailBytesMax, config.job.bytesMax - JOB_MORE_BYTES),
    recipientsMax: submission.recipientsMax,
    connectionsMax: submission.connectionsMax,
    connectionsPerAddressMax: submission.connectionsPerAddressMax,
    heldBytesMax: submission.queueBytesMax,
    login: who.login,
    admit: who.admit,
    recipientFault: (address) => (parseMailbox(address).ok ? null : NO_ADDRESS),
    async take(loggedIn, mail) {
      const found = who.callerOf(loggedIn.key);
      return 'answer' in found ? found.answer : submit(intake, found.caller, mail);
    },
    clock,
    telemetry,
  });
  opened({ stop: () => server.stop({ withinMs: config.worker.drainMs }) });
  return server;
}

/** As configured, or one of our own making that no client has reason to trust. */
async function tlsOf({ submission, stateDir }: Config, secrets: Secrets, telemetry: Pick<Telemetry, 'log'>) {
  if (submission.tls !== null) {
    const { key, certificate } = submission.tls;
    return { key: (await secrets.resolve(key)).text(), certificate: (await secrets.resolve(certificate)).text() };
  }
  const names = ['localhost', '127.0.0.1', ...(submission.hostname === null ? [] : [submission.hostname])];
  const own = await ownCertificate(stateDir, 'submission', names);
  telemetry.log(
    'warn',
    'no certificate is configured for SMTP submission: one of our own making stands in, for trying out',
    {
      certificate: own.certificatePath,
    },
  );
  return own;
}
