import { abortedRecords } from './aborted-records.ts';
import { consumerGroup } from './consumer-group.ts';
import type { Guard } from './guard.ts';
import { offsetManager } from './offset-manager.ts';
import { recordBatch } from './record-batch.ts';
import { batchEncoder, recordEncoder } from './record-encoder.ts';
import { requestQueue } from './request-queue.ts';
import { retry } from './retry.ts';
import { stableOffsets } from './stable-offsets.ts';
import { transactionalOffsets } from './transactional-offsets.ts';
import { transactions } from './transactions.ts';

/** Every repair of kafkajs, leaves first: a module must be replaced before another one that needs it is loaded. */
export const GUARDS: readonly Guard[] = [
  retry,
  requestQueue,
  recordBatch,
  recordEncoder,
  batchEncoder,
  abortedRecords,
  offsetManager,
  consumerGroup,
  transactionalOffsets,
  stableOffsets,
  transactions,
];
