import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { topics } from '../../src/contracts/topic.ts';
import { recipientSubject } from '../../src/domain/suppression.ts';
import { systemClock } from '../../src/host/clock.ts';
import { withSmallYoungGeneration } from '../../src/host/young-generation.ts';
import { createKafka } from '../../src/kafka/client.ts';
import { ViewFollower } from '../../src/kafka/view-follower.ts';
import { openRegistryCodec } from '../../src/registry/codec.ts';
import { JOB_BYTES_MAX_DEFAULT } from '../../src/registry/limits.ts';
import { SuppressionPacking } from '../../src/store/packed-suppression.ts';
import { TableStore } from '../../src/store/table-store.ts';
import { RecordingTelemetry } from '../../src/testing/recording-telemetry.ts';
import { anonymousBytesOf, serve } from './processes.ts';
import { addressOfRow } from './suppression-rows.ts';

/** A process that keeps the table of suppressions as router and worker do: ready once it has caught up. */
interface Settings {
  readonly brokers: readonly string[];
  readonly registryUrl: string;
  readonly directory: string;
}

interface LookUps {
  /** Rows that there are; every tenth look-up is for an address that is not among them. */
  readonly rows: number;
  readonly lookUps: number;
}

export interface Looked {
  readonly perSecond: number;
  readonly found: number;
  readonly count: number;
  /** From the start of the process to the first catch-up. */
  readonly readyMs: number;
  /** Memory of its own after the look-ups, once garbage was collected. */
  readonly anonymousBytes: number;
  /** The longest that the event loop was held up until it was ready. */
  readonly longestTurnMs: number;
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const ADDRESSES_AT_ONCE = 500;
const COLLECTIONS = 3;
const SETTLE_MS = 200;

/** Steps by a prime: no two neighbours. Every tenth is a row that there is not. */
const rowLookedUp = (n: number, rows: number): number => ((n * 7_368_787) % rows) + (n % 10 === 9 ? rows : 0);

serve<Settings, LookUps, Looked>(async ({ brokers, registryUrl, directory }) => {
  const codec = await openRegistryCodec({ url: registryUrl, encodes: [], jobBytesMax: JOB_BYTES_MAX_DEFAULT });
  const telemetry = new RecordingTelemetry();
  const packing = new SuppressionPacking();
  const store = await TableStore.open({ directory, topic: topics.suppressions, codec, telemetry, packing });
  const kafka = await createKafka({ brokers, clientId: 'postlane-bench-table' });
  const view = new ViewFollower({ kafka, topic: topics.suppressions.name, store, clock: systemClock, telemetry });
  const delays = monitorEventLoopDelay({ resolution: 1 });
  delays.enable();
  await withSmallYoungGeneration(() => view.start());
  delays.disable();
  const longestTurnMs = delays.max / 1e6;
  const readyMs = performance.now();
  return {
    async close() {
      await view.stop();
      await store.close();
    },
    async answer({ rows, lookUps }) {
      let found = 0;
      let ms = 0;
      for (let done = 0; done < lookUps; done += ADDRESSES_AT_ONCE) {
        // Made up beforehand: that takes a tenth of the time of a look-up. Router and worker have them from the mail.
        const addresses = Array.from({ length: Math.min(ADDRESSES_AT_ONCE, lookUps - done) }, (_, n) =>
          addressOfRow(rowLookedUp(done + n, rows)),
        );
        const startedAt = performance.now();
        for (const address of addresses) if (store.get(recipientSubject(address))) found++;
        ms += performance.now() - startedAt;
      }
      const perSecond = lookUps / (ms / 1_000);
      for (let times = 0; times < COLLECTIONS; times++) {
        collect();
        await pause(SETTLE_MS);
      }
      const anonymousBytes = anonymousBytesOf(process.pid);
      return { perSecond, found, count: store.count(), readyMs, anonymousBytes, longestTurnMs };
    },
  };
});
