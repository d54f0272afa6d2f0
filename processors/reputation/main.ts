import { join } from 'node:path';
import { topics } from '../../src/contracts/topic.ts';
import { dueAt } from '../../src/domain/identity-state.ts';
import type { Host, Hosted } from '../../src/host/host.ts';
import { claimInstanceDirectory } from '../../src/host/instance-directory.ts';
import { hostStream } from '../../src/host/stream-host.ts';
import { Publisher } from '../../src/kafka/publisher.ts';
import { TableStore } from '../../src/store/table-store.ts';
import { REPUTATION_GROUP, reputationDefinition } from './index.ts';
import { rulesOf } from './rules.ts';
import { Schedule, scheduled, startTicker } from './ticker.ts';

/** Signals of one transaction. */
const BATCH_MAX = 500;
/** While mail is sent, every transaction of a worker brings a count: they are folded a few times a second. */
const REST_MS = 250;

/** Starts a reputation processor in this process. */
export async function startReputation(host: Host): Promise<Hosted> {
  const { codec, telemetry, clock, kafka, config } = host;
  const rules = rulesOf(config);
  const directory = await claimInstanceDirectory(config.stateDir, 'reputation');
  const open = <V>(name: string, topic: { readonly name: string; readonly schema: string; readonly _value?: V }) =>
    TableStore.open<V>({ directory: join(directory.path, name), topic, codec, telemetry });
  const suppressions = await open('suppressions', topics.suppressions);
  const states = await open('identities', topics.reputationState);
  const schedule = new Schedule();
  for (const { key, partition, value } of states.rowsOf()) {
    schedule.set(partition, key, dueAt(value, rules.identity.score));
  }
  const tables = { suppressions, identities: scheduled(states, schedule, rules.identity.score) };
  const publisher = new Publisher({ kafka });
  let owned: readonly number[] = [];
  const definition = reputationDefinition(tables, codec, rules);
  const hosted = await hostStream(host, REPUTATION_GROUP, definition, {
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
      await directory.release();
    },
  };
}
