import { type Guard, guarded } from './guard.ts';

/** The coordinator finishes the transaction before: usually within a few milliseconds. */
const BUSY_RETRY_MS = 2;
const BUSY_RETRIES_MAX = 1_000;

/**
 * Transactions follow each other closely, so their retries must; 50 of them take about ten seconds. kafkajs means to give
 * its transaction manager the retry settings of the client, looks for them where they are not, and so begins at 300 ms.
 */
export const TRANSACTION_RETRY = {
  initialRetryTime: 5,
  factor: 0.2,
  multiplier: 1.5,
  maxRetryTime: 200,
  retries: 50,
} as const;

interface Cluster {
  refreshMetadataIfNecessary(): Promise<void>;
  findGroupCoordinator(request: { groupId: string; coordinatorType: number }): Promise<Coordinator>;
}

interface Coordinator {
  isConnected(): boolean;
}

interface EosParameters {
  readonly cluster: Cluster;
  readonly transactional: boolean;
}

interface EosManager {
  addPartitionsToTransaction(topicData: unknown): Promise<void>;
  sendOffsets(offsets: unknown): Promise<void>;
}

const isBusy = (error: unknown): boolean => (error as { type?: string } | null)?.type === 'CONCURRENT_TRANSACTIONS';

/** Tries again while the coordinator still finishes the transaction before. */
function patient<A extends unknown[]>(call: (...args: A) => Promise<void>): (...args: A) => Promise<void> {
  return async (...args) => {
    for (let retries = 0; ; retries++) {
      try {
        return await call(...args);
      } catch (error) {
        if (!isBusy(error) || retries >= BUSY_RETRIES_MAX) throw error;
        await new Promise((resolve) => setTimeout(resolve, BUSY_RETRY_MS));
      }
    }
  };
}

/**
 * What a transaction manager sees of the cluster: retry settings, and coordinators that are remembered. kafkajs asks for them before every single request of a transaction: four of
 * its nine round trips. A producer that meets any error is thrown away, and the memory with it; while it is being
 * initialised, which is what kafkajs itself tries again, nothing is remembered from one attempt to the next.
 */
function transactionalCluster(cluster: Cluster): Cluster {
  const known = new Map<string, Promise<Coordinator>>();
  return new Proxy(cluster, {
    get(target, property) {
      if (property === 'retry') return TRANSACTION_RETRY;
      if (property === 'findGroupCoordinator') {
        return async (request: { groupId: string; coordinatorType: number }) => {
          const key = `${request.coordinatorType} ${request.groupId}`;
          const remembered = await known.get(key);
          if (remembered?.isConnected()) return remembered;
          const asked = target.findGroupCoordinator(request);
          known.set(key, asked);
          asked.catch(() => known.delete(key));
          return asked;
        };
      }
      if (property === 'refreshMetadataIfNecessary') {
        return () => {
          known.clear();
          return target.refreshMetadataIfNecessary();
        };
      }
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/**
 * Lets transactions follow each other closely: CONCURRENT_TRANSACTIONS is waited out in steps of two milliseconds, also
 * where kafkajs does not try again at all (AddOffsetsToTxn as the first call) or refreshes all metadata first
 * (AddPartitionsToTxn).
 */
export const transactions: Guard = {
  name: 'transactions',
  path: 'producer/eosManager',
  wrap: (original: (parameters: EosParameters) => EosManager) =>
    guarded('transactions', (parameters: EosParameters) => {
      if (!parameters.transactional) return original(parameters);
      const manager = original({ ...parameters, cluster: transactionalCluster(parameters.cluster) });
      return {
        ...manager,
        addPartitionsToTransaction: patient(manager.addPartitionsToTransaction),
        sendOffsets: patient(manager.sendOffsets),
      };
    }),
};
