import { type Guard, guardedClass } from './guard.ts';

/** What a guard shows of a consumer group's member to the hooks. */
export interface GroupMembership {
  readonly groupId: string;
  readonly generationId: number | null;
  readonly memberId: string | null;
  readonly coordinator: {
    heartbeat(request: { groupId: string; memberId: string; groupGenerationId: number }): Promise<unknown>;
  } | null;
  /** Pending seeks; those of an earlier assignment must not outlive it. */
  readonly seekOffset: { clear(): void };
  readonly assigners: readonly Partial<GroupHooks>[];
  assigned(): readonly { readonly topic: string; readonly partitions: readonly number[] }[];
}

/** Carried by the group's assigner object, since that is what kafkajs lets its users hand in. */
export interface GroupHooks {
  /** Before (re)joining: what is in flight may settle; the old assignment ends with it. */
  beforeJoin(group: GroupMembership): Promise<void>;
  /** After joining, before anything of the new assignment is fetched. */
  afterJoin(group: GroupMembership): Promise<void>;
  /** Before leaving for good, or after a crash. */
  beforeLeave(group: GroupMembership): Promise<void>;
  /** An error that a heartbeat shall meet, so that the runner joins again; null: none. */
  heartbeatError(): Error | null;
}

type Join = () => Promise<void>;

const joining = new WeakMap<GroupMembership, Promise<void>>();

async function joinWithHooks(group: GroupMembership, join: Join): Promise<void> {
  for (const assigner of group.assigners) await assigner.beforeJoin?.(group);
  await join.call(group);
  for (const assigner of group.assigners) await assigner.afterJoin?.(group);
}

/**
 * Gives kafkajs the revocation callback that it lacks, around joining and leaving. Joins are also made one at a time:
 * two fetchers that meet the same stale metadata would join twice at once.
 */
export const consumerGroup: Guard = {
  name: 'consumer-group',
  path: 'consumer/consumerGroup',
  wrap: (original: { prototype: object }) =>
    guardedClass('consumer-group', original, {
      joinAndSync: (originalJoin) =>
        function joinAndSync(this: GroupMembership): Promise<void> {
          const underWay = joining.get(this);
          if (underWay !== undefined) return underWay;
          const join = joinWithHooks(this, originalJoin as Join).finally(() => joining.delete(this));
          joining.set(this, join);
          return join;
        },
      leave: (originalLeave) =>
        async function leave(this: GroupMembership): Promise<void> {
          for (const assigner of this.assigners) await assigner.beforeLeave?.(this);
          await originalLeave.call(this);
        },
      heartbeat: (originalHeartbeat) =>
        async function heartbeat(this: GroupMembership, options: unknown): Promise<void> {
          for (const assigner of this.assigners) {
            const error = assigner.heartbeatError?.();
            if (error) throw error;
          }
          await originalHeartbeat.call(this, options);
        },
    }),
};
