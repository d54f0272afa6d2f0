import { createHash, hash } from 'node:crypto';
import { join } from 'node:path';
import { topics } from '../../src/contracts/topic.ts';
import { EMAIL_TYPES, type EmailType, type Queue } from '../../src/domain/policy.ts';
import { providerIndex } from '../../src/domain/provider.ts';
import { openDomains } from '../../src/host/domains-view.ts';
import type { Host, Hosted } from '../../src/host/host.ts';
import { claimInstanceDirectory } from '../../src/host/instance-directory.ts';
import { jobRulesOf } from '../../src/host/job-rules.ts';
import { learns } from '../../src/host/mail-exchangers.ts';
import { hostStream } from '../../src/host/stream-host.ts';
import { openViews } from '../../src/host/views.ts';
import { restoreSeen, SEEN_HASH_BYTES } from '../../src/runtime/seen-port.ts';
import { openSeenStores } from '../../src/store/seen-store.ts';
import { type RouterDependencies, routerDefinition, routerGroup } from './index.ts';

/** Starts a router in this process: a member of the group of each of the types. */
export async function startRouter(host: Host, types: readonly EmailType[] = EMAIL_TYPES): Promise<Hosted> {
  const { config } = host;
  const queueOf = (queue: Queue) => config.queues.find((candidate) => candidate.queue === queue);
  const sources = new Map(config.pools.map((pool) => [pool.name, pool.sources]));
  const directory = await claimInstanceDirectory(config.stateDir, 'router');
  const seen = await openSeenStores(join(directory.path, 'seen'));
  const views = await openViews(host, directory.path);
  const domains = learns(config) ? await openDomains(host, directory.path) : null;
  const byDomain = providerIndex(config.providers);
  const partitions = new Map<string, number>();
  for (const type of EMAIL_TYPES)
    partitions.set(topics.ingest(type).name, await host.partitionsOf(topics.ingest(type).name));
  // As often as the lane behind it commits, but never for what somebody waits for.
  const rests = new Map<string, number>();
  for (const type of EMAIL_TYPES) {
    const queue = queueOf(type);
    if (queue === undefined || queue.priority === 'high') continue;
    for (const { name } of [topics.ingest(type), topics.due(type)]) rests.set(name, queue.tickMs);
  }
  const dependencies: RouterDependencies = {
    rules: {
      job: jobRulesOf(config),
      providerOf: domains?.over(byDomain) ?? byDomain,
      sourcesOf: (queue) => sources.get(queueOf(queue)?.pool ?? queue) ?? [],
      ageMaxMsOf: (queue) => queueOf(queue)?.ageMaxMs ?? config.router.ageMaxMs,
      throttleScore: config.router.throttleScore,
      dedupWindowMs: config.router.dedupWindowMs,
    },
    views,
    hash: hashOf,
    partitionsOf: (topic) => partitions.get(topic) as number,
    openSeen: async (type, partition, restore, nextOffset) => {
      const store = seen.open(type, partition);
      const windowMs = config.router.dedupWindowMs;
      await restoreSeen(store, topics.routerSeen(type), partition, {
        restore,
        nextOffset,
        windowMs,
        codec: host.codec,
      });
      return store;
    },
  };
  const hosted = await Promise.all(
    types.map((type) =>
      hostStream(host, routerGroup(type), routerDefinition([type], dependencies), {
        batchMax: config.router.batchMax,
        restMs: (topic) => rests.get(topic) ?? 0,
      }),
    ),
  );
  return {
    name: 'router',
    dead: Promise.race(hosted.map(({ dead }) => dead)),
    idleMs: () => Math.max(...hosted.map((one) => one.idleMs())),
    async stop() {
      await Promise.all(hosted.map((one) => one.stop()));
      await views.stop();
      await domains?.stop();
      await seen.close();
      await directory.release();
    },
  };
}

/** 16 bytes that stand for the parts, one after the other: the router's texts say how long everything is. */
function hashOf(parts: readonly (string | Uint8Array)[]): Buffer {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return hash('sha256', only, 'buffer').subarray(0, SEEN_HASH_BYTES);
  const hashing = createHash('sha256');
  for (const part of parts) hashing.update(part);
  return hashing.digest().subarray(0, SEEN_HASH_BYTES);
}
