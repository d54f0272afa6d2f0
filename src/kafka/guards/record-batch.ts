import { breathe } from '../breath.ts';
import { type Guard, guarded } from './guard.ts';

interface RecordBatch {
  readonly firstOffset: string;
  readonly lastOffsetDelta: number;
  readonly maxTimestamp: string;
  readonly records: { readonly offset: string }[];
}

/**
 * Makes a batch always end at its last offset. The log cleaner keeps the last batch of a producer even when all of its
 * records are gone, and may remove a batch's last record; kafkajs takes its position from the records, so it would fetch
 * such a batch for ever. A made-up control record at the batch's last offset moves the position and is shown to nobody.
 */
export function endAtLastOffset(batch: RecordBatch): RecordBatch {
  const lastOffset = String(Number(batch.firstOffset) + batch.lastOffsetDelta);
  if (batch.records.at(-1)?.offset === lastOffset) return batch;
  const { records, ...batchContext } = batch;
  const filler = {
    magicByte: 2,
    attributes: 0,
    timestamp: batch.maxTimestamp,
    offset: lastOffset,
    key: null,
    value: null,
    headers: {},
    isControlRecord: true,
    batchContext,
  };
  return { ...batch, records: [...records, filler] };
}

export const recordBatch: Guard = {
  name: 'record-batch',
  path: 'protocol/recordBatch/v0/decoder',
  wrap: (original: (decoder: unknown) => Promise<RecordBatch>) =>
    guarded('record-batch', async (decoder: unknown) => {
      // A fetch may hold thousands of batches, and everything that decodes them is there already.
      await breathe();
      return endAtLastOffset(await original(decoder));
    }),
};
