import { topics } from '../../src/contracts/topic.ts';
import { systemClock } from '../../src/host/clock.ts';
import { createKafka } from '../../src/kafka/client.ts';
import { ViewFollower } from '../../src/kafka/view-follower.ts';
import { openRegistryCodec } from '../../src/registry/codec.ts';
import { JOB_BYTES_MAX_DEFAULT } from '../../src/registry/limits.ts';
import { TableStore } from '../../src/store/table-store.ts';
import { RecordingTelemetry } from '../../src/testing/recording-telemetry.ts';
import { serve } from './processes.ts';
import { subjectOfRow } from './suppression-rows.ts';

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
}

serve<Settings, LookUps, Looked>(async ({ brokers, registryUrl, directory }) => {
  const codec = await openRegistryCodec({ url: registryUrl, encodes: [], jobBytesMax: JOB_BYTES_MAX_DEFAULT });
  const telemetry = new RecordingTelemetry();
  const store = await TableStore.open({ directory, topic: topics.suppressions, codec, telemetry });
  const kafka = await createKafka({ brokers, clientId: 'postlane-bench-table' });
  const view = new ViewFollower({ kafka, topic: topics.suppressions.name, store, clock: systemClock, telemetry });
  await view.start();
  const readyMs = performance.now();
  return {
    async close() {
      await view.stop();
      await store.close();
    },
    async answer({ rows, lookUps }) {
      let found = 0;
      const startedAt = performance.now();
      for (let n = 0; n < lookUps; n++) {
        // Steps by a prime: no two neighbours.
        const row = (n * 7_368_787) % rows;
        if (store.get(subjectOfRow(n % 10 === 9 ? rows + row : row))) found++;
      }
      const perSecond = lookUps / ((performance.now() - startedAt) / 1_000);
      return { perSecond, found, count: store.count(), readyMs };
    },
  };
});
