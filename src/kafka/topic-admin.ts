import { setTimeout as sleep } from 'node:timers/promises';
import type { Admin } from 'kafkajs';
import type { TopicSpec } from '../contracts/catalog.ts';
import { PostlaneError } from '../domain/error.ts';
import type { TopicPlan, TopicPlanOptions, TopicState } from './topic-plan.ts';
import { changesAnything, isOneOf, planTopics } from './topic-plan.ts';

/** Told one line at a time. */
export type Progress = (line: string) => void;

/** The part of kafkajs's admin that is used here. It must be connected. */
export type TopicAdmin = Pick<
  Admin,
  'listTopics' | 'fetchTopicMetadata' | 'describeConfigs' | 'createTopics' | 'createPartitions' | 'alterConfigs'
>;

/** Kafka's number for topics among the things that have settings, and for settings that are a topic's own. */
const TOPIC_RESOURCE = 2;
const TOPIC_SOURCE = 1;
/** For the broker, to create what one request names. */
const REQUEST_TIMEOUT_MS = 30_000;
/** Topics that one request asks for or creates: a cluster of thousands must not make one answer of all. */
const TOPICS_PER_REQUEST = 200;
/** How long the brokers may take to show what the controller has done, and how often they are asked. */
const SETTLE_DEADLINE_MS = 15_000;
const SETTLE_INTERVAL_MS = 50;
/** Of a cluster whose brokers do not agree on which topics there are. */
const READS_MAX = 5;

/** The topics of the cluster that begin as those of the catalog do. Throws KAFKA_UNAVAILABLE. */
export async function readTopics(admin: TopicAdmin, catalog: readonly TopicSpec[]): Promise<readonly TopicState[]> {
  const isOurs = isOneOf(catalog);
  for (let reads = 1; ; reads++) {
    try {
      const names = (await admin.listTopics()).filter(isOurs);
      const states: TopicState[] = [];
      for (const part of chunks(names)) states.push(...(await readPart(admin, part)));
      return states;
    } catch (cause) {
      // A topic that was just deleted, or created, is listed by one broker and unknown to another.
      if (!isUnknownTopic(cause) || reads === READS_MAX) throw unavailable('read topics', cause);
      await sleep(SETTLE_INTERVAL_MS);
    }
  }
}

const isUnknownTopic = (error: unknown): boolean =>
  (error as { readonly type?: unknown }).type === 'UNKNOWN_TOPIC_OR_PARTITION';

async function readPart(admin: TopicAdmin, names: readonly string[]): Promise<readonly TopicState[]> {
  const resources = names.map((name) => ({ type: TOPIC_RESOURCE, name }));
  const [metadata, configs] = await Promise.all([
    admin.fetchTopicMetadata({ topics: [...names] }),
    admin.describeConfigs({ resources, includeSynonyms: false }),
  ]);
  const entriesOf = new Map(configs.resources.map(({ resourceName, configEntries }) => [resourceName, configEntries]));
  return metadata.topics.map(({ name, partitions }) => {
    const entries = (entriesOf.get(name) ?? []) as unknown as readonly ConfigEntry[];
    return {
      name,
      partitions: partitions.length,
      replicationFactor: Math.min(...partitions.map(({ replicas }) => replicas.length)),
      effective: toRecord(entries),
      own: toRecord(entries.filter(({ configSource }) => configSource === TOPIC_SOURCE)),
    };
  });
}

/** As the protocol has it; kafkajs's own type lacks a field of it. */
interface ConfigEntry {
  readonly configName: string;
  readonly configValue: string | null;
  readonly configSource: number;
}

const toRecord = (entries: readonly ConfigEntry[]): Readonly<Record<string, string>> =>
  Object.fromEntries(
    entries.flatMap(({ configName, configValue }) => (configValue === null ? [] : [[configName, configValue]])),
  );

/** Compares the catalog with the cluster; changes nothing. Throws KAFKA_UNAVAILABLE. */
export async function planCluster(
  admin: TopicAdmin,
  catalog: readonly TopicSpec[],
  options: TopicPlanOptions = {},
): Promise<TopicPlan> {
  return planTopics(catalog, await readTopics(admin, catalog), options);
}

