import type { Member } from './guards/transactional-offsets.ts';

/**
 * Which member of each group this process is: written by its intakes when they have joined, read by its log when it
 * commits. One process is at most one member of a group.
 */
export class GroupMembers {
  private readonly members = new Map<string, Member>();

  /** The group has let us in, for one generation. */
  joined(group: string, member: Member): void {
    this.members.set(group, member);
  }

  /** Undefined where we never joined: then only a group without members takes our commits. */
  of(group: string): Member | undefined {
    return this.members.get(group);
  }
}
