import type { DeliveryResult } from '../../src/contracts/generated.ts';
import type { Topic } from '../../src/contracts/topic.ts';
import type { Millis } from '../../src/domain/time.ts';
import type { Codec } from '../../src/runtime/codec.ts';
import type { History, HistoryPlace, HistoryRead } from '../../src/runtime/history-port.ts';
import type { MemoryCluster } from '../../src/testing/memory-log.ts';

/** The history of a memory cluster. */
export class MemoryHistory implements History<DeliveryResult> {
  private readonly cluster: MemoryCluster;
  private readonly topics: readonly Topic<DeliveryResult>[];
  private readonly codec: Codec;
  private readonly listeners = new Set<() => void>();
  /** Everything before it is no longer in the log. */
  forgottenTo = 0;

  constructor(cluster: MemoryCluster, topics: readonly Topic<DeliveryResult>[], codec: Codec) {
    this.cluster = cluster;
    this.topics = topics;
    this.codec = codec;
  }

  async read({ topic, partition, offset }: HistoryPlace, max: number): Promise<HistoryRead<DeliveryResult>> {
    const begin = Math.min(this.forgottenTo, this.cluster.partition(topic, partition).nextOffset);
    const from = Math.max(offset, begin);
    const records = this.cluster.read(topic, partition, from, max);
    const known = this.topics.find(({ name }) => name === topic) as Topic<DeliveryResult>;
    const entries = records.flatMap(({ offset: at, at: time, value }) => {
      const decoded = this.codec.decode(known, value);
      return decoded.ok ? [{ offset: at, at: time, value: decoded.value }] : [];
    });
    const end = this.cluster.partition(topic, partition).nextOffset;
    const nextOffset = records.length === max ? (records.at(-1)?.offset ?? from) + 1 : Math.max(from, end);
    return { entries, nextOffset, lost: from - offset };
  }

  async placesAt(at: Millis): Promise<readonly HistoryPlace[]> {
    return this.topics.flatMap(({ name: topic }) =>
      this.cluster.partitions(topic).map(({ records, nextOffset }, partition) => ({
        topic,
        partition,
        offset: records.find((record) => record.at >= at)?.offset ?? nextOffset,
      })),
    );
  }

  onNews(call: () => void): () => void {
    this.listeners.add(call);
    return () => this.listeners.delete(call);
  }

  tell(): void {
    for (const call of this.listeners) call();
  }
}
