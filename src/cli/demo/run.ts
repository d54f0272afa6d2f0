import { randomBytes } from 'node:crypto';
import type { DeliveryResult } from '../../contracts/generated.ts';
import { topics } from '../../contracts/topic.ts';
import { EMAIL_TYPES } from '../../domain/policy.ts';
import { keptSignal } from '../../domain/results.ts';
import { recipientSubject } from '../../domain/suppression.ts';
import { MINUTE_MS, SECOND_MS } from '../../domain/time.ts';
import { AddressKeys } from '../../host/address-keys.ts';
import type { Host } from '../../host/host.ts';
import { Publisher } from '../../kafka/publisher.ts';
import { TopicTail } from '../../kafka/topic-tail.ts';
import type { LogRecord, StoredRecord } from '../../runtime/ports.ts';
import { type DemoMail, demoLoad, suppressedAddress } from './load.ts';
import { type JournalEntry, type Summary, summarise } from './summary.ts';

/** The demo gives up waiting when nothing new has ended for so long: what has no ending by then is lost. */
const QUIET_MS_MAX = 90 * SECOND_MS;
const POLL_MS = 100;
const PROGRESS_MS = 2 * SECOND_MS;
/** Time for suppressions to reach the views before the load is published. */
const SUPPRESSED_WITHIN_MS = 20 * SECOND_MS;
const CHUNK = 200;
const JOURNAL_TIMEOUT_MS = MINUTE_MS;

export interface DemoOptions {
  readonly count: number;
  /** Base URL of the simulator's journal. */
  readonly journalUrl: string;
  readonly tell: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Sends a demo load through everything, waits until every mail has ended, and says what became of it. */
export async function runDemo(host: Host, options: DemoOptions): Promise<Summary> {
  const run = randomBytes(4).toString('hex');
  const watch = new Watch(host);
  const publisher = new Publisher({ kafka: host.kafka });
  await watch.start();
  try {
    const now = Date.now();
    const mails = demoLoad(options.count, run, now);
    await suppress(host, publisher, mails, run, options);
    const startedAt = Date.now();
    const publishedAt = await publish(host, publisher, mails, options);
    await waitForEndings(watch, mails, options);
    const journal = await readJournal(options.journalUrl, `demo-${run}-`);
    return summarise({
      mails,
      publishedAt,
      results: watch.results.filter(({ jobId }) => jobId.startsWith(`demo-${run}-`)),
      undecodable: watch.undecodable,
      journal,
      startedAt,
      endedAt: Date.now(),
    });
  } finally {
    await watch.stop();
    await publisher.close();
  }
}

/** Sees results and dead letters as any downstream consumer would: committed records only. */
class Watch {
  readonly results: DeliveryResult[] = [];
  readonly ended = new Set<string>();
  undecodable = 0;
  private readonly host: Host;
  private readonly tail: TopicTail;

  constructor(host: Host) {
    this.host = host;
    this.tail = new TopicTail(host.kafka, (topic, _partition, records) => this.see(topic, records));
  }

  start(): Promise<void> {
    const results = EMAIL_TYPES.map((type) => topics.results(type).name);
    return this.tail.start([...results, topics.deadLetters.name]);
  }

  stop(): Promise<void> {
    return this.tail.stop();
  }

  private async see(topic: string, records: readonly StoredRecord[]): Promise<void> {
    if (topic === topics.deadLetters.name) return this.seeDeadLetters(records);
    const { codec } = this.host;
    const own = { ...topics.results('marketing'), name: topic };
    await codec.prepare(own, records);
    for (const { value } of records) {
      const decoded = codec.decode(own, value);
      if (!decoded.ok) continue;
      this.results.push(decoded.value);
      if (decoded.value.kind === 'ending') this.ended.add(decoded.value.jobId);
    }
  }

