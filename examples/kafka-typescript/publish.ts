import { createPublisher } from '../../src/index.ts';

const publisher = await createPublisher({
  brokers: (process.env.KAFKA_BROKERS ?? '127.0.0.1:9092').split(','),
  schemaRegistryUrl: process.env.SCHEMA_REGISTRY_URL ?? 'http://127.0.0.1:8081',
});
// Settles when every in-sync replica has it. The id makes it idempotent: published twice, it is sent once.
await publisher.publish({
  id: 'order-4711-confirmation',
  type: 'transactional',
  recipient: 'ada@inbox.example',
  payload: {
    from: 'The Shop <orders@shop.example>',
    subject: 'Your order 4711',
    html: '<p>Thank you.</p>',
    text: 'Thank you.',
  },
  metadata: { order: '4711' },
});
await publisher.close();
