import { type Guard, guardedClass } from './guard.ts';

type Offsets = Record<string, Record<number, string>>;

interface TopicOffsets {
  readonly topic: string;
  readonly partitions: readonly { readonly partition: number; readonly offset: string }[];
}

interface OffsetManager {
  readonly cluster: {
    fetchTopicsOffset(
      topics: readonly { topic: string; partitions: readonly { partition: number }[]; fromBeginning: boolean }[],
    ): Promise<readonly TopicOffsets[]>;
  };
  readonly resolvedOffsets: Offsets;
  committedOffsets(): Offsets;
}

/**
 * After OFFSET_OUT_OF_RANGE, reads on from the first offset that the log still has, without committing anything.
 * kafkajs commits its default offset on the spot, without metadata: it would wipe the delivery ledger that the committed
 * metadata carries, and move the position under its owner.
 */
async function setDefaultOffset(this: OffsetManager, place: { topic: string; partition: number }): Promise<void> {
  const { topic, partition } = place;
  const answer = await this.cluster.fetchTopicsOffset([{ topic, partitions: [{ partition }], fromBeginning: true }]);
  const earliest = answer
    .find((found) => found.topic === topic)
    ?.partitions.find((found) => found.partition === partition)?.offset;
  if (earliest === undefined) return;
  const committed = this.committedOffsets()[topic];
  const resolved = this.resolvedOffsets[topic];
  if (committed) committed[partition] = earliest;
  if (resolved) resolved[partition] = earliest;
}

export const offsetManager: Guard = {
  name: 'offset-manager',
  path: 'consumer/offsetManager',
  wrap: (original: { prototype: object }) =>
    guardedClass('offset-manager', original, { setDefaultOffset: () => setDefaultOffset }),
};
