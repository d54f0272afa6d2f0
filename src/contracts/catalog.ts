import { DELAY_TIERS, TIER_MS } from '../domain/ladder.ts';
import { EMAIL_TYPES, PROVIDERS, QUEUES } from '../domain/policy.ts';
import { DAY_MS, HOUR_MS } from '../domain/time.ts';
import type { CatalogEntry } from './catalog-entry.ts';
import type { SchemaName } from './generated.ts';

/** One topic as the cluster should have it. */
export interface TopicSpec {
  readonly name: string;
  /** The entry of topics.yaml that it comes from, such as `email.ingest.{type}`. */
  readonly entry: string;
  readonly schema: SchemaName;
  readonly partitions: number;
  readonly replicationFactor: number;
  /** Topic-level configuration as Kafka spells it. Only what is named here is managed; the rest is left alone. */
  readonly config: Readonly<Record<string, string>>;
  /** Infinity: for ever. */
  readonly retentionMs: number;
  /** What more partitions would cost; null: nothing but the order of what is under way. */
  readonly growthCosts: string | null;
  readonly carriesJobs: boolean;
  readonly writer: string;
  readonly readers: readonly string[];
  readonly why: string;
}

/** What the operator may change about one topic, or about all topics of an entry. */
export interface TopicOverride {
  /** Taken as it is: the factor does not apply. */
  readonly partitions?: number;
  readonly retentionMs?: number;
  readonly config?: Readonly<Record<string, string>>;
}

export interface CatalogOptions {
  readonly types: readonly string[];
  readonly queues: readonly string[];
  readonly providers: readonly string[];
  readonly tiers: readonly string[];
  /** Multiplies every partition count, rounded up. */
  readonly partitionFactor: number;
  readonly replicationFactor: number;
  /** A job at most, encoded, in bytes. */
  readonly jobBytesMax: number;
  /** Longest that a job may live after `sendAt` or acceptance. */
  readonly ageMaxMs: number;
  /** How long the router remembers the jobs that it let through. */
  readonly dedupWindowMs: number;
  /** By the name of a topic, or of an entry; the topic's own one wins. */
  readonly overrides: Readonly<Record<string, TopicOverride>>;
}

export const CATALOG_DEFAULTS: CatalogOptions = {
  types: EMAIL_TYPES,
  queues: QUEUES,
  providers: PROVIDERS,
  tiers: DELAY_TIERS,
  partitionFactor: 1,
  replicationFactor: 1,
  jobBytesMax: 5_000_000,
  ageMaxMs: 72 * HOUR_MS,
  dedupWindowMs: 7 * DAY_MS,
  overrides: {},
};

/** Room beside a job's own bytes: the envelope's headers, the key, and the frame of a record batch. */
const JOB_ROOM_BYTES = 64 * 1024;
/** Room beside the job in a dead letter: where it lay, its headers, the reason. */
const DEAD_LETTER_ROOM_BYTES = 64 * 1024;
/** Kafka's own default of 1 MiB and a batch frame. */
const RECORD_BYTES_MAX = 1_048_588;
/** Most partitions of one topic: a slip of the factor must not create a million. */
const PARTITIONS_MAX = 1_000;

/** Largest record batch of a topic that carries jobs, in bytes. */
export const jobMessageBytesMax = (jobBytesMax: number): number => jobBytesMax + JOB_ROOM_BYTES;

/** Largest record batch of the dead letters, in bytes. */
export const deadLetterMessageBytesMax = (jobBytesMax: number): number =>
  jobMessageBytesMax(jobBytesMax) + DEAD_LETTER_ROOM_BYTES;

export interface Expansion {
  readonly topics: readonly TopicSpec[];
  /** Sentences; the topics must not be used where there are any. */
  readonly problems: readonly string[];
}

/** Turns the entries of topics.yaml into the topics that a configuration asks for, and checks what must hold of them. */
export function expandCatalog(entries: readonly CatalogEntry[], options: CatalogOptions): Expansion {
  const topics = entries.flatMap((entry) =>
    valuesOf(entry.name, options).map((values) => expandEntry(entry, values, entries, options)),
  );
  return { topics, problems: [...checkTopics(topics, options), ...checkOverrides(entries, topics, options)] };
}

type Values = Readonly<Record<string, string>>;

function valuesOf(template: string, options: CatalogOptions): readonly Values[] {
  const sets: Readonly<Record<string, readonly string[]>> = {
    type: options.types,
    queue: options.queues,
    provider: options.providers,
    tier: options.tiers,
  };
  const names = [...template.matchAll(/\{(\w+)\}/g)].map((match) => match[1] as string);
  return names.reduce<readonly Values[]>(
    (made, name) => made.flatMap((values) => (sets[name] ?? []).map((value) => ({ ...values, [name]: value }))),
    [{}],
  );
}

const fill = (template: string, values: Values): string =>
  template.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? '');

