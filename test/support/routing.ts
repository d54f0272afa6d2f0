import { createHash } from 'node:crypto';
import { type RouterDependencies, routerDefinition } from '../../processors/router/index.ts';
import type { RoutingRules } from '../../processors/router/step.ts';
import type { EmailJob, Suppression } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import { JOB_RULES_DEFAULT } from '../../src/domain/job.ts';
import { EMAIL_TYPES, PROVIDERS, QUEUES } from '../../src/domain/policy.ts';
import { subjectsOf } from '../../src/domain/suppression.ts';
import { DAY_MS, HOUR_MS } from '../../src/domain/time.ts';
import type { Codec } from '../../src/runtime/codec.ts';
import type { SeenStore } from '../../src/runtime/seen-port.ts';
import { restoreSeen } from '../../src/runtime/seen-port.ts';
import type { MemoryCluster } from '../../src/testing/memory-log.ts';
import { MemorySeenStore } from '../../src/testing/memory-seen-store.ts';
import { jsonCodec } from './json-codec.ts';

export const rules: RoutingRules = {
  job: JOB_RULES_DEFAULT,
  providerOf: (domain) => (domain === 'google.test' ? 'google' : 'other'),
  sourcesOf: (queue) => [`${queue}-1`],
  ageMaxMsOf: () => 72 * HOUR_MS,
  throttleScore: 0.7,
  dedupWindowMs: 7 * DAY_MS,
};

export interface Tables {
  ready: boolean;
  readonly suppressions: Map<string, Suppression>;
  readonly scores: Map<string, { readonly score: number; readonly action: string }>;
}
export const tables = (): Tables => ({ ready: true, suppressions: new Map(), scores: new Map() });

/** Stores that outlive their process, as files do; `lose` makes the next process start without them. */
export class Stores {
  private stores = new Map<string, SeenStore>();
  private readonly make: () => SeenStore;
  constructor(make: () => SeenStore = () => new MemorySeenStore()) {
    this.make = make;
  }
  lose(): void {
    this.stores.clear();
  }
  of(name: string): SeenStore {
    const found = this.stores.get(name) ?? this.make();
    this.stores.set(name, found);
    return found;
  }
}

/** A router over a memory cluster, with everything it depends on in memory. */
export const routerOver = (
  cluster: MemoryCluster,
  views: Tables,
  stores: Stores,
  over: Partial<RoutingRules> = {},
  codec: Codec = jsonCodec,
) => {
  const all = { ...rules, ...over };
  const deps: RouterDependencies = {
    rules: all,
    views: {
      ready: () => views.ready,
      suppressionsOf: (tenant, folded) =>
        subjectsOf(tenant, folded).flatMap((subject) => views.suppressions.get(subject) ?? []),
      scoreOf: (subject) => views.scores.get(subject),
    },
    hash: (parts) => {
      const hash = createHash('sha256');
      for (const part of parts) hash.update(part);
      return hash.digest().subarray(0, 16);
    },
    partitionsOf: () => cluster.partitionCount,
    openSeen: async (type, partition, restore, nextOffset) => {
      const store = stores.of(`${type}.${partition}`);
      const windowMs = all.dedupWindowMs;
      await restoreSeen(store, topics.routerSeen(type), partition, { nextOffset, windowMs, codec, restore });
      return store;
    },
  };
  return () => routerDefinition(EMAIL_TYPES, deps);
};

const decoded = <V>(cluster: MemoryCluster, topic: string): V[] =>
  cluster
    .all(topic)
    .map((record) => jsonCodec.decode<V>({ name: topic, schema: '' }, record.value) as { value: V })
    .map(({ value }) => value);

/** Where every job of a cluster went, by topic kind; each list holds what lies in the log. */
export const whereabouts = (cluster: MemoryCluster) => ({
  lanes: QUEUES.flatMap((queue) =>
    PROVIDERS.flatMap((provider) => {
      const topic = topics.send({ queue, provider });
      return decoded<EmailJob>(cluster, topic.name).map((job) => ({ lane: `${queue}.${provider}`, job }));
    }),
  ),
  ladder: ['15s', '1m', '5m', '15m', '1h', '4h', '1d'].flatMap((tier) =>
    decoded<EmailJob>(cluster, `email.delay.${tier}`).map((job) => ({ tier, job })),
  ),
  results: EMAIL_TYPES.flatMap((type) =>
    decoded<import('../../src/contracts/generated.ts').DeliveryResult>(cluster, topics.results(type).name),
  ),
  deadLetters: decoded<import('../../src/contracts/generated.ts').DeadLetter>(cluster, topics.deadLetters.name),
});
