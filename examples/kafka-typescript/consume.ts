import { consumeResults } from '../../src/index.ts';

const consumer = await consumeResults(
  {
    brokers: (process.env.KAFKA_BROKERS ?? '127.0.0.1:9092').split(','),
    schemaRegistryUrl: process.env.SCHEMA_REGISTRY_URL ?? 'http://127.0.0.1:8081',
    groupId: 'order-service',
    fromBeginning: true,
  },
  (result) => {
    if (result.kind === 'ending') console.log(result.jobId, result.ending, result.smtpCode, result.reply);
  },
);
process.once('SIGINT', () => void consumer.stop());
