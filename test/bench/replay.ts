import { rm } from 'node:fs/promises';
import type { ReputationSignal } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import { subjectsBehind } from '../../src/domain/identity.ts';
import { PROVIDERS } from '../../src/domain/policy.ts';
import { signal } from '../../src/domain/results.ts';
import { recipientSubject } from '../../src/domain/suppression.ts';
import { MINUTE_MS } from '../../src/domain/time.ts';
import { createKafka } from '../../src/kafka/client.ts';
import { Publisher } from '../../src/kafka/publisher.ts';
import { openRegistryCodec } from '../../src/registry/codec.ts';
import { JOB_BYTES_MAX_DEFAULT } from '../../src/registry/limits.ts';
import type { LogRecord } from '../../src/runtime/ports.ts';
import { startTestInfra } from '../support/infra.ts';
import { provision } from '../support/provision.ts';
import { Random } from '../support/random.ts';
import { commandLine, wholeNumber } from './command-line.ts';
import { anonymousBytesOf, cpuMsOf, Helper } from './processes.ts';
import { median, rounded, spread } from './statistics.ts';
import { Workshop } from './workshop.ts';

/**
 * `npm run bench:replay -- [--events N] [--rounds N] [--seed N] [--threads N,N] [--json]`: `postlane replay` over N signals, against a bare
 * kafkajs consumer that only decodes the same records, by turns in one run. With `--threads` each number of them has its turn.
 */
const USAGE = 'npm run bench:replay -- [--events 10000000] [--rounds 3] [--seed 1] [--threads 1,2] [--json]';
const values = commandLine(USAGE, {
  events: { type: 'string', default: '10000000' },
  rounds: { type: 'string', default: '3' },
  seed: { type: 'string', default: '1' },
  threads: { type: 'string', default: '' },
  json: { type: 'boolean', default: false },
});
const EVENTS = wholeNumber('events', values.events, USAGE);
const ROUNDS = wholeNumber('rounds', values.rounds, USAGE);
const SEED = wholeNumber('seed', values.seed, USAGE);
/** Null: as many as the command takes by itself. */
const THREADS: readonly (number | null)[] =
  values.threads === '' ? [null] : values.threads.split(',').map((text) => wholeNumber('threads', text, USAGE));

/** Mails of one transaction of a worker that is busy, and what becomes of them. */
const MAILS_PER_TRANSACTION = 73;
const BOUNCED_SHARE = 0.018;
const DEFERRED_SHARE = 0.03;
const COMPLAINED_SHARE = 0.0005;
const TENANTS = 3;
/** Addresses that are mailed. */
const ADDRESSES = 2_000_000;
/** Mail goes out in the third of the day that is a working day. */
const DAY_SHARE = 1 / 3;
/** The log spans four weeks. */
const DAYS = 28;
/** As many as follow from the shares above. */
const SIGNALS_PER_TRANSACTION = 19.4;
const APPEND_AT_ONCE = 5_000;
const QUEUED_BYTES_MAX = 32_000_000;
const SAMPLE_MS = 250;
const MEBIBYTE = 1_048_576;

/**
 * Signals in order of time, as workers and the feedback processor write them: what was sent is counted once per transaction
 * and identity, all else is told one by one, to the recipient and to each identity behind the mail.
 */
