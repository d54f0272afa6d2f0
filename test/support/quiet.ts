import { DELAY_TIERS, topics } from '../../src/contracts/topic.ts';
import { EMAIL_TYPES, PROVIDERS, QUEUES } from '../../src/domain/policy.ts';
import { waitFor } from '../../src/infra/wait.ts';
import type { KafkaClient } from '../../src/kafka/client.ts';
import { rangesOf } from '../../src/kafka/topic-ends.ts';
import { scanTopics } from '../../src/kafka/topic-scan.ts';

/** Every topic in which a job waits for somebody, and the group that reads it. */
const CARRIERS: readonly { readonly group: string; readonly topics: readonly string[] }[] = [
  ...EMAIL_TYPES.map((type) => ({
    group: `postlane.router.${type}`,
    topics: [topics.ingest(type).name, topics.due(type).name],
  })),
  { group: 'postlane.delay', topics: DELAY_TIERS.map((tier) => topics.delay(tier).name) },
  ...QUEUES.map((queue) => ({
    group: `postlane.worker.${queue}`,
    topics: PROVIDERS.map((provider) => topics.send({ queue, provider }).name),
  })),
];

/** Tells when no committed record lies in front of any group. */
export class Quiet {
  private readonly kafka: KafkaClient;
  constructor(kafka: KafkaClient) {
    this.kafka = kafka;
  }

  /** Settles when nothing waits anywhere. */
  async until({ deadlineMs }: { readonly deadlineMs: number }): Promise<void> {
    let waiting: readonly string[] = [];
    await waitFor(
      'nothing to wait in any topic',
      async () => {
        waiting = await this.waiting();
        return waiting.length === 0 ? true : undefined;
      },
      { deadlineMs, intervalMs: 250, diagnose: () => ({ waiting }) },
    );
  }

  /** Partitions in which a record lies at or behind the group's position, control records aside. */
  private async waiting(): Promise<readonly string[]> {
    const positions = await this.positions();
    const names = CARRIERS.flatMap((carrier) => carrier.topics);
    const ranges = (await rangesOf(this.kafka, names)).map((range) => ({
      ...range,
      first: Math.max(range.first, positions.get(`${range.topic}/${range.partition}`) ?? 0),
    }));
    const found = new Set<string>();
    await scanTopics(this.kafka, {
      ranges: ranges.filter(({ first, end }) => first < end),
      follow: false,
      signal: new AbortController().signal,
      apply: (topic, partition) => {
        found.add(`${topic}/${partition}`);
      },
    });
    return [...found];
  }

  private async positions(): Promise<ReadonlyMap<string, number>> {
    const admin = this.kafka.admin();
    await admin.connect();
    try {
      const positions = new Map<string, number>();
      for (const { group, topics: names } of CARRIERS) {
        for (const { topic, partitions } of await admin.fetchOffsets({ groupId: group, topics: [...names] })) {
          for (const { partition, offset } of partitions) positions.set(`${topic}/${partition}`, Number(offset));
        }
      }
      return positions;
    } finally {
      await admin.disconnect();
    }
  }
}
