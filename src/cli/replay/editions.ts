import type { ReputationEditions } from '../../contracts/generated.ts';
import { topics } from '../../contracts/topic.ts';
import {
  EDITIONS_KEY,
  editionPrefix,
  FIRST_EDITION,
  prepared,
  subjectOfEdition,
  switched,
} from '../../domain/edition.ts';
import { PostlaneError } from '../../domain/error.ts';
import type { ReputationOverrides } from '../../domain/reputation-overrides.ts';
import { type Millis, SECOND_MS } from '../../domain/time.ts';
import type { KafkaClient } from '../../kafka/client.ts';
import type { Publisher } from '../../kafka/publisher.ts';
import { rangesOf } from '../../kafka/topic-ends.ts';
import { scanTopics } from '../../kafka/topic-scan.ts';
import type { Codec } from '../../runtime/codec.ts';
import type { LogRecord } from '../../runtime/ports.ts';
import { ALL_TABLES, decodeRow } from './live-tables.ts';
import type { ReplayTables } from './replay-tables.ts';

/** What promoting works with. */
export interface Promoting {
  readonly kafka: KafkaClient;
  readonly codec: Codec;
  readonly publisher: Publisher;
  /** Group of those that fold an edition. */
  readonly groupOf: (edition: number) => string;
  readonly signal: AbortSignal;
  readonly tell: (line: string) => void;
}

const ROWS_AT_ONCE = 1_000;
/** How long a reputation role may take to bring a new edition up to date. */
const CATCH_UP_MS_MAX = 5 * 60 * SECOND_MS;
const ASK_MS = 500;

/** Which edition is in force; the first one where nothing was ever promoted. */
export async function readEditions(kafka: KafkaClient, codec: Codec, signal: AbortSignal): Promise<ReputationEditions> {
  const topic = topics.reputationEditions;
  let row = FIRST_EDITION;
  await scanTopics(kafka, {
    ranges: await rangesOf(kafka, [topic.name]),
    follow: false,
    signal,
    async apply(_topic, _partition, records) {
      await codec.prepare(topic, records);
      for (const { key, value } of records) {
        if (key?.toString() === EDITIONS_KEY && value !== null) row = decodeRow(codec, topic, value);
      }
    },
  });
  return row;
}

/**
 * Puts the side tables in force as a new edition. Its rows are written beside those in force; a group of its own begins
 * where the replay ended; once it has caught up, one record switches every reader. Nothing in force changes before that.
 */
export async function promote(
  world: Promoting,
  tables: ReplayTables,
  ends: readonly { readonly partition: number; readonly end: number }[],
  overrides: ReputationOverrides,
): Promise<ReputationEditions> {
  const { kafka, codec, signal, tell } = world;
  const before = await readEditions(kafka, codec, signal);
  const next = prepared(before, overrides, Date.now());
  if (before.standby >= 0) {
    tell(`edition ${before.standby} is no longer kept`);
    await retire(world, before.standby);
  }
  await writeRows(world, tables, next.standby);
  await beginAt(world, next.standby, ends);
  await write(world, next);
  tell(`edition ${next.standby} is written; waiting for a reputation role to bring it up to date`);
  await caughtUp(world, next.standby);
  const after = switched(next, Date.now());
  await write(world, after);
  return after;
}

/** Puts the edition beside the one in force back. It was kept up to date, so nothing is lost. */
export async function rollBack(world: Promoting): Promise<ReputationEditions> {
  const before = await readEditions(world.kafka, world.codec, world.signal);
  if (before.standby < 0) {
    throw new PostlaneError('CONFIG_INVALID', { what: 'there is no edition to go back to: nothing was promoted' });
  }
  await caughtUp(world, before.standby);
  const after = switched(before, Date.now());
  await write(world, after);
  return after;
}

async function write({ publisher, codec }: Promoting, row: ReputationEditions): Promise<void> {
  const topic = topics.reputationEditions;
  await publisher.append([{ topic: topic.name, key: EDITIONS_KEY, value: codec.encode(topic, row) }]);
}

async function writeRows({ publisher, signal }: Promoting, tables: ReplayTables, edition: number): Promise<void> {
  const prefix = editionPrefix(edition);
  for (const { name: topic } of ALL_TABLES) {
    let records: LogRecord[] = [];
    const flush = async () => {
      if (signal.aborted) throw new PostlaneError('STOPPED', { what: 'promoting; nothing was switched' });
      await publisher.append(records);
      records = [];
    };
    for (const { key, value, partition } of tables.rowsOf(topic)) {
      records.push({ topic, key: prefix + key, value, partition });
      if (records.length >= ROWS_AT_ONCE) await flush();
    }
    await flush();
  }
}

/** The group of a new edition goes on where the replay ended. It has no members yet. */
async function beginAt(
  { kafka, groupOf }: Promoting,
  edition: number,
  ends: readonly { readonly partition: number; readonly end: number }[],
): Promise<void> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    await admin.setOffsets({
      groupId: groupOf(edition),
      topic: topics.reputation.name,
      partitions: ends.map(({ partition, end }) => ({ partition, offset: String(end) })),
    });
  } finally {
    await admin.disconnect();
  }
}

/** Waits until the edition has folded everything that was in the log when this began. */
async function caughtUp({ kafka, groupOf, signal }: Promoting, edition: number): Promise<void> {
  const topic = topics.reputation.name;
  const ends = await rangesOf(kafka, [topic]);
  const until: Millis = Date.now() + CATCH_UP_MS_MAX;
  const admin = kafka.admin();
  await admin.connect();
  try {
    while (!signal.aborted) {
      const [committed] = await admin.fetchOffsets({ groupId: groupOf(edition), topics: [topic] });
      const isBehind = ends.some(({ partition, end, first }) => {
        const offset = Number(committed?.partitions.find((one) => one.partition === partition)?.offset ?? -1);
        return end > first && offset < end - CONTROL_RECORDS_MAX;
      });
      // The offsets of a new edition are ours at first: somebody must be there who goes on from them.
      const { groups } = await admin.describeGroups([groupOf(edition)]);
      if (!isBehind && groups.some(({ state, members }) => state === 'Stable' && members.length > 0)) return;
      if (Date.now() > until) {
        throw new PostlaneError('KAFKA_UNAVAILABLE', {
          what: 'no reputation role brings the edition up to date',
          edition,
        });
      }
      await new Promise((resolve) => setTimeout(resolve, ASK_MS));
    }
  } finally {
    await admin.disconnect();
  }
  throw new PostlaneError('STOPPED', { what: 'waiting for an edition; nothing was switched', edition });
}

/** The end of a transaction takes an offset that no group commits. */
const CONTROL_RECORDS_MAX = 1;

/** Tombstones for the rows of an edition that nobody will go back to. */
async function retire({ kafka, publisher, signal }: Promoting, edition: number): Promise<void> {
  await scanTopics(kafka, {
    ranges: await rangesOf(
      kafka,
      ALL_TABLES.map(({ name }) => name),
    ),
    follow: false,
    signal,
    async apply(topic, partition, records) {
      const keys = new Set<string>();
      for (const { key, value } of records) {
        const text = key?.toString() ?? '';
        if (value !== null && subjectOfEdition(text, edition) !== null) keys.add(text);
      }
      await publisher.append([...keys].map((key) => ({ topic, key, value: null, partition })));
    },
  });
}