function* signalsFrom(startAt: number, random: Random): Generator<ReputationSignal> {
  const transactions = EVENTS / SIGNALS_PER_TRANSACTION;
  for (let n = 0; ; n++) {
    const day = Math.floor((n / transactions) * DAYS);
    const at = Math.floor(startAt + (day + ((n / transactions) * DAYS - day) * DAY_SHARE) * 86_400_000);
    const provider = random.pick(PROVIDERS);
    const tenant = `tenant-${random.between(1, TENANTS)}`;
    const source = `${tenant}-out`;
    const identities = subjectsBehind(
      { sources: [source], senderDomain: `${tenant}.example`, tenant, campaign: `week-${Math.floor(day / 7)}` },
      provider,
    );
    const place = `email.send.marketing.${provider}/${n % 6}`;
    const facts = { at, tenant, type: 'marketing', source, provider } as const;
    for (const subject of identities) {
      const count = MAILS_PER_TRANSACTION;
      yield signal({ ...facts, eventId: `sent:${place}/${n}`, subject, kind: 'sent_counted', count });
    }
    for (let mail = 0; mail < MAILS_PER_TRANSACTION; mail++) {
      const chance = random.next();
      if (chance >= BOUNCED_SHARE + DEFERRED_SHARE + COMPLAINED_SHARE) continue;
      const kind =
        chance < BOUNCED_SHARE ? 'bounced' : chance < BOUNCED_SHARE + DEFERRED_SHARE ? 'deferred' : 'complained';
      const address = `user.${random.between(1, ADDRESSES)}@inbox-${n % 977}.example`;
      const subjects = kind === 'deferred' ? identities : [recipientSubject(address), ...identities];
      const told = {
        ...facts,
        ...repliesOf(kind),
        eventId: `${kind}:${place}/${n}.${mail}`,
        kind,
        jobId: `job-${n}-${mail}`,
      } as const;
      for (const subject of subjects) yield signal({ ...told, subject });
    }
  }
}

function repliesOf(kind: string): { smtpCode?: number; enhancedCode?: string; reply?: string } {
  if (kind === 'deferred')
    return { smtpCode: 421, enhancedCode: '4.7.28', reply: 'unusual rate of mail, try again later' };
  if (kind !== 'bounced') return {};
  return { smtpCode: 550, enhancedCode: '5.1.1', reply: 'The email account that you tried to reach does not exist' };
}

async function fill(workshop: Workshop, brokers: readonly string[], registryUrl: string): Promise<void> {
  const codec = await openRegistryCodec({
    url: registryUrl,
    encodes: [topics.reputation],
    jobBytesMax: JOB_BYTES_MAX_DEFAULT,
  });
  const kafka = await createKafka({ brokers, clientId: 'postlane-bench-fill' });
  const publisher = new Publisher({ kafka, queuedBytesMax: QUEUED_BYTES_MAX });
  const random = new Random(SEED);
  const startAt = Math.floor((Date.now() - (DAYS + 1) * 86_400_000) / MINUTE_MS) * MINUTE_MS;
  const signals = signalsFrom(startAt, random);
  const startedAt = performance.now();
  const underWay = new Set<Promise<unknown>>();
  for (let n = 0; n < EVENTS; ) {
    const records: LogRecord[] = [];
    for (const end = Math.min(EVENTS, n + APPEND_AT_ONCE); n < end; n++) {
      const { value } = signals.next() as IteratorYieldResult<ReputationSignal>;
      records.push({
        topic: topics.reputation.name,
        key: value.subject,
        value: codec.encode(topics.reputation, value),
      });
    }
    const appending = publisher.append(records).finally(() => underWay.delete(appending));
    underWay.add(appending);
    if (underWay.size >= 4) await Promise.race(underWay);
    if (n % 500_000 === 0) {
      workshop.tell(
        `${n} of ${EVENTS} signals written, ${Math.round(n / ((performance.now() - startedAt) / 1_000))}/s`,
      );
    }
  }
  await Promise.all(underWay);
  await publisher.close();
}

interface Summary {
  readonly read: number;
  readonly seconds: number;
  readonly undecodable: number;
}

/** One replay from the beginning, as an operator runs it; with the most memory of its own that it had, and its processor time. */
async function replayOnce(
  workshop: Workshop,
  name: string,
  threads: number | null,
  { brokers, registryUrl }: { readonly brokers: readonly string[]; readonly registryUrl: string },
) {
  await rm(workshop.path('state', 'replay'), { recursive: true, force: true });
  const wanted = threads === null ? [] : ['--threads', String(threads)];
  let printed = '';
  let peakBytes = 0;
  let cpuMs = 0;
  const own = {
    KAFKA_BROKERS: brokers.join(','),
    SCHEMA_REGISTRY_URL: registryUrl,
    POSTLANE_STATE_DIR: workshop.path('state'),
  };
  const running = await workshop.postlane(name, ['replay', '--json', ...wanted], own, {
    watch: (text) => {
      printed += text;
    },
  });
  const sampling = setInterval(() => {
    try {
      peakBytes = Math.max(peakBytes, anonymousBytesOf(running.pid));
      cpuMs = cpuMsOf(running.pid);
    } catch {
      // It has just ended.
    }
  }, SAMPLE_MS);
  const { status } = await running.exited;
  clearInterval(sampling);
  const line = printed.split('\n').find((one) => one.startsWith('{"events"'));
  if (status !== 0 || line === undefined) throw new Error(`the replay ended with ${status}: ${workshop.logTail(name)}`);
  const { read, seconds, undecodable } = JSON.parse(line) as Summary;
  if (read !== EVENTS || undecodable !== 0) throw new Error(`read ${read} of ${EVENTS}, ${undecodable} undecodable`);
  return { perSecond: read / seconds, peakMiB: peakBytes / MEBIBYTE, cpuMs };
}

