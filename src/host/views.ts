import { join } from 'node:path';
import type { Allowance, Cancellation, Score, Suppression } from '../contracts/generated.ts';
import { topics } from '../contracts/topic.ts';
import type { RecipientNames } from '../domain/recipient-names.ts';
import { strictest } from '../domain/score.ts';
import { recipientSubject, subjectsOf } from '../domain/suppression.ts';
import { type Millis, SECOND_MS } from '../domain/time.ts';
import { ViewFollower, type ViewStore } from '../kafka/view-follower.ts';
import type { Stoppable } from '../runtime/ports.ts';
import { SuppressionPacking } from '../store/packed-suppression.ts';
import { TableStore } from '../store/table-store.ts';
import { AddressKeys } from './address-keys.ts';
import { Editions } from './edition-in-force.ts';
import { HeededScores } from './heeded-scores.ts';
import type { Host } from './host.ts';
import { MemoryTable } from './memory-table.ts';
import { sample } from './sampler.ts';
import { withSmallYoungGeneration } from './young-generation.ts';

/** A view that knew itself to be current longer ago than this is not trusted: nothing is routed past it. */
export const STALENESS_MS_MAX = 30 * SECOND_MS;

/** The tables that router and worker look things up in, followed record by record. */
export interface Views extends Stoppable {
  ready(now: Millis): boolean;
  /** What stands for recipients in subjects. */
  readonly names: RecipientNames;
  /** All rows about a recipient that may bind the tenant's mail; by folded address. */
  suppressionsOf(tenant: string, folded: string): readonly Suppression[];
  /** What the installation knows of a recipient; by folded address. */
  suppressionOfAddress(folded: string): Suppression | undefined;
  scoreOf(subject: string): Score | undefined;
  allowanceOf(subject: string): Allowance | undefined;
  cancellationOf(jobId: string): Cancellation | undefined;
}

/**
 * Opens the views and waits until they have caught up: before that nothing can be judged. Suppressions are kept on disk,
 * in `directory`, as they grow for ever (in memory where it is null: for a command that looks once); the other tables
 * stay small.
 */
export async function openViews(host: Host, directory: string | null): Promise<Views> {
  const { codec, telemetry } = host;
  const addressKeys = await AddressKeys.open(host);
  const { names } = addressKeys;
  const suppressions = await openSuppressions(host, directory);
  const scores = new MemoryTable(topics.scores, codec, telemetry);
  const allowances = new MemoryTable(topics.allowances, codec, telemetry);
  const cancellations = new MemoryTable(topics.cancellations, codec, telemetry);
  const tables = [
    follow(host, topics.suppressions.name, suppressions),
    follow(host, topics.scores.name, scores),
    follow(host, topics.allowances.name, allowances),
  ];
  const stalenessMs = () => Math.max(...tables.map((follower) => follower.stalenessMs()));
  const editions = new Editions({ codec, clock: host.clock, telemetry, stalenessMs });
  const followers = [
    ...tables,
    follow(host, topics.cancellations.name, cancellations),
    follow(host, topics.reputationEditions.name, editions.store),
  ];
  await withSmallYoungGeneration(() => Promise.all(followers.map((follower) => follower.start())));
  editions.begin();
  const heeded = await HeededScores.open(host);
  const byTopic = [
    topics.suppressions,
    topics.scores,
    topics.allowances,
    topics.cancellations,
    topics.reputationEditions,
  ].map(({ name }) => name);
  const stopSampling = sample(() => {
    followers.forEach((follower, n) => {
      telemetry.gauge('postlane_view_staleness_ms', follower.stalenessMs(), { topic: byTopic[n] ?? '' });
    });
  });
  const keyOf = (subject: string) => editions.prefix() + subject;
  return {
    ready: () =>
      followers.every((follower) => follower.stalenessMs() <= STALENESS_MS_MAX) &&
      addressKeys.stalenessMs() <= STALENESS_MS_MAX &&
      addressKeys.areKnown(),
    names,
    suppressionsOf: (tenant, folded) =>
      subjectsOf(tenant, folded, names).flatMap((subject) => suppressions.get(keyOf(subject)) ?? []),
    suppressionOfAddress(folded) {
      const rows = names.namesOf(folded).map((name) => suppressions.get(keyOf(recipientSubject(name))));
      return rows.find((row) => row?.active) ?? rows.find((row) => row !== undefined);
    },
    scoreOf(subject) {
      const own = scores.get(keyOf(subject));
      const others = heeded.of(subject);
      return others.length === 0 ? own : strictest([own, ...others]);
    },
    allowanceOf: (subject) => allowances.get(keyOf(subject)),
    cancellationOf: (jobId) => cancellations.get(jobId),
    async stop() {
      stopSampling();
      await Promise.all(followers.map((follower) => follower.stop()));
      await heeded.stop();
      await addressKeys.stop();
      if (suppressions instanceof TableStore) await suppressions.close();
    },
  };
}

async function openSuppressions({ codec, telemetry }: Host, directory: string | null) {
  const topic = topics.suppressions;
  if (directory === null) return new MemoryTable(topic, codec, telemetry);
  const packing = new SuppressionPacking();
  return TableStore.open({ directory: join(directory, 'suppressions'), topic, codec, telemetry, packing });
}

const follow = ({ kafka, clock, telemetry }: Host, topic: string, store: ViewStore): ViewFollower =>
  new ViewFollower({ kafka, topic, store, clock, telemetry });
