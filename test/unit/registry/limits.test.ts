import { loadCatalog } from '../../../src/kafka/topic-catalog.ts';
import { valueBytesMax } from '../../../src/registry/limits.ts';

describe('valueBytesMax', () => {
  it('leaves room in every topic for a key, headers and the frame of a batch', () => {
    for (const jobBytesMax of [1_000, 5_000_000, 100_000_000]) {
      for (const topic of loadCatalog({ jobBytesMax })) {
        expect(valueBytesMax(topic, jobBytesMax) + 16_384).toBeLessThanOrEqual(
          Number(topic.config['max.message.bytes']),
        );
      }
    }
  });

  it('leaves room in a dead letter for a whole job and what is said about it', () => {
    const letter = { name: 'email.dead-letters', schema: 'DeadLetter' };
    const job = { name: 'email.due.marketing', schema: 'EmailJob' };
    expect(valueBytesMax(letter, 5_000_000) - valueBytesMax(job, 5_000_000)).toBeGreaterThan(64 * 1024);
  });
});
