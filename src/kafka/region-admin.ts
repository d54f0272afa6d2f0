import type { Admin } from 'kafkajs';
import type { Names } from '../contracts/region.ts';

/**
 * The admin of a region: what it is asked for, and what it answers, is named as the code names it. Of other regions it says
 * nothing. Without regions it is kafkajs's own. What creates and alters topics goes by a catalog, which has the cluster's
 * names: that is for an admin without a region.
 */
export function adminIn(names: Names, admin: Admin): Admin {
  if (names.region === null) return admin;
  return {
    ...admin,
    async listTopics() {
      return (await admin.listTopics()).flatMap((name) => names.known(name) ?? []);
    },
    async fetchTopicMetadata(asked) {
      const found = await admin.fetchTopicMetadata(asked && { topics: asked.topics.map(names.topic) });
      return {
        topics: found.topics.flatMap((topic) => {
          const name = names.known(topic.name);
          return name === null ? [] : [{ ...topic, name }];
        }),
      };
    },
    fetchTopicOffsets: (topic) => admin.fetchTopicOffsets(names.topic(topic)),
    fetchTopicOffsetsByTimestamp: (topic, at) => admin.fetchTopicOffsetsByTimestamp(names.topic(topic), at),
    async fetchOffsets({ groupId, topics, ...rest }) {
      const asked = { groupId: names.group(groupId), topics: topics?.map(names.topic), ...rest };
      const found = await admin.fetchOffsets(asked);
      return found.flatMap(({ topic, partitions }) => {
        const name = names.known(topic);
        return name === null ? [] : [{ topic: name, partitions }];
      });
    },
    setOffsets: ({ groupId, topic, partitions }) =>
      admin.setOffsets({ groupId: names.group(groupId), topic: names.topic(topic), partitions }),
    describeGroups: (groups) => admin.describeGroups(groups.map(names.group)),
  };
}
