import { randomUUID } from 'node:crypto';
import { fastify } from 'fastify';
import { createKafka } from '../../src/kafka/client.ts';
import { Publisher } from '../../src/kafka/publisher.ts';
import { serve } from './processes.ts';

/** The least that a door can do: a bare route that appends what it is given to a topic, with acks=all, and answers. */
interface Settings {
  readonly brokers: readonly string[];
  readonly topic: string;
}

serve<Settings, object, { readonly url: string }>(async ({ brokers, topic }) => {
  const publisher = new Publisher({ kafka: await createKafka({ brokers, clientId: 'postlane-bench-bare' }) });
  const server = fastify();
  server.post('/', async (request, reply) => {
    const id = randomUUID();
    await publisher.append([{ topic, key: id, value: Buffer.from(JSON.stringify(request.body)) }]);
    return reply.code(202).send({ id });
  });
  const url = await server.listen({ host: '127.0.0.1', port: 0 });
  return {
    async close() {
      await server.close();
      await publisher.close();
    },
    answer: async () => ({ url }),
  };
});
