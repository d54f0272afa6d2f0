import { join } from 'node:path';
import { topics } from '../../src/contracts/topic.ts';
import {
  EDITIONS_KEY,
  FIRST_EDITION,
  type FoldedEdition,
  foldedEditions,
  subjectOfEdition,
} from '../../src/domain/edition.ts';
import { dueAt } from '../../src/domain/identity-state.ts';
import type { Host, Hosted } from '../../src/host/host.ts';
import { claimInstanceDirectory } from '../../src/host/instance-directory.ts';
import { MemoryTable } from '../../src/host/memory-table.ts';
import { hostStream } from '../../src/host/stream-host.ts';
import { Publisher } from '../../src/kafka/publisher.ts';
import { ViewFollower } from '../../src/kafka/view-follower.ts';
import { TableStore } from '../../src/store/table-store.ts';
import { reputationDefinition, reputationGroup } from './index.ts';
import { rulesOf } from './rules.ts';
import { Schedule, scheduled, startTicker } from './ticker.ts';

/** Signals of one transaction. */
const BATCH_MAX = 500;
/** While mail is sent, every transaction of a worker brings a count: they are folded a few times a second. */
const REST_MS = 250;
/** How often the editions in force are looked at: a promotion waits for it. */
const LOOK_MS = 500;

/**
 * Starts a reputation processor in this process: it folds the edition of the tables that is in force and, where there is
 * one, the edition beside it, each as a group of its own.
 */
export async function startReputation(host: Host): Promise<Hosted> {
  const { codec, telemetry, clock, kafka } = host;
  const directory = await claimInstanceDirectory(host.config.stateDir, 'reputation');
  const table = new MemoryTable(topics.reputationEditions, codec, telemetry);
  const follower = new ViewFollower({ kafka, topic: topics.reputationEditions.name, store: table, clock, telemetry });
  await follower.start();
  const wanted = () => foldedEditions(table.get(EDITIONS_KEY) ?? FIRST_EDITION);
  const running = new Map<number, Hosted>();
  let died: (error: Error) => void = () => undefined;
  const dead = new Promise<Error>((resolve) => {
    died = resolve;
  });
  const adjust = async () => {
    const editions = wanted();
    for (const [edition, hosted] of running) {
      if (editions.some((one) => one.edition === edition)) continue;
      running.delete(edition);
      await hosted.stop();
    }
    for (const one of editions) {
      if (running.has(one.edition)) continue;
      const hosted = await startEdition(host, join(directory.path, `edition-${one.edition}`), one);
      running.set(one.edition, hosted);
      void hosted.dead.then((error) => running.get(one.edition) === hosted && died(error));
    }
  };
  await adjust();
  const stopping = new AbortController();
  const watching = (async () => {
    while (!stopping.signal.aborted) {
      await clock.sleep(LOOK_MS, stopping.signal);
      if (!stopping.signal.aborted) await adjust();
    }
  })().catch((error: unknown) => died(error instanceof Error ? error : new Error(String(error))));
  return {
    name: 'reputation',
    dead,
    idleMs: () => Math.max(0, ...[...running.values()].map((hosted) => hosted.idleMs())),
    async stop() {
      stopping.abort();
      await watching;
      await Promise.all([...running.values()].map((hosted) => hosted.stop()));
      await follower.stop();
      await directory.release();
    },
  };
}

/** Folds one edition. */
async function startEdition(host: Host, path: string, { edition, overrides }: FoldedEdition): Promise<Hosted> {
  const { codec, telemetry, clock, kafka, config } = host;
  const rules = rulesOf(config, overrides);
  const { score } = rules.identity;
  const suppressions = await TableStore.open({
    directory: join(path, 'suppressions'),
    topic: topics.suppressions,
    codec,
    telemetry,
  });
  const states = await TableStore.open({
    directory: join(path, 'identities'),
    topic: topics.reputationState,
    codec,
    telemetry,
  });
  const schedule = new Schedule();
  for (const { key, partition, value } of states.rowsOf()) {
    if (subjectOfEdition(key, edition) !== null) schedule.set(partition, value.subject, dueAt(value, score));
  }
  const tables = { suppressions, identities: scheduled(states, schedule, score, edition) };
  const publisher = new Publisher({ kafka });
  let owned: readonly number[] = [];
  const definition = reputationDefinition(tables, codec, rules, edition);
  const hosted = await hostStream(host, reputationGroup(edition), definition, {
    batchMax: BATCH_MAX,
    restMs: () => REST_MS,
    onAssigned: (tasks) => {
      owned = tasks.map(({ partition }) => partition);
    },
  });
  const append = publisher.append.bind(publisher);
  const ticker = startTicker({ schedule, partitions: () => owned, append, codec, clock, telemetry });
  return {
    ...hosted,
    async stop() {
      // A tick that waits for the broker must not hold up the end: closing refuses it.
      await Promise.all([ticker.stop(), publisher.close()]);
      await hosted.stop();
      await suppressions.close();
      await states.close();
    },
  };
}
