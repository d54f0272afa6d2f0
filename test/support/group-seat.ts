import type { Cluster } from 'kafkajs';
import type { Connection, KafkaClient } from '../../src/kafka/client.ts';
import type { GroupMembers } from '../../src/kafka/group-members.ts';
import { until } from './until.ts';

/** Nobody heartbeats here, and no test lasts so long. */
const SESSION_MS = 300_000;

/** What kafkajs's own consumer calls, and its types do not show. */
interface Coordinator {
  joinGroup(request: object): Promise<Joined>;
  syncGroup(request: object): Promise<unknown>;
  leaveGroup(request: object): Promise<unknown>;
}

interface Joined {
  readonly memberId: string;
  readonly generationId: number;
}

/**
 * Groups of one member each, whose seat goes from process to process: the one before is out from then on, as one is whose
 * session has ended. Speaks to the group coordinator itself, so that no consumer has to run.
 */
export class GroupSeats {
  private readonly connection: Connection<Cluster>;
  private connecting: Promise<void> | null = null;
  private readonly holders = new Map<string, { readonly members: GroupMembers; readonly memberId: string }>();

  constructor(kafka: KafkaClient) {
    this.connection = kafka.cluster();
  }

  /** Makes the process of these `members` the only member of the group, in a generation of its own, unless it is already. */
  async take(groupId: string, members: GroupMembers): Promise<void> {
    const before = this.holders.get(groupId);
    if (before?.members === members) return;
    await until('a seat in a group', () => this.swap(groupId, before?.memberId, members).catch(() => false));
  }

  /** Fails for a while where the group is new: its coordinator may still be loading. */
  private async swap(groupId: string, leaving: string | undefined, members: GroupMembers): Promise<boolean> {
    const coordinator = await this.coordinator(groupId);
    if (leaving) await coordinator.leaveGroup({ groupId, memberId: leaving }).catch(() => undefined);
    const { memberId, generationId } = await coordinator.joinGroup({
      groupId,
      memberId: '',
      sessionTimeout: SESSION_MS,
      rebalanceTimeout: SESSION_MS,
      protocolType: 'consumer',
      groupProtocols: [{ name: 'seat', metadata: Buffer.alloc(0) }],
    });
    const assignment = {
      groupId,
      generationId,
      memberId,
      groupAssignment: [{ memberId, memberAssignment: Buffer.alloc(0) }],
    };
    await coordinator.syncGroup(assignment);
    this.holders.set(groupId, { members, memberId });
    members.joined(groupId, { memberId, generation: generationId });
    return true;
  }

  async close(): Promise<void> {
    this.connection.cut();
    await this.connection.client.disconnect().catch(() => undefined);
  }

  private async coordinator(groupId: string): Promise<Coordinator> {
    const { client } = this.connection;
    this.connecting ??= client.connect().then(() => client.refreshMetadata());
    await this.connecting;
    return (await client.findGroupCoordinator({ groupId })) as unknown as Coordinator;
  }
}
