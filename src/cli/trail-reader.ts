import { foldAccepted, foldResult, orderOf } from '../../processors/tracker/step.ts';
import type { DeliveryResult, EmailJob } from '../contracts/generated.ts';
import { type Topic, topics } from '../contracts/topic.ts';
import { foldAddress, parseMailbox } from '../domain/address.ts';
import { partitionOf } from '../domain/partitioner.ts';
import { EMAIL_TYPES } from '../domain/policy.ts';
import type { Trail } from '../domain/trail.ts';
import { type PartitionRange, rangesOf } from '../kafka/topic-ends.ts';
import { scanTopics } from '../kafka/topic-scan.ts';
import type { StoredRecord } from '../runtime/ports.ts';
import type { PipelineAccess } from './open-pipeline.ts';

/** What is looked for: one mail, or all to an address. */
export interface TrailQuery {
  readonly text: string;
  /** Null: of all tenants. */
  readonly tenant: string | null;
}

/**
 * Reads what became of mails out of the topics themselves, without any role: all that is kept of one id, from its home
 * partitions, or of one address, from everywhere. Newest first.
 */
export async function readTrails(
  { kafka, codec }: PipelineAccess,
  query: TrailQuery,
  signal: AbortSignal,
): Promise<readonly Trail[]> {
  const ingest = new Map(EMAIL_TYPES.map((type) => [topics.ingest(type).name, topics.ingest(type)]));
  const results = new Map(EMAIL_TYPES.map((type) => [topics.results(type).name, topics.results(type)]));
  const wanted = matcherOf(query);
  const trails = new Map<string, Trail>();
  const keep = (tenant: string, id: string, fold: (trail: Trail | null) => Trail): void => {
    const key = `${tenant.length} ${tenant} ${id}`;
    trails.set(key, fold(trails.get(key) ?? null));
  };
  const decoded = async <V>(topic: Topic<V>, records: readonly StoredRecord[]) => {
    await codec.prepare(topic, records);
    return records.flatMap(({ value, at }) => {
      const found = codec.decode(topic, value);
      return found.ok ? [{ value: found.value, at }] : [];
    });
  };
  const names = [...ingest.keys(), ...results.keys()];
  await scanTopics(kafka, {
    ranges: homesOf(wanted.id, await rangesOf(kafka, names)),
    follow: false,
    signal,
    apply: async (name, _, records) => {
      const accepted = ingest.get(name);
      for (const { value: job, at } of accepted ? await decoded<EmailJob>(accepted, records) : []) {
        if (wanted.holds(job.tenant, job.id, job.recipient)) keep(job.tenant, job.id, (t) => foldAccepted(t, job, at));
      }
      const told = results.get(name);
      for (const { value: result } of told ? await decoded<DeliveryResult>(told, records) : []) {
        const { tenant, jobId, recipient } = result;
        if (wanted.holds(tenant, jobId, recipient)) keep(tenant, jobId, (t) => foldResult(t, result));
      }
    },
  });
  return [...trails.values()].sort((left, right) => orderOf(right) - orderOf(left));
}

interface Matcher {
  /** Null: any. */
  readonly id: string | null;
  holds(tenant: string, id: string, recipient: string): boolean;
}

/** An id may look like an address, but what looks like an address is taken for one. */
function matcherOf({ text, tenant: only }: TrailQuery): Matcher {
  const mailbox = parseMailbox(text);
  const ofTenant = (tenant: string): boolean => only === null || tenant === only;
  if (!mailbox.ok) return { id: text, holds: (tenant, id) => ofTenant(tenant) && id === text };
  const address = foldAddress(mailbox.value);
  return {
    id: null,
    holds: (tenant, _, recipient) => {
      if (!ofTenant(tenant)) return false;
      const found = parseMailbox(recipient);
      return found.ok && foldAddress(found.value) === address;
    },
  };
}

function homesOf(id: string | null, ranges: readonly PartitionRange[]): readonly PartitionRange[] {
  if (id === null) return ranges;
  const counts = new Map<string, number>();
  for (const { topic } of ranges) counts.set(topic, (counts.get(topic) ?? 0) + 1);
  return ranges.filter(({ topic, partition }) => partition === partitionOf(id, counts.get(topic) ?? 1));
}
