import { type Guard, guarded } from './guard.ts';

interface FetchedRecord {
  readonly offset: string;
  readonly isControlRecord?: boolean;
  readonly batchContext?: {
    readonly producerId: string;
    readonly inTransaction: boolean;
    readonly isControlBatch: boolean;
  };
}

interface AbortedTransaction {
  readonly producerId: string;
  readonly firstOffset: string;
}

interface Fetched {
  readonly messages: readonly FetchedRecord[];
  readonly abortedTransactions?: readonly AbortedTransaction[] | null;
}

/**
 * Leaves out the records of aborted transactions, as Java's client does it: transactions are taken in the order of their
 * first offset, all that have begun at or before a record's offset, and they end with a control batch of their producer.
 *
 * kafkajs takes at most one transaction per record, in the order of arrival, and takes any key of four zero bytes for
 * an abort marker: it shows aborted records when a fetch starts inside overlapping transactions.
 */
export function withoutAborted({ messages, abortedTransactions }: Fetched): readonly FetchedRecord[] {
  if (!abortedTransactions || abortedTransactions.length === 0) return messages;
  const pending = [...abortedTransactions].sort((a, b) => Number(a.firstOffset) - Number(b.firstOffset));
  const aborting = new Set<string>();
  let begun = 0;
  return messages.filter((message) => {
    for (; begun < pending.length; begun++) {
      const transaction = pending[begun] as AbortedTransaction;
      if (Number(transaction.firstOffset) > Number(message.offset)) break;
      aborting.add(transaction.producerId);
    }
    const context = message.batchContext;
    if (!context) return true;
    // A record made up at the end of a compacted data batch is no marker: its batch is not a control batch.
    if (message.isControlRecord && context.isControlBatch) aborting.delete(context.producerId);
    return message.isControlRecord === true || !(context.inTransaction && aborting.has(context.producerId));
  });
}

export const abortedRecords: Guard = {
  name: 'aborted-records',
  path: 'consumer/filterAbortedMessages',
  wrap: () => guarded('aborted-records', withoutAborted),
};
