import { hash } from 'node:crypto';
import type { Config } from '../../config/types.ts';
import type { Feedback, FeedbackEvent, ReputationSignal } from '../../contracts/generated.ts';
import { topics } from '../../contracts/topic.ts';
import { PostlaneError } from '../../domain/error.ts';
import { partitionOf } from '../../domain/partitioner.ts';
import { EMAIL_TYPES } from '../../domain/policy.ts';
import { providerIndex } from '../../domain/provider.ts';
import { DAY_MS, type Millis } from '../../domain/time.ts';
import { recipientNamesIn } from '../../host/address-keys.ts';
import { systemClock } from '../../host/clock.ts';
import { feedbackRoutesOf } from '../../host/feedback-routes.ts';
import { openSentMails } from '../../host/sent-mails.ts';
import { openVerpSigner } from '../../host/verp.ts';
import type { KafkaClient } from '../../kafka/client.ts';
import { readPartition } from '../../kafka/partition-reader.ts';
import { type PartitionRange, rangesOf } from '../../kafka/topic-ends.ts';
import { readMail } from '../../mime/read-mail.ts';
import type { Codec } from '../../runtime/codec.ts';
import type { StoredRecord, Telemetry } from '../../runtime/ports.ts';
import type { Fold, Input, Output } from '../../runtime/processor.ts';
import { SEEN_HASH_BYTES, SEEN_PAIR_BYTES, type SeenStore } from '../../runtime/seen-port.ts';
import { openSecrets } from '../../secrets/open.ts';
import type { SideTables } from '../../store/side-tables.ts';
import type { ReplayTables } from './replay-tables.ts';
import { type ReadAgain, toldRow } from './told-again.ts';

export interface ReadAgainOptions {
  readonly config: Config;
  readonly kafka: KafkaClient;
  readonly codec: Codec;
  readonly tables: ReplayTables;
  /** For the index of the mails that were sent; may be deleted afterwards. */
  readonly directory: string;
  readonly signal: AbortSignal;
  readonly tell: (line: string) => void;
}

const DONE = 'feedback read again';
const SEEN = 'told seen';
const STALL_MS = 60_000;
const WAIT_MS = 200;
/** The newest feedback may be about a mail of which the results are still to be read. */
const WAITS_MAX = 150;
/** A report comes within days of its mail: those of the first days of the results may be about mails that are not known. */
const REPORTED_WITHIN_MS = 7 * DAY_MS;
/** What was written down so shortly before reading began may not be read. */
const CLOCK_SKEW_MS = 2_000;

/** Nobody scrapes a command. */
const SILENT: Telemetry = {
  count: () => undefined,
  gauge: () => undefined,
  observe: () => undefined,
  log: () => undefined,
};

/**
 * Reads all raw feedback again, with today's readers, and binds it to mails as the feedback processor does. The signals
 * that follow lie in the side tables afterwards; answers which of the log's they stand for. Where an earlier run under
 * the same terms had read all of it, that is kept. Throws STOPPED at the signal.
 */
export async function readFeedbackAgain(options: ReadAgainOptions): Promise<ReadAgain> {
  const { kafka, tables, signal, tell } = options;
  const noted = tables.common.noted(DONE);
  if (noted !== undefined) return JSON.parse(noted) as ReadAgain;
  const until = Date.now() - CLOCK_SKEW_MS;
  const ranges = await rangesOf(kafka, [topics.feedback.name]);
  const results = await rangesOf(
    kafka,
    EMAIL_TYPES.map((type) => topics.results(type).name),
  );
  const [rawSince, mailsSince] = [await beginningOf(kafka, ranges), await beginningOf(kafka, results)];
  const since = Math.max(rawSince, mailsSince === 0 ? 0 : mailsSince + REPORTED_WITHIN_MS);
  const mails = await openSentMails({ ...options, clock: systemClock, telemetry: SILENT }, options.directory);
  const steps: (() => Promise<void>)[] = [() => mails.stop()];
  try {
    const atEnd = (step: () => Promise<void>) => void steps.push(step);
    const reader = await FeedbackReader.open({ ...options, atEnd }, mails, since);
    for (const { partition, first, end } of ranges) {
      await readPartition(kafka, {
        topic: topics.feedback.name,
        partition,
        fromOffset: first,
        untilOffset: end,
        stallMs: STALL_MS,
        async apply(records) {
          if (signal.aborted) throw new PostlaneError('STOPPED', { what: 'reading feedback again' });
          await reader.take(records);
        },
      });
    }
    tell(`${reader.read} records of feedback read again: ${reader.events} events, ${reader.signals} signals`);
  } finally {
    for (const step of steps.reverse()) await step();
  }
  const again = { since, until };
  tables.common.clearTable(SEEN);
  await tables.common.put([], { [DONE]: JSON.stringify(again) });
  return again;
}

/** Since when partitions are complete; 0: since their beginning. */
async function beginningOf(kafka: KafkaClient, ranges: readonly PartitionRange[]): Promise<Millis> {
  let since = 0;
  for (const { topic, partition, first, end } of ranges) {
    if (first === 0) continue;
    let at: Millis | null = null;
    const untilOffset = Math.min(first + 1, end);
    const apply = (records: readonly StoredRecord[]): void => {
      at ??= records[0]?.at ?? null;
    };
    await readPartition(kafka, { topic, partition, fromOffset: first, untilOffset, stallMs: STALL_MS, apply });
    since = Math.max(since, at ?? Number.MAX_SAFE_INTEGER);
  }
  return since;
}

