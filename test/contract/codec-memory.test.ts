import { topics } from '../../src/contracts/topic.ts';
import { MemoryCodec } from '../../src/testing/memory-codec.ts';
import { codecContract, JOB_BYTES_MAX } from './codec.contract.ts';

describe('MemoryCodec', () => {
  codecContract(async () => {
    const codec = new MemoryCodec({ jobBytesMax: JOB_BYTES_MAX });
    return {
      codec,
      topics: {
        ingest: topics.ingest('transactional'),
        results: topics.results('transactional'),
        reputation: topics.reputation,
      },
      register: async (topic, schema) => codec.register(topic, schema),
    };
  });
});
