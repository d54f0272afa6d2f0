import { FlexibleReader, FlexibleWriter, type RequestModule } from './flexible.ts';
import { GUARD_MARK, type Guard, guarded, markOf } from './guard.ts';

/** A member of a consumer group, as its coordinator knows it. */
export interface Member {
  readonly memberId: string;
  readonly generation: number;
}

/** Who commits outside of any group. */
const NOBODY: Member = { memberId: '', generation: -1 };

interface Topic {
  readonly topic: string;
  readonly partitions: readonly {
    readonly partition: number;
    readonly offset: string;
    readonly metadata?: string | null;
  }[];
}

interface Fields {
  readonly transactionalId: string;
  readonly groupId: string;
  readonly producerId: string | number;
  readonly producerEpoch: number;
  readonly topics: readonly Topic[];
}

/** A symbol of the whole process: Jest loads this module more than once. */
const MEMBER = Symbol.for('postlane.group-member');

/** Offsets that only this member of this generation may commit. kafkajs hands the list through to the request as it is. */
export const offsetsOf = <T extends readonly Topic[]>(topics: T, member: Member): T =>
  Object.assign(topics, { [MEMBER]: member });

const VERSION = 3;

/** TxnOffsetCommit, version 3 (KIP-447): names member and generation, so that the group coordinator fences a zombie. */
const exchange = (original: RequestModule<Fields>, fields: Fields) => {
  const { memberId, generation } = (fields.topics as { [MEMBER]?: Member })[MEMBER] ?? NOBODY;
  const older = original.protocol({ version: 1 })(fields);
  return {
    request: {
      ...older.request,
      apiVersion: VERSION,
      async encode() {
        const to = new FlexibleWriter();
        to.string(fields.transactionalId).string(fields.groupId).int64(fields.producerId).int16(fields.producerEpoch);
        to.int32(generation).string(memberId).string(null);
        to.array(fields.topics, ({ topic, partitions }) => {
          to.string(topic).array(partitions, ({ partition, offset, metadata }) => {
            to.int32(partition).int64(offset).int32(NO_LEADER_EPOCH);
            to.string(metadata ?? '').tags();
          });
          to.tags();
        });
        return to.tags().finish();
      },
    },
    response: {
      ...older.response,
      async decode(bytes: Buffer) {
        const from = new FlexibleReader(bytes);
        const throttleTime = from.int32();
        const topics = from.array(() => {
          const topic = from.string();
          const partitions = from.array(() => {
            const answer = { partition: from.int32(), errorCode: from.int16() };
            from.tags();
            return answer;
          });
          from.tags();
          return { topic, partitions };
        });
        return { throttleTime: 0, clientSideThrottleTime: throttleTime, topics };
      },
    },
  };
};

const NO_LEADER_EPOCH = -1;

/**
 * Lets a transaction commit offsets as a member of a group. The versions that kafkajs speaks carry no member and no
 * generation, so nothing but one transactional id for every partition could fence a zombie, and every partition needed
 * transactions of its own.
 */
export const transactionalOffsets: Guard = {
  name: 'transactional-offsets',
  path: 'protocol/requests/txnOffsetCommit/index',
  wrap: (original: RequestModule<Fields>) => {
    const protocol = guarded('transactional-offsets', ({ version }: { readonly version: number }) =>
      version >= VERSION ? (fields: Fields) => exchange(original, fields) : refuse(version),
    );
    return Object.assign(
      { versions: [...original.versions, String(VERSION)], protocol },
      { [GUARD_MARK]: markOf(protocol) },
    );
  },
};

/** An older broker would take the commit of a zombie. */
function refuse(version: number): never {
  throw new Error(
    `the broker speaks TxnOffsetCommit only up to version ${version}; Kafka 2.5 and later speak version 3`,
  );
}
