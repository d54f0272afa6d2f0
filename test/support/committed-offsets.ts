import type { KafkaClient } from '../../src/kafka/client.ts';
import { rangesOf } from '../../src/kafka/topic-ends.ts';
import { scanTopics } from '../../src/kafka/topic-scan.ts';
import { generationIn } from '../../src/runtime/generation.ts';

/** One position that a group committed. */
export interface OffsetCommit {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly metadata: string;
  /** Group generation of the member that committed it; -1 where the metadata names none. */
  readonly generation: number;
}

/** Where the broker keeps them: every commit that was ever made is a record there, transactional ones included. */
const TOPIC = '__consumer_offsets';
/** Versions of OffsetCommitKey; GroupMetadataKey has 2. */
const OFFSET_KEY_VERSION_MAX = 1;
/** From this version of OffsetCommitValue on an epoch of the leader precedes the metadata. */
const VALUE_VERSION_WITH_EPOCH = 3;

/** Every commit of the groups whose name begins so, in the order of each partition, as far as they are not compacted. */
export async function committedOffsets(kafka: KafkaClient, groupPrefix: string): Promise<readonly OffsetCommit[]> {
  const commits: OffsetCommit[] = [];
  await scanTopics(kafka, {
    ranges: await rangesOf(kafka, [TOPIC]),
    follow: false,
    signal: new AbortController().signal,
    apply: (_, __, records) => {
      for (const { key, value } of records) {
        const commit = key && value ? commitOf(key, value) : null;
        if (commit?.group.startsWith(groupPrefix)) commits.push(commit);
      }
    },
  });
  return commits;
}

function commitOf(key: Buffer, value: Buffer): OffsetCommit | null {
  if (key.readInt16BE(0) > OFFSET_KEY_VERSION_MAX) return null;
  const of = new Fields(key, 2);
  const [group, topic] = [of.text(), of.text()];
  const partition = of.int32();
  const held = new Fields(value, 2);
  const offset = held.int64();
  if (value.readInt16BE(0) >= VALUE_VERSION_WITH_EPOCH) held.int32();
  const metadata = held.text();
  return { group, topic, partition, offset, metadata, generation: generationIn(metadata) };
}

/** Reads one field after the other. */
class Fields {
  private readonly bytes: Buffer;
  private at: number;
  constructor(bytes: Buffer, at: number) {
    this.bytes = bytes;
    this.at = at;
  }

  int32(): number {
    this.at += 4;
    return this.bytes.readInt32BE(this.at - 4);
  }

  int64(): number {
    this.at += 8;
    return Number(this.bytes.readBigInt64BE(this.at - 8));
  }

  text(): string {
    const length = this.bytes.readInt16BE(this.at);
    this.at += 2 + length;
    return this.bytes.toString('utf8', this.at - length, this.at);
  }
}
