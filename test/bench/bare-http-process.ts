import { randomUUID } from 'node:crypto';
import { fastify } from 'fastify';
import { topics } from '../../src/contracts/topic.ts';
import { completeJob, type EmailJobInput } from '../../src/domain/job-input.ts';
import { createKafka } from '../../src/kafka/client.ts';
import { Publisher } from '../../src/kafka/publisher.ts';
import { openRegistryCodec } from '../../src/registry/codec.ts';
import { JOB_BYTES_MAX_DEFAULT } from '../../src/registry/limits.ts';
import type { LogRecord } from '../../src/runtime/ports.ts';
import { serve } from './processes.ts';

/** The least that a door can do: a bare route that appends what it is given to a topic, with acks=all, and answers. */
export interface BareRoute {
  readonly brokers: readonly string[];
  /** Where what is posted goes as it is, for nobody; or whose jobs it becomes, which the pipeline sends as those of the door. */
  readonly to: { readonly topic: string } | { readonly schemaRegistryUrl: string };
}

type ToRecord = (id: string, mail: EmailJobInput) => LogRecord;

async function toRecord(to: BareRoute['to']): Promise<ToRecord> {
  if ('topic' in to) return (id, mail) => ({ topic: to.topic, key: id, value: Buffer.from(JSON.stringify(mail)) });
  const ingest = topics.ingest('transactional');
  const options = { url: to.schemaRegistryUrl, encodes: [ingest], jobBytesMax: JOB_BYTES_MAX_DEFAULT };
  const codec = await openRegistryCodec(options);
  return (id, mail) => {
    const job = completeJob({ ...mail, id }, randomUUID);
    return { topic: ingest.name, key: id, value: codec.encode(ingest, job) };
  };
}

serve<BareRoute, object, { readonly url: string }>(async ({ brokers, to }) => {
  const recordOf = await toRecord(to);
  const publisher = new Publisher({ kafka: await createKafka({ brokers, clientId: 'postlane-bench-bare' }) });
  const server = fastify();
  server.post('/', async (request, reply) => {
    const id = randomUUID();
    await publisher.append([recordOf(id, request.body as EmailJobInput)]);
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
