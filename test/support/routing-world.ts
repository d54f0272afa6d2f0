import { routerGroup } from '../../processors/router/index.ts';
import type { EmailJob } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import { EMAIL_TYPES, type EmailType } from '../../src/domain/policy.ts';
import { addEvidence, emptySuppression } from '../../src/domain/suppression.ts';
import { anEvidence } from '../../src/testing/builders.ts';
import { drive } from '../../src/testing/driver.ts';
import { MemoryCluster } from '../../src/testing/memory-log.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';
import { json, jsonCodec } from './json-codec.ts';
import { routerOver, Stores, tables } from './routing.ts';

/** When every world begins. */
export const NOW = 1_700_000_000_000;

/** A cluster in memory, a clock and the tables of a router. */
export const world = (partitions = 1) => {
  const cluster = new MemoryCluster({ now: NOW, partitions });
  return { cluster, clock: new VirtualClock(NOW), views: tables(), stores: new Stores() };
};
type World = ReturnType<typeof world>;

/** A job in its ingest topic, or where `over` has it. */
export const publish = (
  { cluster }: World,
  job: EmailJob,
  over: { topic?: EmailType; partition?: number; headers?: Record<string, string> } = {},
) =>
  cluster.append({
    topic: topics.ingest(over.topic ?? (EMAIL_TYPES.find((type) => type === job.type) as EmailType) ?? 'transactional')
      .name,
    key: job.id,
    value: json(job),
    headers: over.headers ?? {},
    ...(over.partition === undefined ? {} : { partition: over.partition }),
  });

/** Runs the routers of all partitions until nothing is left to do. */
export const run = (
  { cluster, clock, views, stores }: World,
  over: Partial<Parameters<typeof drive<EmailJob>>[0]> = {},
  rulesOver: Parameters<typeof routerOver>[3] = {},
) =>
  drive<EmailJob>({
    cluster,
    clock,
    define: routerOver(cluster, views, stores, rulesOver),
    codec: jsonCodec,
    group: routerGroup('transactional'),
    ...over,
  });

/** As a hard bounce leaves it. */
export const suppressed = (address: string) =>
  addEvidence(
    emptySuppression(`recipient:${address}`),
    anEvidence({ kind: 'bounced', severity: 'hard_bounce', at: NOW - 1, class: 'invalid-recipient', ruleVersion: '1' }),
  );
