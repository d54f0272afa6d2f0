import type {
  Assigner,
  AssignerProtocol as AssignerProtocolType,
  Cluster,
  GroupMember,
  GroupMemberAssignment,
  PartitionAssigner,
} from 'kafkajs';
import type { GroupHooks } from './guards/consumer-group.ts';
import { kafkajsModule } from './guards.ts';
import { type Assignment, assignSticky, decodeMemory, encodeMemory, type Member } from './sticky-assignor.ts';

/** Members of one group must agree on it; another algorithm gets another name. */
const PROTOCOL = 'postlane-sticky-1';
const VERSION = 1;

/** What one member remembers from one join to the next. */
export interface GroupMemory {
  generation: number;
  assignment: Assignment;
  /** Raised to make a join request differ from the one before: the coordinator answers an equal one with the old generation. */
  nonce: number;
}

/**
 * The assignor as kafkajs wants it, carrying the hooks of the guarded consumer group.
 * Topics are taken from what each member says, not from the leader's own list: else a rolling change of topics loses some.
 */
export function groupAssigner(memory: GroupMemory, hooks: GroupHooks): PartitionAssigner {
  const { MemberMetadata, MemberAssignment } = kafkajsModule(
    'consumer/assignerProtocol',
  ) as typeof AssignerProtocolType;
  return ({ cluster }): Assigner & GroupHooks => ({
    ...hooks,
    name: PROTOCOL,
    version: VERSION,
    protocol: ({ topics }) => ({
      name: PROTOCOL,
      metadata: MemberMetadata.encode({
        version: VERSION,
        topics,
        userData: encodeMemory(memory.generation, memory.assignment, memory.nonce),
      }),
    }),
    async assign({ members }: { members: GroupMember[] }): Promise<GroupMemberAssignment[]> {
      const known = members.map(({ memberId, memberMetadata }): Member => {
        const metadata = MemberMetadata.decode(memberMetadata);
        return { id: memberId, topics: metadata?.topics ?? [], ...decodeMemory(metadata?.userData ?? null) };
      });
      const assigned = assignSticky(
        known,
        await partitionCounts(cluster, new Set(known.flatMap(({ topics }) => topics))),
      );
      return [...assigned].map(([memberId, assignment]) => ({
        memberId,
        memberAssignment: MemberAssignment.encode({
          version: VERSION,
          assignment: Object.fromEntries(assignment) as Record<string, number[]>,
          userData: Buffer.alloc(0),
        }),
      }));
    },
  });
}

/** Topics that the cluster does not have get no partitions; they do not stop the group. */
async function partitionCounts(cluster: Cluster, topics: ReadonlySet<string>): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const topic of topics) {
    try {
      await cluster.addTargetTopic(topic);
      counts.set(topic, cluster.findTopicPartitionMetadata(topic).length);
    } catch {
      counts.set(topic, 0);
    }
  }
  return counts;
}
