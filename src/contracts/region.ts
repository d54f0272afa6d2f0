import { assert } from '../domain/error.ts';

/**
 * Where a name of the pipeline becomes a name in the cluster, and the only place that knows how. The code speaks of
 * `email.ingest.transactional` and `postlane.router.transactional` everywhere; in the region `eu` the cluster knows them as
 * `email-eu.ingest.transactional` and `postlane-eu.router.transactional`. The region is part of the first word, so that a
 * prefixed ACL tells regions apart, and so that no name is one that MirrorMaker 2 gives to a copy (`eu.email-eu.scores`).
 */
export interface Names {
  /** Null: no regions are configured, and every name stays as it is. */
  readonly region: string | null;
  /** As the cluster knows the topic. Throws BUG for any other name: it would belong to no region. */
  topic(name: string): string;
  /** As the code knows a topic of the cluster; null where it is not one of this region's. */
  known(name: string): string | null;
  /** Of a consumer group, or of a transactional id. */
  group(name: string): string;
}

/** A word that may be part of a topic's name and a label of a domain, and leaves room for the rest. */
export const REGION_NAME = /^[a-z](?:[a-z0-9-]{0,29}[a-z0-9])?$/;

const TOPIC_DOMAIN = 'email';
const GROUP_DOMAIN = 'postlane';

const AS_THEY_ARE: Names = { region: null, topic: (name) => name, known: (name) => name, group: (name) => name };

/** The names of a region; null: of a pipeline without regions. */
export function namesIn(region: string | null): Names {
  if (region === null) return AS_THEY_ARE;
  assert(REGION_NAME.test(region), 'a region has a name that topics can have', { region });
  const plain = `${TOPIC_DOMAIN}.`;
  const own = `${TOPIC_DOMAIN}-${region}.`;
  return {
    region,
    topic(name) {
      assert(name.startsWith(plain), 'only topics of the pipeline belong to a region', { name });
      return own + name.slice(plain.length);
    },
    known: (name) => (name.startsWith(own) ? plain + name.slice(own.length) : null),
    group: (name) =>
      name.startsWith(`${GROUP_DOMAIN}.`)
        ? `${GROUP_DOMAIN}-${region}${name.slice(GROUP_DOMAIN.length)}`
        : `${GROUP_DOMAIN}-${region}.${name}`,
  };
}
