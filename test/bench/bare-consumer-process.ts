import kafkajs from 'kafkajs';
import { topics } from '../../src/contracts/topic.ts';
import { openRegistryCodec } from '../../src/registry/codec.ts';
import { JOB_BYTES_MAX_DEFAULT } from '../../src/registry/limits.ts';
import type { StoredRecord } from '../../src/runtime/ports.ts';
import { serve } from './processes.ts';

/** The least that a reader can do: kafkajs as it comes, and each record decoded by a resolver that is kept. Nothing is done with it. */
interface Settings {
  readonly brokers: readonly string[];
  readonly registryUrl: string;
}

interface Read {
  readonly records: number;
  readonly undecodable: number;
  /** From the first batch on: joining the group is not counted. */
  readonly ms: number;
}

const BYTES_PER_PARTITION = 1_048_576;

let reads = 0;

serve<Settings, { readonly records: number }, Read>(async ({ brokers, registryUrl }) => {
  const codec = await openRegistryCodec({ url: registryUrl, encodes: [], jobBytesMax: JOB_BYTES_MAX_DEFAULT });
  const kafka = new kafkajs.Kafka({ brokers: [...brokers], clientId: 'bare', logLevel: kafkajs.logLevel.ERROR });
  return {
    close: async () => undefined,
    async answer({ records: wanted }) {
      const consumer = kafka.consumer({
        groupId: `bare-${process.pid}-${++reads}`,
        maxBytesPerPartition: BYTES_PER_PARTITION,
        maxWaitTimeInMs: 100,
      });
      await consumer.connect();
      await consumer.subscribe({ topics: [topics.reputation.name], fromBeginning: true });
      let records = 0;
      let undecodable = 0;
      let startedAt = 0;
      const done = Promise.withResolvers<number>();
      await consumer.run({
        autoCommit: false,
        eachBatch: async ({ batch }) => {
          startedAt ||= performance.now();
          const stored = batch.messages.map(
            (message): StoredRecord => ({
              offset: Number(message.offset),
              key: message.key,
              value: message.value,
              headers: {},
              at: Number(message.timestamp),
            }),
          );
          await codec.prepare(topics.reputation, stored);
          for (const { value } of stored) if (!codec.decode(topics.reputation, value).ok) undecodable++;
          records += stored.length;
          if (records >= wanted) done.resolve(performance.now() - startedAt);
        },
      });
      const ms = await done.promise;
      await consumer.disconnect();
      return { records, undecodable, ms };
    },
  };
});
