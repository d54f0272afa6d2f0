import type { GroupMembership } from './guards/consumer-group.ts';

/** Keeps a membership alive during work for which the fetch loop, which otherwise sends the heartbeats, stands still. */
export async function whileBeating<T>(group: GroupMembership | null, everyMs: number, work: Promise<T>): Promise<T> {
  const beat = () => {
    if (!group?.coordinator || group.memberId === null || group.generationId === null) return;
    const { groupId, memberId, generationId } = group;
    // While the group rebalances the answer is an error that says so; it counts as a sign of life all the same.
    void group.coordinator.heartbeat({ groupId, memberId, groupGenerationId: generationId }).catch(() => undefined);
  };
  const timer = setInterval(beat, everyMs);
  try {
    return await work;
  } finally {
    clearInterval(timer);
  }
}
