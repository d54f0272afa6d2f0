import { join } from 'node:path';
import { topics } from '../../src/contracts/topic.ts';
import type { Host, Hosted } from '../../src/host/host.ts';
import { claimInstanceDirectory } from '../../src/host/instance-directory.ts';
import { hostStream } from '../../src/host/stream-host.ts';
import { tableDefinition } from '../../src/runtime/table-fold.ts';
import { TableStore } from '../../src/store/table-store.ts';
import { REPUTATION_GROUP, suppressionProcessor } from './index.ts';

/** Signals of one transaction. */
const BATCH_MAX = 500;
/** While mail is sent, every transaction of a worker brings a count: they are folded a few times a second. */
const REST_MS = 250;

/** Starts a reputation processor in this process. */
export async function startReputation(host: Host): Promise<Hosted> {
  const { codec, telemetry } = host;
  const directory = await claimInstanceDirectory(host.config.stateDir, 'reputation');
  const path = join(directory.path, 'suppressions');
  const rows = await TableStore.open({ directory: path, topic: topics.suppressions, codec, telemetry });
  const definition = tableDefinition(suppressionProcessor(), rows, codec);
  const hosted = await hostStream(host, REPUTATION_GROUP, definition, { batchMax: BATCH_MAX, restMs: () => REST_MS });
  return {
    ...hosted,
    async stop() {
      await hosted.stop();
      await rows.close();
      await directory.release();
    },
  };
}
