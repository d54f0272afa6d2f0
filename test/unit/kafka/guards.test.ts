import { createKafka } from '../../../src/kafka/client.ts';
import { markOf } from '../../../src/kafka/guards/guard.ts';
import { GUARDS } from '../../../src/kafka/guards/list.ts';
import { kafkajsModule, loadKafkajs } from '../../../src/kafka/guards.ts';

it('puts every guard in place, under Jest as in production', async () => {
  await loadKafkajs();
  for (const guard of GUARDS) expect(markOf(kafkajsModule(guard.path))?.name).toBe(guard.name);
});
it('makes a client', async () => {
  expect(await createKafka({ brokers: ['127.0.0.1:1'], clientId: 'x' })).toBeDefined();
});
