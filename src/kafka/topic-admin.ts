import type { Admin } from 'kafkajs';
import type { TopicSpec } from '../contracts/catalog.ts';
import { PostlaneError } from '../domain/error.ts';
import type { TopicPlan, TopicPlanOptions, TopicState } from './topic-plan.ts';
import { planTopics } from './topic-plan.ts';

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
/** Another `apply` may run beside us: what it did first is looked at again, so often. */
const ROUNDS_MAX = 3;

/** The topics of the cluster that begin as ours do, or are in the catalog. Throws KAFKA_UNAVAILABLE. */
export async function readTopics(admin: TopicAdmin, catalog: readonly TopicSpec[]): Promise<readonly TopicState[]> {
  return unavailable('read topics', async () => {
    const known = new Set(catalog.map((spec) => spec.name));
    const names = (await admin.listTopics()).filter((name) => known.has(name) || name.startsWith('email.'));
    const states: TopicState[] = [];
    for (const part of chunks(names)) states.push(...(await readPart(admin, part)));
    return states;
  });
}

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
 * whoever reads them. Idempotent, and quick where there is nothing to do. Throws KAFKA_UNAVAILABLE, having done a part.
 * @returns the plan that was carried out
 */
export async function applyTopics(
  admin: TopicAdmin,
  catalog: readonly TopicSpec[],
  options: TopicPlanOptions,
  progress: Progress,
): Promise<TopicPlan> {
  const plan = await planCluster(admin, catalog, options);
  await unavailable('apply topics', async () => {
    await create(admin, plan.creates, catalog, progress);
    for (const part of chunks(plan.grows)) {
      const topicPartitions = part.map(({ topic, to }) => ({ topic, count: to }));
      await admin.createPartitions({ topicPartitions, timeout: REQUEST_TIMEOUT_MS });
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
  });
  return plan;
}

async function create(
  admin: TopicAdmin,
  wanted: readonly TopicSpec[],
  catalog: readonly TopicSpec[],
  progress: Progress,
): Promise<void> {
  let missing = wanted;
  for (let round = 1; missing.length > 0 && round <= ROUNDS_MAX; round++) {
    for (const part of chunks(missing)) {
      // False where some were there already, for then the others may not have been waited for.
      const made = await admin.createTopics({
        topics: part.map(toRequest),
        waitForLeaders: true,
        timeout: REQUEST_TIMEOUT_MS,
      });
      if (made) progress(`${part.length} topics created`);
    }
    missing = (await planCluster(admin, catalog)).creates;
  }
  if (missing.length > 0) {
    throw new PostlaneError('KAFKA_UNAVAILABLE', { what: 'create topics', topics: missing.map(({ name }) => name) });
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

async function unavailable<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof PostlaneError) throw cause;
    // An aggregate says what happened to each topic; one is enough to know why.
    const [first] = (cause as { readonly errors?: readonly unknown[] }).errors ?? [];
    const detail = first instanceof Error ? first.message : undefined;
    throw new PostlaneError('KAFKA_UNAVAILABLE', { what, detail }, { cause });
  }
}