/** Split and feedback processor, one record after the other, into the side tables. */
class FeedbackReader {
  read = 0;
  events = 0;
  signals = 0;
  private readonly codec: Codec;
  private readonly tables: ReplayTables;
  private readonly since: Millis;
  private readonly split: Fold<Feedback>;
  private readonly feedback: Fold<FeedbackEvent>;

  private constructor(
    { codec, tables }: ReadAgainOptions,
    since: Millis,
    folds: { readonly split: Fold<Feedback>; readonly feedback: Fold<FeedbackEvent> },
  ) {
    this.codec = codec;
    this.tables = tables;
    this.since = since;
    this.split = folds.split;
    this.feedback = folds.feedback;
  }

  static async open(
    options: ReadAgainOptions & { readonly atEnd: (step: () => Promise<void>) => void },
    mails: Awaited<ReturnType<typeof openSentMails>>,
    since: Millis,
  ): Promise<FeedbackReader> {
    const { config, tables } = options;
    const { splitDefinition } = await import('../../../processors/split/index.ts');
    const { feedbackDefinition } = await import('../../../processors/feedback/index.ts');
    const secrets = openSecrets({ config: config.secrets, clock: systemClock, telemetry: SILENT });
    const signer = await openVerpSigner({ config, secrets, telemetry: SILENT });
    options.atEnd(async () => {
      signer?.stop();
      await secrets.close();
    });
    const routes = feedbackRoutesOf(config);
    const task = { group: 'replay', topic: topics.feedback.name, partition: 0 };
    const nothing = () => Promise.resolve(0);
    const split = splitDefinition({ readMail, hash: hashOf, verify: (local) => signer?.current.verify(local) ?? null });
    const feedback = feedbackDefinition({
      mails,
      rules: { routeOf: (name) => routes.get(name), feedbackSenderId: config.feedbackId.senderId },
      names: await recipientNamesIn(config, secrets),
      providerOf: providerIndex(config.providers),
      hash: (text) => hash('sha256', text, 'buffer').subarray(0, SEEN_HASH_BYTES),
      openSeen: () => Promise.resolve(sideSeen(tables.common)),
    });
    tables.common.clearTable(SEEN);
    return new FeedbackReader(options, since, {
      split: await split.open(task, nothing, { nextOffset: -1 }),
      feedback: await feedback.open(task, nothing, { nextOffset: -1 }),
    });
  }

  async take(records: readonly StoredRecord[]): Promise<void> {
    await this.codec.prepare(topics.feedback, records);
    for (const record of records) {
      const decoded = this.codec.decode(topics.feedback, record.value);
      this.read++;
      // What cannot be decoded is a dead letter of production's already.
      if (!decoded.ok || record.at < this.since) continue;
      const input = { key: record.key?.toString() ?? '', value: decoded.value, at: record.at, record };
      await this.split.prepare?.([input]);
      const { outputs } = this.split.fold([input], 0);
      const events = outputs.filter(({ topic }) => topic.name === topics.feedbackEvents.name);
      if (events.length > 0) await this.tell(events, record);
    }
  }

  private async tell(events: readonly Output[], record: StoredRecord): Promise<void> {
    let inputs = events.map(
      ({ key, value }): Input<FeedbackEvent> => ({
        key: key ?? '',
        value: value as FeedbackEvent,
        at: record.at,
        record,
      }),
    );
    this.events += inputs.length;
    for (let waits = 0; inputs.length > 0; waits++) {
      const draft = this.feedback.fold(inputs, systemClock.now());
      const signals = draft.outputs.filter(({ topic }) => topic.name === topics.reputation.name);
      for (const { value } of signals) {
        const told = value as ReputationSignal;
        const partition = partitionOf(told.subject, this.tables.count);
        const row = toldRow(partition, record.at, this.signals++, this.codec.encode(topics.reputation, told));
        await this.tables.partition(partition).put([row]);
      }
      await draft.believe(draft.outputs.map(() => ({ partition: 0, offset: 0 })));
      inputs = inputs.slice(draft.consumed);
      if (inputs.length === 0) return;
      if (waits >= WAITS_MAX) throw new PostlaneError('KAFKA_UNAVAILABLE', { what: 'results are not current' });
      await systemClock.sleep(WAIT_MS);
    }
  }
}

function hashOf(parts: readonly (string | Uint8Array)[]): string {
  return hash('sha256', Buffer.concat(parts.map((part) => Buffer.from(part as string))), 'base64url');
}

/** What was counted already. Partitions are read one after the other, so nothing is forgotten before the end. */
function sideSeen(tables: SideTables): SeenStore {
  const keyOf = (id: Uint8Array): string => Buffer.from(id).toString('hex');
  return {
    checkpoint: () => null,
    find(id, since) {
      const row = tables.get(SEEN, keyOf(id));
      return row !== undefined && row.readDoubleBE(0) >= since ? row.subarray(8) : undefined;
    },
    async add(batches) {
      const rows = batches.flatMap(({ at, hashes }) =>
        Array.from({ length: hashes.length / SEEN_PAIR_BYTES }, (_, n) => {
          const pair = hashes.subarray(n * SEEN_PAIR_BYTES, (n + 1) * SEEN_PAIR_BYTES);
          const value = Buffer.alloc(8 + SEEN_HASH_BYTES);
          value.writeDoubleBE(at, 0);
          value.set(pair.subarray(SEEN_HASH_BYTES), 8);
          return { table: SEEN, key: keyOf(pair.subarray(0, SEEN_HASH_BYTES)), value };
        }),
      );
      await tables.put(rows);
    },
    clear: () => Promise.resolve(tables.clearTable(SEEN)),
  };
}
