/**
 * `npm run bench:http -- [--seconds 60] [--rate 500] [--broker-restart] [--json]`: single mails over HTTP at a given rate, everything
 * of `npm start` running, beside a bare route that does one acks=all append and nothing else. With `--broker-restart` the broker is killed with -9 in the middle of the
 * door's load and started again 3 s later; the bare route is left out then.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApiKeyTable } from '../../src/cli/api-key-table.ts';
import type { CliContext } from '../../src/cli/context.ts';
import { roles } from '../../src/cli/roles.ts';
import { type LocalStack, startStack } from '../../src/cli/up.ts';
import { environment } from '../../src/config/environment.ts';
import { topics } from '../../src/contracts/topic.ts';
import { waitFor } from '../../src/infra/wait.ts';
import { createKafka } from '../../src/kafka/client.ts';
import { TopicTail } from '../../src/kafka/topic-tail.ts';
import { openRegistryCodec } from '../../src/registry/codec.ts';
import { JOB_BYTES_MAX_DEFAULT } from '../../src/registry/limits.ts';
import { newKeyId, newSecret } from '../../src/secrets/api-keys.ts';
import { type RestartFigures, withBrokerRestart } from './broker-restart.ts';
import { commandLine, wholeNumber } from './command-line.ts';
import { figures, HttpLoad } from './http-load.ts';
import { Helper } from './processes.ts';
import { rounded } from './statistics.ts';

const USAGE = 'npm run bench:http -- [--seconds 60] [--rate 500] [--broker-restart] [--json]';
const values = commandLine(USAGE, {
  seconds: { type: 'string', default: '60' },
  rate: { type: 'string', default: '500' },
  'broker-restart': { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
});
const seconds = wholeNumber('seconds', values.seconds, USAGE);
const rate = wholeNumber('rate', values.rate, USAGE);
const WARM_UP_SECONDS = 3;
const ENDINGS_MS_MAX = 180_000;
const BARE_TOPIC = 'bench-bare';

const directory = await mkdtemp(join(tmpdir(), 'postlane-bench-http-'));
const tell = (line: string): void => void process.stderr.write(`${line}\n`);
const context: CliContext = {
  environment: environment(),
  workingDirectory: directory,
  self: [process.execPath, join(import.meta.dirname, '../../src/cli/main.ts')],
  print: (text) => process.stdout.write(text),
  tell,
  roles,
  interrupted: new AbortController().signal,
  setExitStatus: (status) => {
    process.exitCode = status;
  },
};

async function bareRoute(stack: LocalStack) {
  const { brokers } = stack.infra;
  const admin = (await createKafka({ brokers, clientId: 'postlane-bench' })).admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: BARE_TOPIC, numPartitions: 6 }] });
  await admin.disconnect();
  return Helper.start<object, { readonly url: string }>('bare-http-process.ts', { brokers, topic: BARE_TOPIC });
}

/** Counts the endings of every mail, from now on. */
async function countEndings(stack: LocalStack) {
  const endings = new Map<string, number>();
  const { brokers, schemaRegistryUrl: url } = stack.infra;
  const kafka = await createKafka({ brokers, clientId: 'postlane-bench' });
  const codec = await openRegistryCodec({ url, encodes: [], jobBytesMax: JOB_BYTES_MAX_DEFAULT });
  const topic = topics.results('transactional');
  const tail = new TopicTail(kafka, async (_, __, records) => {
    await codec.prepare(topic, records);
    for (const { value } of records) {
      const decoded = codec.decode(topic, value);
      if (!decoded.ok || decoded.value.kind !== 'ending') continue;
      endings.set(decoded.value.jobId, (endings.get(decoded.value.jobId) ?? 0) + 1);
    }
  });
  await tail.start([topic.name]);
  return { endings, stop: () => tail.stop() };
}

async function makeKey(stack: LocalStack): Promise<string> {
  const { brokers, schemaRegistryUrl } = stack.infra;
  const addresses = { KAFKA_BROKERS: brokers.join(','), SCHEMA_REGISTRY_URL: schemaRegistryUrl };
  const table = await ApiKeyTable.open({ ...context, environment: { ...context.environment, ...addresses } });
  const { secret, hash } = newSecret();
  const keyId = newKeyId();
  await table.put({
    keyId,
    tenant: 'default',
    name: 'bench',
    scopes: ['emails:send'],
    secrets: [{ hash, until: null }],
    requestsPerSecond: null,
    mailsPerDay: null,
    revoked: false,
    at: Date.now(),
  });
  return `${keyId}_${secret}`;
}

const HANG_MS_MAX = 5_000;
const NORMAL_MS_MAX = 30_000;

/** The bare route while nothing else happens. */
async function bareFigures(stack: LocalStack, key: string) {
  const bare = await bareRoute(stack);
  const alone = new HttpLoad(rate);
  try {
    const { url: bareUrl } = await bare.ask({});
    await alone.run(`${bareUrl}/`, key, WARM_UP_SECONDS);
    tell(`a bare route: ${rate} requests a second for ${seconds} s`);
    return figures(await alone.run(`${bareUrl}/`, key, seconds));
  } finally {
    alone.close();
    await bare.stop();
  }
}

const stack = await startStack(context, { dataDirectory: join(directory, 'data') });
const load = new HttpLoad(rate);
try {
  const url = `${stack.status().api}/v1/emails`;
  const key = await makeKey(stack);
  const isKnown = async () => ((await load.post(url, key, '{}')).status === 401 ? undefined : true);
  await waitFor('the key to be known', isKnown, { deadlineMs: 10_000 });
  const counting = await countEndings(stack);
  tell('warming up');
  const early = await load.run(url, key, WARM_UP_SECONDS);
  const restart = values['broker-restart'];
  const bare = restart ? null : await bareFigures(stack, key);
  tell(`POST /v1/emails: ${rate} requests a second for ${seconds} s`);
  const { answers, figures: restarted } = restart
    ? await withBrokerRestart(stack, load, { url, key, seconds }, tell)
    : { answers: await load.run(url, key, seconds), figures: null };
  const ids = [...early, ...answers].flatMap(({ id }) => id ?? []);
  const allEnded = () => (ids.every((id) => counting.endings.has(id)) ? true : undefined);
  await waitFor('every accepted mail to end', allEnded, { deadlineMs: ENDINGS_MS_MAX });
  await counting.stop();
  const door = figures(answers);
  const summary = {
    rate,
    seconds,
    door,
    ...(bare && { bare, p99Ratio: rounded(door.p99Ms / bare.p99Ms, 2) }),
    ...(restarted && { restarted }),
    accepted: ids.length,
    endedOnce: ids.filter((id) => counting.endings.get(id) === 1).length,
  };
  const lines = Object.entries(summary).map(([name, value]) => `${name}: ${JSON.stringify(value)}\n`);
  process.stdout.write(values.json ? `${JSON.stringify(summary)}\n` : lines.join(''));
  const isWhole = restarted === null ? door.accepted === door.requests : heldUp(restarted);
  if (summary.endedOnce !== summary.accepted || !isWhole) process.exitCode = 1;
} finally {
  await stack.stop();
  load.close();
  await rm(directory, { recursive: true, force: true, maxRetries: 3 });
}
process.exit();

/** Nothing but 202 and 503, nobody hung, and all is as before in time. */
function heldUp({ statuses, slowestMs, normalAfterMs }: RestartFigures): boolean {
  const isClear = Object.keys(statuses).every((status) => status === '202' || status === '503');
  return isClear && slowestMs <= HANG_MS_MAX && normalAfterMs !== null && normalAfterMs <= NORMAL_MS_MAX;
}
