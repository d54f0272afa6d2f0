import { topics } from '../../src/contracts/topic.ts';
import { PostlaneError } from '../../src/domain/error.ts';
import { JOB_RULES_DEFAULT, type JobRules } from '../../src/domain/job.ts';
import { EMAIL_TYPES } from '../../src/domain/policy.ts';
import { systemClock } from '../../src/host/clock.ts';
import { newIds } from '../../src/host/new-ids.ts';
import { createKafka, type KafkaClient, type KafkaOptions } from '../../src/kafka/client.ts';
import { withDeadline } from '../../src/kafka/deadline.ts';
import { Publisher } from '../../src/kafka/publisher.ts';
import { openRegistryCodec } from '../../src/registry/codec.ts';
import { JOB_BYTES_MAX_DEFAULT } from '../../src/registry/limits.ts';
import { JobPublisher, PUBLISHER_BOUNDS_DEFAULT, type PublisherBounds } from './publisher.ts';

export interface CreatePublisherOptions extends Partial<PublisherBounds> {
  /** `host:port` of some brokers. */
  readonly brokers: readonly string[];
  /** Base URL of the schema registry's Confluent API; user and password as in any URL. */
  readonly schemaRegistryUrl: string;
  /** The region that jobs are handed in to, and stay in; a job that names another is refused. Absent: there are no regions. */
  readonly region?: string | null;
  /** How brokers see this client in their logs and quotas. Default `postlane-publisher`. */
  readonly clientId?: string;
  readonly ssl?: KafkaOptions['ssl'];
  readonly sasl?: KafkaOptions['sasl'];
  /** A job at most, encoded, in bytes: `job.bytesMax` of the pipeline's configuration. Default 5 MB. */
  readonly jobBytesMax?: number;
  /** What the pipeline's operator decides about jobs, where it differs from the defaults. */
  readonly rules?: Partial<JobRules>;
  /** Receives warnings, such as of an append that is tried again. Default: nobody. */
  readonly log?: KafkaOptions['log'];
}

const CLIENT_ID = 'postlane-publisher';
const CHECK_MS_MAX = 30_000;
/** One try of the appender, which is thrown away and made anew when it fails; the job's own deadline decides how many. */
const APPEND_MS_MAX = 30_000;

const ingestTopics = EMAIL_TYPES.map((type) => topics.ingest(type));

/**
 * Connects a publisher of jobs. Throws REGISTRY_UNAVAILABLE or KAFKA_UNAVAILABLE where one does not answer, and
 * INFRA_UNAVAILABLE where the pipeline's topics or schemas are not set up there.
 */
export async function createPublisher(options: CreatePublisherOptions): Promise<JobPublisher> {
  const { brokers, clientId = CLIENT_ID, ssl, sasl, log, jobBytesMax = JOB_BYTES_MAX_DEFAULT } = options;
  const region = options.region ?? null;
  const deliveryTimeoutMs = options.deliveryTimeoutMs ?? PUBLISHER_BOUNDS_DEFAULT.deliveryTimeoutMs;
  const kafka = await createKafka({ brokers, clientId, ssl, sasl, log, region });
  const codec = await openRegistryCodec({ url: options.schemaRegistryUrl, encodes: ingestTopics, jobBytesMax, region });
  await checkTopics(kafka);
  return new JobPublisher({
    lingerMs: options.lingerMs ?? PUBLISHER_BOUNDS_DEFAULT.lingerMs,
    bufferedJobsMax: options.bufferedJobsMax ?? PUBLISHER_BOUNDS_DEFAULT.bufferedJobsMax,
    bufferedBytesMax: options.bufferedBytesMax ?? PUBLISHER_BOUNDS_DEFAULT.bufferedBytesMax,
    deliveryTimeoutMs,
    appender: new Publisher({ kafka, deliveryTimeoutMs: Math.min(deliveryTimeoutMs, APPEND_MS_MAX) }),
    codec,
    clock: systemClock,
    newId: newIds(),
    rules: { ...JOB_RULES_DEFAULT, ...options.rules, region },
    onRetry: (error) => log?.('warn', 'jobs could not be appended yet', { error }),
  });
}

/** A topic that is missing would otherwise be waited for until the first job's deadline. */
async function checkTopics(kafka: KafkaClient): Promise<void> {
  const admin = kafka.admin();
  try {
    const existing = await withDeadline(listTopics(admin), CHECK_MS_MAX, 'looking at the topics');
    const missing = ingestTopics.map(({ name }) => name).filter((name) => !existing.includes(name));
    if (missing.length === 0) return;
    const remedy = 'run `postlane topics apply`';
    throw new PostlaneError('INFRA_UNAVAILABLE', { what: 'topics do not exist', topics: missing, remedy });
  } finally {
    void admin.disconnect().catch(() => undefined);
  }
}

async function listTopics(admin: ReturnType<KafkaClient['admin']>): Promise<readonly string[]> {
  try {
    await admin.connect();
    return await admin.listTopics();
  } catch (cause) {
    throw new PostlaneError('KAFKA_UNAVAILABLE', { what: 'looking at the topics' }, { cause });
  }
}
