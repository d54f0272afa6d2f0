import { FlexibleReader, FlexibleWriter, type RequestModule } from './flexible.ts';
import { GUARD_MARK, type Guard, guarded, markOf } from './guard.ts';

interface Fields {
  readonly groupId: string;
  readonly topics: readonly {
    readonly topic: string;
    readonly partitions: readonly { readonly partition: number }[];
  }[];
}

/** A symbol of the whole process: Jest loads this module more than once. */
const STABLE = Symbol.for('postlane.stable-offsets');

/** Asks for offsets that no pending transaction is about to move: UNSTABLE_OFFSET_COMMIT while one is. */
export const onlyStable = <T extends Fields['topics']>(topics: T): T => Object.assign(topics, { [STABLE]: true });

const VERSION = 7;

/** OffsetFetch, version 7 (KIP-447). */
const exchange = (original: RequestModule<Fields>, fields: Fields) => {
  const { groupId, topics } = fields;
  const older = original.protocol({ version: 4 })(fields);
  return {
    request: {
      ...older.request,
      apiVersion: VERSION,
      async encode() {
        const to = new FlexibleWriter();
        to.string(groupId).array(topics, ({ topic, partitions }) => {
          to.string(topic).array(partitions, ({ partition }) => {
            to.int32(partition);
          });
          to.tags();
        });
        const requireStable = (topics as { [STABLE]?: boolean })[STABLE] === true;
        return to.boolean(requireStable).tags().finish();
      },
    },
    response: {
      ...older.response,
      async decode(bytes: Buffer) {
        const from = new FlexibleReader(bytes);
        const clientSideThrottleTime = from.int32();
        const responses = from.array(() => {
          const topic = from.string();
          const partitions = from.array(() => {
            const partition = from.int32();
            const offset = from.int64().toString();
            // The leader's epoch, which nothing here uses.
            from.int32();
            const answer = { partition, offset, metadata: from.string(), errorCode: from.int16() };
            from.tags();
            return answer;
          });
          from.tags();
          return { topic, partitions };
        });
        return { throttleTime: 0, clientSideThrottleTime, responses, errorCode: from.int16() };
      },
    },
  };
};

/**
 * Lets a successor wait for what its predecessor has begun to commit. The versions that kafkajs speaks answer with the
 * position before, which a transaction that ends a moment later moves.
 */
export const stableOffsets: Guard = {
  name: 'stable-offsets',
  path: 'protocol/requests/offsetFetch/index',
  wrap: (original: RequestModule<Fields>) => {
    const protocol = guarded('stable-offsets', ({ version }: { readonly version: number }) =>
      version >= VERSION ? (fields: Fields) => exchange(original, fields) : original.protocol({ version }),
    );
    return Object.assign(
      { versions: [...original.versions, String(VERSION)], protocol },
      { [GUARD_MARK]: markOf(protocol) },
    );
  },
};
