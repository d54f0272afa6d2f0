import { FEEDBACK_GROUP } from '../../processors/feedback/index.ts';
import { suppressionProcessor } from '../../processors/reputation/index.ts';
import { SPLIT_GROUP } from '../../processors/split/index.ts';
import type { DeliveryResult, Feedback, FeedbackEvent, ReputationSignal } from '../../src/contracts/generated.ts';
import { type Topic, topics } from '../../src/contracts/topic.ts';
import type { FeedbackRoute } from '../../src/domain/feedback/route.ts';
import { EMAIL_TYPES, type EmailType } from '../../src/domain/policy.ts';
import { emptySuppression, recipientSubject, suppresses } from '../../src/domain/suppression.ts';
import { drive, type Fault } from '../../src/testing/driver.ts';
import { MemoryCodec } from '../../src/testing/memory-codec.ts';
import { MemoryCluster } from '../../src/testing/memory-log.ts';
import type { RecordingTelemetry } from '../../src/testing/recording-telemetry.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';
import { aFeedback, defineFeedback, defineSplit, MemorySentMails, NOW, sentResult } from './feedback.ts';

const codec = new MemoryCodec();

function decoded<V>(cluster: MemoryCluster, topic: Topic<V>): V[] {
  return cluster.all(topic.name).map(({ value }) => {
    const found = codec.decode(topic, value);
    if (!found.ok) throw new Error(found.detail);
    return found.value;
  });
}

/** What went out, and the log that feedback comes into. */
export interface World {
  readonly cluster: MemoryCluster;
  readonly clock: VirtualClock;
  readonly mails: MemorySentMails;
}

/** A world in which these mails have gone out. */
export function world(sent: readonly DeliveryResult[] = [sentResult()]): World {
  const mails = new MemorySentMails();
  for (const result of sent) mails.add(result);
  return { cluster: new MemoryCluster({ now: NOW, partitions: 1 }), clock: new VirtualClock(NOW), mails };
}

interface RunOptions {
  readonly routes?: Readonly<Record<string, FeedbackRoute>>;
  readonly faults?: readonly Fault[];
  readonly batchSize?: number;
  readonly waitMaxMs?: number;
}

/** What became of raw feedback: everything that split and feedback have written. */
export async function run(w: World, all: readonly Feedback[], options: RunOptions = {}) {
  const { cluster, clock, mails } = w;
  for (const feedback of all) {
    const key = `${feedback.route}/${feedback.batchId}`;
    cluster.append({ topic: topics.feedback.name, key, value: codec.encode(topics.feedback, feedback) });
  }
  const { faults = [], batchSize = 5, waitMaxMs = 60_000 } = options;
  const shared = { cluster, clock, codec, faults, batchSizes: [batchSize], waitMaxMs };
  await drive<Feedback>({ ...shared, define: defineSplit, group: SPLIT_GROUP });
  const telemetry = await drive<FeedbackEvent>({
    ...shared,
    define: defineFeedback(mails, codec, options.routes),
    group: FEEDBACK_GROUP,
  });
  return {
    telemetry,
    signals: decoded(cluster, topics.reputation),
    annotations: EMAIL_TYPES.flatMap((type) => decoded(cluster, topics.results(type))),
    letters: decoded(cluster, topics.deadLetters),
  };
}

/** How often the feedback processor decided so. */
export const decisions = (telemetry: RecordingTelemetry, decision: string): number =>
  telemetry.sum(`postlane_decisions_total${JSON.stringify({ processor: 'feedback', decision })}`);

/** Whether these signals keep a mail from an address. Those that nothing binds count for nothing. */
export function isSuppressed(
  signals: readonly ReputationSignal[],
  address: string,
  tenant = 'default',
  type: EmailType = 'transactional',
): boolean {
  const subject = recipientSubject(address);
  const fold = suppressionProcessor();
  const record = { offset: 0, key: null, value: null, headers: {}, at: NOW };
  const row = signals
    .filter((signal) => signal.subject === subject && signal.authenticated)
    .reduce(
      (before, value) => fold.step(before, { key: subject, value, at: NOW, record }).state,
      emptySuppression(subject),
    );
  return suppresses(row, tenant, type, NOW);
}

/** What the webhook of a route was sent. */
export const webhook = (route: string, format: string, body: unknown): Feedback =>
  aFeedback({ route, format, recipient: null, sender: null, body: Buffer.from(JSON.stringify(body)) });
