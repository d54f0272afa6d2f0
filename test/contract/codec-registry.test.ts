import { randomUUID } from 'node:crypto';
import { jest } from '@jest/globals';
import type { DeliveryResult, EmailJob, ReputationSignal } from '../../src/contracts/generated.ts';
import { schemas } from '../../src/contracts/generated.ts';
import type { Topic } from '../../src/contracts/topic.ts';
import { openRegistryCodec } from '../../src/registry/codec.ts';
import { subjectOf } from '../../src/registry/schema-source.ts';
import { withInfra } from '../support/infra.ts';
import { registerUnchecked } from '../support/registry.ts';
import { codecContract, JOB_BYTES_MAX } from './codec.contract.ts';

jest.setTimeout(60_000);

describe('RegistryCodec', () => {
  const infra = withInfra();

  codecContract(async () => {
    const prefix = `test-${randomUUID()}`;
    const topics = {
      ingest: { name: `${prefix}.ingest`, schema: 'EmailJob' } as Topic<EmailJob>,
      results: { name: `${prefix}.results`, schema: 'DeliveryResult' } as Topic<DeliveryResult>,
      reputation: { name: `${prefix}.reputation`, schema: 'ReputationSignal' } as Topic<ReputationSignal>,
    };
    const url = infra().schemaRegistryUrl;
    for (const topic of Object.values(topics)) {
      await registerUnchecked(url, subjectOf(topic), schemas[topic.schema as keyof typeof schemas]);
    }
    const codec = await openRegistryCodec({ url, encodes: Object.values(topics), jobBytesMax: JOB_BYTES_MAX });
    return { codec, topics, register: (topic, schema) => registerUnchecked(url, subjectOf(topic), schema) };
  });
});
