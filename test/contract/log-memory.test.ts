import { BARRIER_KEY } from '../../src/runtime/ports.ts';
import { MemoryCluster, MemoryLog } from '../../src/testing/memory-log.ts';
import { logContract } from './log.contract.ts';

const PARTITIONS = 3;

logContract('memory', async () => {
  const cluster = new MemoryCluster({ partitions: PARTITIONS });
  let topics = 0;
  return {
    process: () => new MemoryLog(cluster),
    topic: async () => `topic-${++topics}`,
    visible: async (topic, partition) =>
      cluster.read(topic, partition, 0, Infinity).filter(({ key }) => key?.toString() !== BARRIER_KEY),
    append: async (record) => cluster.append(record),
    // A commit of the memory log is one step: who dies before its last word has done nothing.
    dieInCommit: async (task) => {
      await new MemoryLog(cluster).open(task);
    },
    close: async () => undefined,
  };
});
