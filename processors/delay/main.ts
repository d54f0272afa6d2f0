import type { Host, Hosted } from '../../src/host/host.ts';
import { hostStream } from '../../src/host/stream-host.ts';
import { DELAY_GROUP, delayDefinition } from './index.ts';

/** Records of one transaction of the ladder. */
const BATCH_MAX = 500;

/** Starts a delay processor in this process. */
export const startDelay = (host: Host): Promise<Hosted> =>
  hostStream(host, DELAY_GROUP, delayDefinition(), { batchMax: BATCH_MAX });
