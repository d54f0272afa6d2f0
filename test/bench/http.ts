/**
 * `npm run bench:http -- [--seconds 60] [--rate 500] [--json]`: single mails over HTTP at a given rate, everything of `npm start`
 * running, beside a bare route that does one acks=all append. An answer's time counts from when its request was due, so that a
 * stall is not hidden by the requests that it held back.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
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
import { Helper } from './processes.ts';
import { percentile, rounded } from './statistics.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    rate: { type: 'string', default: '500' },
    json: { type: 'boolean', default: false },
  },
});
const seconds = Number(values.seconds);
const rate = Number(values.rate);
const WARM_UP_SECONDS = 3;
const SOCKETS_MAX = 256;
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

interface Answer {
  readonly status: number;
  readonly id: string | null;
  readonly ms: number;
}

const agent = new Agent({ keepAlive: true, maxSockets: SOCKETS_MAX });

function post(url: string, key: string, body: string): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      authorization: `Bearer ${key}`,
    };
    const asking = request(url, { method: 'POST', agent, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    asking.on('error', reject);
    asking.end(body);
  });
}

/** So many requests a second for so long, each at its own time, whatever became of those before it. */
async function load(url: string, key: string, forSeconds: number): Promise<readonly Answer[]> {
  const beganAt = performance.now();
  const count = Math.round(forSeconds * rate);
  const answers: Promise<Answer>[] = [];
  for (let n = 0; n < count; n++) {
    const dueAt = beganAt + (n * 1_000) / rate;
    const waitMs = dueAt - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    const mail = {
      type: 'transactional',
      recipient: `user-${n}@inbox.example`,
      payload: { from: 'Shop <news@shop.example>', subject: `Order ${n}`, text: 'Thank you. '.repeat(100) },
    };
    answers.push(
      post(url, key, JSON.stringify(mail)).then(
        ({ status, text }) => {
          const id = status === 202 ? (JSON.parse(text) as { id: string }).id : null;
          return { status, id, ms: performance.now() - dueAt };
        },
        () => ({ status: 0, id: null, ms: performance.now() - dueAt }),
      ),
    );
  }
  return Promise.all(answers);
}

function figures(answers: readonly Answer[]) {
  const times = answers.map(({ ms }) => ms);
  const at = (share: number) => rounded(percentile(times, share), 1);
  const accepted = answers.filter(({ status }) => status === 202).length;
  return { requests: answers.length, accepted, p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99) };
}

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

const stack = await startStack(context, { dataDirectory: join(directory, 'data') });
const bare = await bareRoute(stack);
try {
  const url = `${stack.status().api}/v1/emails`;
  const key = await makeKey(stack);
  const isKnown = async () => ((await post(url, key, '{}')).status === 401 ? undefined : true);
  await waitFor('the key to be known', isKnown, { deadlineMs: 10_000 });
  const counting = await countEndings(stack);
  const { url: bareUrl } = await bare.ask({});
  tell('warming up');
  const early = [...(await load(url, key, WARM_UP_SECONDS))];
  await load(`${bareUrl}/`, key, WARM_UP_SECONDS);
  tell(`a bare route: ${rate} requests a second for ${seconds} s`);
  const ofBare = figures(await load(`${bareUrl}/`, key, seconds));
  tell(`POST /v1/emails: ${rate} requests a second for ${seconds} s`);
  const answers = await load(url, key, seconds);
  const ids = [...early, ...answers].flatMap(({ id }) => id ?? []);
  const allEnded = () => (ids.every((id) => counting.endings.has(id)) ? true : undefined);
  await waitFor('every accepted mail to end', allEnded, { deadlineMs: ENDINGS_MS_MAX });
  await counting.stop();
  const ofDoor = figures(answers);
  const summary = {
    rate,
    seconds,
    door: ofDoor,
    bare: ofBare,
    p99Ratio: rounded(ofDoor.p99Ms / ofBare.p99Ms, 2),
    endedOnce: ids.filter((id) => counting.endings.get(id) === 1).length,
    accepted: ids.length,
  };
  const lines = Object.entries(summary).map(([name, value]) => `${name}: ${JSON.stringify(value)}\n`);
  process.stdout.write(values.json ? `${JSON.stringify(summary)}\n` : lines.join(''));
  if (summary.endedOnce !== summary.accepted || ofDoor.accepted !== ofDoor.requests) process.exitCode = 1;
} finally {
  await bare.stop();
  await stack.stop();
  agent.destroy();
  await rm(directory, { recursive: true, force: true, maxRetries: 3 });
}
process.exit();