const workshop = await Workshop.open();
try {
  const infra = await startTestInfra({ own: true, dataDirectory: workshop.path('infra') });
  workshop.atEnd(() => infra.stop());
  await provision(infra);
  const { brokers, schemaRegistryUrl: registryUrl } = infra;
  await fill(workshop, brokers, registryUrl);
  const bare = await Helper.start<{ records: number }, { records: number; undecodable: number; ms: number }>(
    'bare-consumer-process.ts',
    { brokers, registryUrl },
  );
  workshop.atEnd(() => bare.stop());
  /** Events per second, microseconds of processor time per event in all threads, and the most memory. */
  const bareRates: number[] = [];
  const bareCpu: number[] = [];
  const replays = THREADS.map((threads) => ({
    threads,
    rates: [] as number[],
    cpu: [] as number[],
    peaks: [] as number[],
  }));
  const perEvent = (cpuMs: number) => (cpuMs * 1_000) / EVENTS;
  for (let round = 1; round <= ROUNDS; round++) {
    const before = cpuMsOf(bare.pid);
    const { records, undecodable, ms } = await bare.ask({ records: EVENTS });
    bareCpu.push(perEvent(cpuMsOf(bare.pid) - before));
    if (records !== EVENTS || undecodable !== 0) throw new Error(`the bare consumer read ${records} of ${EVENTS}`);
    bareRates.push(records / (ms / 1_000));
    workshop.tell(`round ${round}: bare ${Math.round(bareRates.at(-1) ?? 0)}/s`);
    for (const { threads, rates, cpu, peaks } of replays) {
      const name = `replay-${round}-${threads ?? 'default'}`;
      const { perSecond, peakMiB, cpuMs } = await replayOnce(workshop, name, threads, { brokers, registryUrl });
      rates.push(perSecond);
      cpu.push(perEvent(cpuMs));
      peaks.push(peakMiB);
      workshop.tell(
        `round ${round}: replay, ${threads ?? 'default'} threads, ${Math.round(perSecond)}/s, peak ${Math.round(peakMiB)} MiB`,
      );
    }
  }
  const micros = (cpu: readonly number[]) => rounded(median(cpu), 1);
  workshop.print(`${EVENTS} events, seed ${SEED}, ${ROUNDS} rounds, medians (least … most)`);
  workshop.print(
    `  bare consumer that only decodes  ${spread(bareRates)} events/s, ${micros(bareCpu)} µs of processor time each`,
  );
  for (const { threads, rates, cpu, peaks } of replays) {
    const ratio = rounded(median(rates) / median(bareRates), 2);
    workshop.print(`  postlane replay, ${threads ?? 'default'} threads`);
    workshop.print(`    ${spread(rates)} events/s, ${micros(cpu)} µs of processor time each`);
    workshop.print(`    ratio ${ratio} (at least 0.6 is promised), at most ${spread(peaks)} MiB of its own`);
    if (!values.json) continue;
    const [bareRate, replayRate] = [median(bareRates), median(rates)];
    const facts = { events: EVENTS, threads, bare: bareRate, replay: replayRate, ratio };
    workshop.print(
      JSON.stringify({
        ...facts,
        bareCpuMicros: micros(bareCpu),
        replayCpuMicros: micros(cpu),
        peakMiB: Math.max(...peaks),
      }),
    );
  }
} finally {
  await workshop.close();
}
