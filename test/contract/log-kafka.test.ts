import { KafkaLog } from '../../src/kafka/kafka-log.ts';
import { Publisher } from '../../src/kafka/publisher.ts';
import { toOutgoing, toTopicMessages } from '../../src/kafka/records.ts';
import { taskId } from '../../src/runtime/ports.ts';
import { startTestInfra } from '../support/infra.ts';
import { silentTelemetry, testKafka } from '../support/kafka.ts';
import { logContract } from './log.contract.ts';

logContract('kafka', async () => {
  const infra = await startTestInfra();
  const test = await testKafka(infra.brokers);
  const { kafka } = test;
  const logs: KafkaLog[] = [];
  const publisher = new Publisher({ kafka });
  return {
    process: () => {
      const log = new KafkaLog({ kafka, telemetry: silentTelemetry });
      logs.push(log);
      return log;
    },
    topic: (partitions) => test.topic({ partitions }),
    visible: test.read,
    append: async (record) => {
      const [landed] = await publisher.append([record]);
      if (!landed) throw new Error('a record lands somewhere');
      return landed;
    },
    dieInCommit: async (task, { outputs, nextOffset, metadata }) => {
      const dying = kafka.transactional({
        transactionalId: taskId(task),
        transactionTimeoutMs: 60_000,
        requestTimeoutMs: 10_000,
      });
      await dying.client.connect();
      const transaction = await dying.client.transaction();
      await transaction.sendBatch({ topicMessages: toTopicMessages(outputs.map(toOutgoing)) });
      const partitions = [{ partition: task.partition, offset: String(nextOffset), metadata }];
      await transaction.sendOffsets({ consumerGroupId: task.group, topics: [{ topic: task.topic, partitions }] });
      dying.cut();
    },
    close: async () => {
      await publisher.close();
      await Promise.all(logs.map((log) => log.close()));
      await test.close();
      await infra.stop();
    },
  };
});
