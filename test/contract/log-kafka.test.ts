import { GroupMembers } from '../../src/kafka/group-members.ts';
import { offsetsOf } from '../../src/kafka/guards/transactional-offsets.ts';
import { KafkaLog } from '../../src/kafka/kafka-log.ts';
import { Publisher } from '../../src/kafka/publisher.ts';
import { toOutgoing, toTopicMessages } from '../../src/kafka/records.ts';
import type { Log } from '../../src/runtime/ports.ts';
import { GroupSeats } from '../support/group-seat.ts';
import { startTestInfra } from '../support/infra.ts';
import { silentTelemetry, testKafka } from '../support/kafka.ts';
import { logContract } from './log.contract.ts';

logContract('kafka', async () => {
  const infra = await startTestInfra();
  const test = await testKafka(infra.brokers);
  const { kafka } = test;
  const logs: KafkaLog[] = [];
  const publisher = new Publisher({ kafka });
  const seats = new GroupSeats(kafka);
  let instances = 0;
  return {
    // Who opens a task has been given it by its group.
    process: (): Log => {
      const members = new GroupMembers();
      const log = new KafkaLog({ kafka, members, instance: `p${++instances}`, telemetry: silentTelemetry });
      logs.push(log);
      return {
        async open(task) {
          await seats.take(task.group, members);
          return log.open(task);
        },
        restore: (...given) => log.restore(...given),
        commit: (...given) => log.commit(...given),
        declare: (...given) => log.declare(...given),
        retire: (task) => log.retire(task),
      };
    },
    topic: (partitions) => test.topic({ partitions }),
    visible: test.read,
    append: async (record) => {
      const [landed] = await publisher.append([record]);
      if (!landed) throw new Error('a record lands somewhere');
      return landed;
    },
    // The next process is what a supervisor starts in its place: it has its name.
    dieInCommit: async (task, { outputs, nextOffset, metadata }) => {
      const members = new GroupMembers();
      await seats.take(task.group, members);
      const dying = kafka.transactional({
        transactionalId: `${task.group}.p${instances + 1}`,
        transactionTimeoutMs: 60_000,
        requestTimeoutMs: 10_000,
      });
      await dying.client.connect();
      const transaction = await dying.client.transaction();
      await transaction.sendBatch({
        topicMessages: toTopicMessages(outputs.map((record) => toOutgoing(record, kafka.names))),
      });
      const partitions = [{ partition: task.partition, offset: String(nextOffset), metadata }];
      const member = members.of(task.group);
      if (!member) throw new Error('it has just joined');
      const topics = offsetsOf([{ topic: task.topic, partitions }], member);
      await transaction.sendOffsets({ consumerGroupId: task.group, topics });
      dying.cut();
    },
    close: async () => {
      await publisher.close();
      await seats.close();
      await Promise.all(logs.map((log) => log.close()));
      await test.close();
      await infra.stop();
    },
  };
});