function expandEntry(
  entry: CatalogEntry,
  values: Values,
  entries: readonly CatalogEntry[],
  options: CatalogOptions,
): TopicSpec {
  const name = fill(entry.name, values);
  const override = overrideOf(entry, name, options);
  const retentionMs = override.retentionMs ?? entry.retentionMs;
  return {
    name,
    entry: entry.name,
    schema: entry.schema,
    partitions: partitionsOf(entry, values, entries, options),
    replicationFactor: options.replicationFactor,
    config: { ...configOf(entry, retentionMs, options), ...override.config },
    retentionMs,
    growthCosts: entry.growthCosts,
    carriesJobs: entry.carriesJobs,
    writer: entry.writer,
    readers: entry.readers,
    why: entry.why,
  };
}

const overrideOf = (entry: CatalogEntry, name: string, options: CatalogOptions): TopicOverride => ({
  ...options.overrides[entry.name],
  ...options.overrides[name],
});

function partitionsOf(
  entry: CatalogEntry,
  values: Values,
  entries: readonly CatalogEntry[],
  options: CatalogOptions,
): number {
  if (typeof entry.partitions === 'string') {
    // The parser has seen to it that the other entry exists and counts for itself.
    const other = entries.find((candidate) => candidate.name === entry.partitions);
    return other === undefined ? 0 : partitionsOf(other, values, entries, options);
  }
  const override = overrideOf(entry, fill(entry.name, values), options).partitions;
  if (override !== undefined) return override;
  const own = Object.values(values).map((value) => entry.partitionsOf[value]);
  const base = own.find((count) => count !== undefined) ?? entry.partitions;
  return Math.max(1, Math.ceil(base * options.partitionFactor));
}

function configOf(entry: CatalogEntry, retentionMs: number, options: CatalogOptions): Record<string, string> {
  const bytes = {
    job: jobMessageBytesMax(options.jobBytesMax),
    'dead-letter': deadLetterMessageBytesMax(options.jobBytesMax),
    record: RECORD_BYTES_MAX,
  }[entry.messageBytes];
  return {
    'cleanup.policy': entry.cleanup,
    'retention.ms': retentionMs === Number.POSITIVE_INFINITY ? '-1' : String(retentionMs),
    'compression.type': entry.compression,
    'max.message.bytes': String(bytes),
    'message.timestamp.type': 'LogAppendTime',
    'min.insync.replicas': String(Math.max(1, options.replicationFactor - 1)),
    'unclean.leader.election.enable': 'false',
    ...(entry.cleanup.startsWith('compact') ? COMPACTION : {}),
  };
}

/**
 * A table is read from its beginning whenever a reader starts without a local copy, so old rows go soon: segments are
 * small and closed after a day at the latest. Tombstones stay for a week: as long as a reader may be away and still
 * learn of them when it returns.
 */
const COMPACTION: Readonly<Record<string, string>> = {
  'segment.bytes': String(64 * 1024 * 1024),
  'segment.ms': String(DAY_MS),
  'min.cleanable.dirty.ratio': '0.1',
  'max.compaction.lag.ms': String(DAY_MS),
  'delete.retention.ms': String(7 * DAY_MS),
};

function checkTopics(topics: readonly TopicSpec[], options: CatalogOptions): readonly string[] {
  return topics.flatMap((topic) => {
    const problems: string[] = [];
    if (!/^[a-z0-9.-]{1,249}$/.test(topic.name)) problems.push(`${topic.name}: no name for a topic`);
    if (!Number.isInteger(topic.partitions) || topic.partitions < 1 || topic.partitions > PARTITIONS_MAX) {
      problems.push(`${topic.name}: ${topic.partitions} partitions; 1 to ${PARTITIONS_MAX} are possible`);
    }
    const waits = options.tiers.find((tier) => topic.name === `email.delay.${tier}`);
    const livesMs = options.ageMaxMs + (waits === undefined ? 0 : (TIER_MS[waits as keyof typeof TIER_MS] ?? 0));
    // Law 8: otherwise retention deletes an accepted mail, and nobody notices.
    if (topic.carriesJobs && topic.retentionMs <= livesMs) {
      problems.push(
        `${topic.name}: retention ${topic.retentionMs} ms is not above the ${livesMs} ms that a job may wait`,
      );
    }
    if (topic.name.startsWith('email.router-seen.') && topic.retentionMs < options.dedupWindowMs) {
      problems.push(`${topic.name}: retention ${topic.retentionMs} ms is below the deduplication window`);
    }
    return problems;
  });
}

function checkOverrides(
  entries: readonly CatalogEntry[],
  topics: readonly TopicSpec[],
  options: CatalogOptions,
): readonly string[] {
  const names = new Map([
    ...topics.map((topic) => [topic.name, topic.entry]),
    ...entries.map((entry) => [entry.name, entry.name]),
  ] as [string, string][]);
  return Object.entries(options.overrides).flatMap(([name, override]) => {
    const entry = entries.find((candidate) => candidate.name === names.get(name));
    if (entry === undefined) return [`overrides: ${name} is no topic and no entry of topics.yaml`];
    if (override.partitions === undefined || typeof entry.partitions === 'number') return [];
    return [`overrides: ${name} has the partitions of ${entry.partitions}; set them there`];
  });
}