  private async seeDeadLetters(records: readonly StoredRecord[]): Promise<void> {
    const { codec } = this.host;
    await codec.prepare(topics.deadLetters, records);
    for (const { value } of records) {
      const decoded = codec.decode(topics.deadLetters, value);
      if (decoded.ok && decoded.value.jobId === null) this.undecodable++;
    }
  }
}

async function suppress(
  host: Host,
  publisher: Publisher,
  mails: readonly DemoMail[],
  run: string,
  { tell }: DemoOptions,
): Promise<void> {
  const addresses = mails.flatMap(({ fate, id }) =>
    fate === 'suppressed' ? [suppressedAddress(run, Number(id.split('-').at(-1)))] : [],
  );
  if (addresses.length === 0) return;
  tell(`suppressing ${addresses.length} addresses`);
  const at = Date.now();
  const addressKeys = await AddressKeys.open(host);
  await addressKeys.stop();
  const { names } = addressKeys;
  const records: LogRecord[] = addresses.map((address) => {
    const subject = recipientSubject(names.nameOf(address));
    const facts = {
      eventId: `demo:${run}:${address}`,
      subject,
      kind: 'suppression_added',
      at,
      tenant: 'default',
      // Mail of every type: one that names a type binds no other.
      type: 'unknown',
      who: 'demo',
      why: 'the demo suppresses some of its recipients',
    } as const;
    const value = keptSignal(facts, names);
    return { topic: topics.reputation.name, key: subject, value: host.codec.encode(topics.reputation, value) };
  });
  await publisher.append(records);
  await watchSuppressions(host, addresses);
}

/** The rows must be committed before the load is sent; the views of router and worker follow within a fetch. */
async function watchSuppressions(host: Host, addresses: readonly string[]): Promise<void> {
  const { openViews } = await import('../../host/views.ts');
  const views = await openViews(host, null);
  try {
    const deadline = Date.now() + SUPPRESSED_WITHIN_MS;
    while (Date.now() < deadline) {
      if (addresses.every((address) => views.suppressionOfAddress(address)?.active)) return;
      await host.clock.sleep(POLL_MS);
    }
  } finally {
    await views.stop();
  }
}

async function publish(
  host: Host,
  publisher: Publisher,
  mails: readonly DemoMail[],
  { tell, signal: stopped }: DemoOptions,
): Promise<ReadonlyMap<string, number>> {
  const publishedAt = new Map<string, number>();
  tell(`publishing ${mails.length} mails`);
  const pending: Promise<unknown>[] = [];
  for (let at = 0; at < mails.length && !stopped.aborted; at += CHUNK) {
    const chunk = mails.slice(at, at + CHUNK);
    const records = chunk.flatMap((mail) => recordsOf(host, mail));
    const now = Date.now();
    const appended = publisher.append(records).then(() => {
      for (const { id } of chunk) publishedAt.set(id, now);
    });
    pending.push(appended);
    if (pending.length >= 8) await pending.shift();
  }
  await Promise.all(pending);
  return publishedAt;
}

function recordsOf({ codec }: Host, { fate, type, id, job }: DemoMail): LogRecord[] {
  const topic = topics.ingest(type);
  const value = job === null ? Buffer.from(`this is no Avro record: ${id}`) : codec.encode(topic, job);
  const record = { topic: topic.name, key: id, value };
  return fate === 'published-twice' ? [record, record] : [record];
}

async function waitForEndings(watch: Watch, mails: readonly DemoMail[], options: DemoOptions): Promise<void> {
  const expected = mails.filter(({ job }) => job !== null).length;
  const malformed = mails.length - expected;
  const state = () => watch.ended.size + watch.undecodable;
  let before = -1;
  let changedAt = Date.now();
  let toldAt = Date.now();
  while (!options.signal.aborted && (watch.ended.size < expected || watch.undecodable < malformed)) {
    if (state() !== before) {
      before = state();
      changedAt = Date.now();
    }
    if (Date.now() - changedAt > QUIET_MS_MAX) return;
    if (Date.now() - toldAt > PROGRESS_MS) {
      toldAt = Date.now();
      options.tell(`${watch.ended.size} of ${expected} mails have ended`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function readJournal(url: string, prefix: string): Promise<readonly JournalEntry[]> {
  const response = await fetch(`${url}/journal`, { signal: AbortSignal.timeout(JOURNAL_TIMEOUT_MS) });
  const text = await response.text();
  return text
    .split('\n')
    .filter((line) => line.includes(prefix))
    .map((line) => JSON.parse(line) as JournalEntry);
}