/**
 * Creates, grows and alters what the catalog asks for, and nothing else: it never shrinks or deletes, and leaves refusals to
 * whoever reads them. Returns when the cluster shows all of it. Idempotent, also where several apply at once, and quick
 * where there is nothing to do. Throws KAFKA_UNAVAILABLE, having done a part.
 * @returns the plan that was carried out
 */
export async function applyTopics(
  admin: TopicAdmin,
  catalog: readonly TopicSpec[],
  options: TopicPlanOptions,
  progress: Progress,
): Promise<TopicPlan> {
  const plan = await planCluster(admin, catalog, options);
  if (!changesAnything(plan)) return plan;
  await carryOut(admin, plan, progress).catch((cause) => {
    throw unavailable('apply topics', cause);
  });
  await settled(admin, catalog, options);
  return plan;
}

async function carryOut(admin: TopicAdmin, plan: TopicPlan, progress: Progress): Promise<void> {
  for (const part of chunks(plan.creates)) {
    // Those that someone else created meanwhile are no error, and do not keep the others from being created.
    await admin.createTopics({ topics: part.map(toRequest), waitForLeaders: false, timeout: REQUEST_TIMEOUT_MS });
    progress(`${part.length} topics created`);
  }
  for (const part of chunks(plan.grows)) {
    const topicPartitions = part.map(({ topic, to }) => ({ topic, count: to }));
    await admin.createPartitions({ topicPartitions, timeout: REQUEST_TIMEOUT_MS }).catch(unlessGrown);
    progress(`${part.length} topics have more partitions`);
  }
  for (const part of chunks(plan.alters)) {
    const resources = part.map(({ topic, own }) => ({
      type: TOPIC_RESOURCE,
      name: topic,
      configEntries: toEntries(own),
    }));
    await admin.alterConfigs({ validateOnly: false, resources });
    progress(`${part.length} topics have other settings`);
  }
}

/** A topic that someone else grew meanwhile is no error either; whether all have grown is looked at afterwards. */
function unlessGrown(error: unknown): void {
  if ((error as { readonly type?: unknown }).type !== 'INVALID_PARTITIONS') throw error;
}

/** Brokers learn of changes a moment after the controller has made them; whoever goes on earlier reads the old state. */
async function settled(admin: TopicAdmin, catalog: readonly TopicSpec[], options: TopicPlanOptions): Promise<void> {
  const deadline = performance.now() + SETTLE_DEADLINE_MS;
  for (;;) {
    try {
      const left = await planCluster(admin, catalog, options);
      if (!changesAnything(left)) return;
      const altered = [...left.grows, ...left.alters].map(({ topic }) => topic);
      const topics = [...left.creates.map(({ name }) => name), ...altered];
      throw new PostlaneError('KAFKA_UNAVAILABLE', { what: 'topics did not become what was asked for', topics });
    } catch (error) {
      // Also while a partition that is new has no leader yet.
      if (performance.now() >= deadline) throw error;
    }
    await sleep(SETTLE_INTERVAL_MS);
  }
}

const toRequest = (spec: TopicSpec) => ({
  topic: spec.name,
  numPartitions: spec.partitions,
  replicationFactor: spec.replicationFactor,
  configEntries: toEntries(spec.config),
});

const toEntries = (config: Readonly<Record<string, string>>): { name: string; value: string }[] =>
  Object.entries(config).map(([name, value]) => ({ name, value }));

function* chunks<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let first = 0; first < items.length; first += TOPICS_PER_REQUEST) {
    yield items.slice(first, first + TOPICS_PER_REQUEST);
  }
}

function unavailable(what: string, cause: unknown): PostlaneError {
  // An aggregate says what happened to each topic; one is enough to know why.
  const [first] = (cause as { readonly errors?: readonly unknown[] }).errors ?? [];
  const detail = first instanceof Error ? first.message : undefined;
  return new PostlaneError('KAFKA_UNAVAILABLE', { what, detail }, { cause });
}
