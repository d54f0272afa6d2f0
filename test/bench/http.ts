/**
 * `npm run bench:http -- [--seconds 60] [--rate 500] [--broker-restart] [--json]`: single mails over HTTP at a given rate, everything
 * of `npm start` running, beside two bare routes that do one acks=all append and nothing else, by turns: of one nobody reads
 * (`bare`), so that the pipeline rests, and the other hands the pipeline the same jobs as the door (`bareBeside`), so that everything but
 * the door runs alike. With `--broker-restart` the broker is killed with -9 in the middle of the door's load and started again
 * 3 s later; the bare routes are left out then.
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
import { type Answer, figures } from './http-load.ts';
import { armOf, bareArms, byTurns } from './http-rounds.ts';
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

/** Of a request that asks for nothing. */
async function statusOf(url: string, key: string): Promise<number> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const { status, body } = await fetch(url, { method: 'POST', headers, body: '{}' });
  await body?.cancel();
  return status;
}

const HANG_MS_MAX = 5_000;
const NORMAL_MS_MAX = 30_000;

const stack = await startStack(context, { dataDirectory: join(directory, 'data') });
const door = await armOf('POST /v1/emails', `${stack.status().api}/v1/emails`, rate, true);
try {
  const { url, load } = door;
  const key = await makeKey(stack);
  const isKnown = async () => ((await statusOf(url, key)) === 401 ? undefined : true);
  await waitFor('the key to be known', isKnown, { deadlineMs: 10_000 });
  const counting = await countEndings(stack);
  /** Those that the pipeline must end once each. */
  const ids: string[] = [];
  const allEnd = async (answers: readonly Answer[]) => {
    for (const { id } of answers) if (id !== null) ids.push(id);
    const allEnded = () => (ids.every((id) => counting.endings.has(id)) ? true : undefined);
    await waitFor('every accepted mail to end', allEnded, { deadlineMs: ENDINGS_MS_MAX });
  };
  tell(`${rate} requests a second; warming up`);
  const early = await load.run(url, key, WARM_UP_SECONDS);
  const { compared, restarted } = values['broker-restart']
    ? await withRestart(key, early, allEnd)
    : await compare(key, early, allEnd);
  await counting.stop();
  const endedOnce = ids.filter((id) => counting.endings.get(id) === 1).length;
  const ofDoor = figures(door.answers);
  const summary = {
    rate,
    seconds,
    door: ofDoor,
    ...compared,
    ...(restarted && { restarted }),
    accepted: ids.length,
    endedOnce,
  };
  const lines = Object.entries(summary).map(([name, value]) => `${name}: ${JSON.stringify(value)}\n`);
  process.stdout.write(values.json ? `${JSON.stringify(summary)}\n` : lines.join(''));
  const isWhole = restarted === null ? ofDoor.accepted === ofDoor.requests : heldUp(restarted);
  if (endedOnce !== ids.length || !isWhole) process.exitCode = 1;
} finally {
  await stack.stop();
  await door.load.stop();
  await rm(directory, { recursive: true, force: true, maxRetries: 3 });
}
process.exit();

type AllEnd = (answers: readonly Answer[]) => Promise<void>;

async function withRestart(key: string, early: readonly Answer[], allEnd: AllEnd) {
  tell(`${door.says}: for ${seconds} s`);
  const ran = await withBrokerRestart(stack, door.load, { url: door.url, key, seconds }, tell);
  for (const answer of ran.answers) door.answers.push(answer);
  await allEnd([...early, ...ran.answers]);
  return { compared: {}, restarted: ran.figures };
}

/** The door beside both bare routes. */
async function compare(key: string, early: readonly Answer[], allEnd: AllEnd) {
  const bare = await bareArms(stack, rate);
  const { resting, working } = bare;
  try {
    await resting.load.run(resting.url, key, WARM_UP_SECONDS);
    await allEnd([...early, ...(await working.load.run(working.url, key, WARM_UP_SECONDS))]);
    await byTurns([resting, door, working], { key, seconds }, allEnd, tell);
  } finally {
    await bare.stop();
  }
  const p99Ms = figures(door.answers).p99Ms;
  const [rests, works] = [figures(resting.answers), figures(working.answers)];
  return {
    compared: {
      bare: rests,
      p99Ratio: rounded(p99Ms / rests.p99Ms, 2),
      bareBeside: works,
      p99RatioBeside: rounded(p99Ms / works.p99Ms, 2),
    },
    restarted: null,
  };
}

/** Nothing but 202 and 503, nobody hung, and all is as before in time. */
function heldUp({ statuses, slowestMs, normalAfterMs }: RestartFigures): boolean {
  const isClear = Object.keys(statuses).every((status) => status === '202' || status === '503');
  return isClear && slowestMs <= HANG_MS_MAX && normalAfterMs !== null && normalAfterMs <= NORMAL_MS_MAX;
}
